"""Which weights an engine opens: told when a campaign is planned, and part of what labels depend on."""

import os
import re
import shutil

import pytest
import torch

from platewise.config.ranking import RankingConfig
from platewise.config.segmentation import (
    EnsembleNuclei,
    FlowCells,
    FlowNuclei,
    MaskRcnnNuclei,
    SegmentationConfig,
    ToolNuclei,
    TunedNuclei,
)
from platewise.errors import DataError
from platewise.segmentation import weight_files as module
from platewise.segmentation.description import ModelInfo
from platewise.segmentation.weight_files import (
    hash_content,
    label_parameters,
    ranking_parameters,
    weight_files,
    weight_problems,
)
from platewise.weights import save_tensors


@pytest.fixture
def write(tmp_path):
    """Write a file that describes itself as weights of a kind for a target."""

    def write(name, kind="flow", target="nuclei", value=0.0):
        path = tmp_path / name
        info = ModelInfo(kind, target, 20.0, {})
        save_tensors(path, {"w": torch.full((2,), value)}, {"format": 1, **vars(info)})
        return str(path)

    return write


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "shipped_model", lambda kind, target: tmp_path / f"{kind}-{target}.safetensors")
    return tmp_path


def test_files_that_engines_open(shipped):
    scale = shipped / "scale-nuclei.safetensors"
    tool = ToolNuclei(engine="cellpose", weights="/c")
    ensemble = EnsembleNuclei(engine="ensemble", members=("/a", "/b"), scale_weights="/s")
    found = {
        "flow": weight_files(FlowNuclei(), "nuclei"),
        "given": weight_files(FlowNuclei(weights="/w", nucleus_diameter=9.0), "nuclei"),
        "made": weight_files(MaskRcnnNuclei(engine="maskrcnn", segmenter="a", scale_segmenter="b"), "nuclei"),
        "ensemble": weight_files(ensemble, "nuclei"),
        "tuned": weight_files(TunedNuclei(engine="tuned", parameters="/p"), "nuclei"),
        "tool": weight_files(tool, "nuclei"),
        "cells": weight_files(FlowCells(engine="flow"), "cells"),
        "classical": weight_files(SegmentationConfig(nuclei={"engine": "classical"}).nuclei, "nuclei"),
    }
    assert {name: {key: str(path) for key, path in files.items()} for name, files in found.items()} == {
        "flow": {"weights": str(shipped / "flow-nuclei.safetensors"), "scale_weights": str(scale)},
        "given": {"weights": "/w"},
        "made": {},
        "ensemble": {"members.0": "/a", "members.1": "/b", "scale_weights": "/s"},
        "tuned": {"parameters": "/p"},
        "tool": {"weights": "/c"},
        "cells": {"weights": str(shipped / "flow-cells.safetensors")},
        "classical": {},
    }


def config(path, **keys):
    return SegmentationConfig(
        nuclei=FlowNuclei(weights=path, nucleus_diameter=20.0, **keys), cells={"engine": "seeded"}
    )


def test_labels_depend_on_what_weights_hold_not_on_where_they_lie(write, tmp_path):
    path = write("a.safetensors")
    before = label_parameters(config(path))
    moved = shutil.copy(path, tmp_path / "elsewhere.safetensors")
    assert label_parameters(config(str(moved))) == before
    write("a.safetensors", value=1.0)
    assert label_parameters(config(path)) != before


def test_labels_do_not_depend_on_how_much_is_done_at_a_time(write):
    path = write("a.safetensors")
    before = label_parameters(config(path))
    assert label_parameters(config(path, tile=256, batch=9)) == before
    assert label_parameters(config(path).model_copy(update={"batch_size": 7})) == before
    assert label_parameters(config(path, flips=4)) != before
    assert label_parameters(config(path, precision="full")) != before


def test_labels_do_not_depend_on_what_made_the_weights(write):
    path = write("a.safetensors")
    ensemble = EnsembleNuclei(engine="ensemble", members=(path,), nucleus_diameter=20.0)
    named = ensemble.model_copy(update={"segmenters": ("mine",), "scale_segmenter": "ours"})
    assert label_parameters(SegmentationConfig(nuclei=ensemble)) == label_parameters(SegmentationConfig(nuclei=named))


def test_a_ranking_depends_on_what_the_weights_of_its_committee_hold(write, tmp_path):
    path = write("a.safetensors")

    def parameters(path, **keys):
        flow = FlowNuclei(weights=path, nucleus_diameter=20.0, **keys)
        return ranking_parameters(RankingConfig(committee=(flow,), fields=7))

    before = parameters(path)
    assert before["fields"] == 7
    assert parameters(str(shutil.copy(path, tmp_path / "elsewhere.safetensors")), batch=9) == before
    assert parameters(path, flips=4) != before
    assert parameters(write("a.safetensors", value=1.0)) != before


def test_weights_that_are_gone_are_named(tmp_path):
    with pytest.raises(DataError, match=r"gone\.safetensors: cannot be read"):
        label_parameters(config(str(tmp_path / "gone.safetensors")))


@pytest.mark.parametrize("engine", ["unet", "fpn", "maskrcnn"])
def test_engines_without_weights_of_their_own_say_what_to_do(engine):
    lacking = SegmentationConfig(nuclei={"engine": engine, "nucleus_diameter": 20})
    words = rf"{engine}-nuclei\.safetensors: no such weights come with platewise"
    with pytest.raises(DataError, match=words + r".*Hint: train them.*--model"):
        label_parameters(lacking)
    (problem,) = weight_problems(lacking, "c.yaml")
    assert re.search(words, problem.found)
    assert "train them" in problem.remedy


def test_hash_of_a_folder_is_that_of_its_names_and_contents(tmp_path):
    def folder(name, **files):
        (tmp_path / name / "deep").mkdir(parents=True)
        for file, content in files.items():
            (tmp_path / name / "deep" / file).write_text(content)
        return hash_content(tmp_path / name)

    assert folder("a", x="1", y="2") == folder("b", y="2", x="1")
    hashes = {folder("c", x="1", y="3"), folder("d", x="1", z="2"), folder("e", x="12"), folder("f", x="1", y="2")}
    assert len(hashes) == 4


def test_a_file_that_did_not_change_is_read_once(tmp_path):
    path, folder = tmp_path / "w", tmp_path / "folder"
    path.write_text("one")
    stat, first = path.stat(), hash_content(path)
    # Neither size nor time tells of this change.
    path.write_text("two")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert hash_content(path) == first
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert hash_content(path) != first
    folder.mkdir()
    (folder / "a").write_text("one")
    first = hash_content(folder)
    (folder / "b").write_text("two")
    second = hash_content(folder)
    (folder / "b").write_text("three")
    assert len({first, second, hash_content(folder)}) == 3


def test_a_file_that_is_replaced_at_once_is_read_again(tmp_path):
    path, other = tmp_path / "w", tmp_path / "other"
    path.write_text("one")
    stat, first = path.stat(), hash_content(path)
    other.write_text("two")
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(path)
    assert hash_content(path) != first


def test_problems_are_told_with_their_key(write, tmp_path):
    cells = write("cells", target="cells")
    (tmp_path / "text").write_text("hello there")
    ensemble = EnsembleNuclei(
        engine="ensemble",
        members=(write("good"), cells, str(tmp_path / "text"), write("scale", "scale")),
        scale_weights=str(tmp_path / "gone"),
    )
    problems = weight_problems(
        SegmentationConfig(nuclei=ensemble, cells=FlowCells(engine="flow", weights=cells)), "c.yaml"
    )
    assert [problem.place for problem in problems] == [
        f"c.yaml, key segmentation.nuclei.{key}" for key in ("members.1", "members.2", "members.3", "scale_weights")
    ]
    for problem, words in zip(
        problems, ("for cells", "no safetensors file", "of the engine scale", "no file"), strict=True
    ):
        assert words in str(problem)
        assert "Hint: " in str(problem)


def test_what_a_tool_or_the_search_needs_must_be_there(tmp_path):
    tool = ToolNuclei(engine="stardist", weights=str(tmp_path))
    gone = TunedNuclei(engine="tuned", parameters=str(tmp_path / "gone.json"))
    assert weight_problems(SegmentationConfig(nuclei=tool), "c.yaml") == []
    (problem,) = weight_problems(SegmentationConfig(nuclei=gone), "c.yaml")
    assert problem.place == "c.yaml, key segmentation.nuclei.parameters"
