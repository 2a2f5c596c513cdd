"""What a campaign trains on annotated images: which folds, which files, and what is wrong with a config."""

import pytest

from platewise.config.base import parse_section
from platewise.config.ranking import RankingConfig
from platewise.config.segmentation import CellsConfig, NucleiConfig, SegmentationConfig
from platewise.errors import ConfigError
from platewise.plan.campaign import load_campaign
from platewise.plan.engines import (
    ablations,
    all_contenders,
    engines_of,
    is_network,
    is_torch,
    segmenters_in,
    uses_network,
    with_committee_files,
    with_files,
    with_own_files,
)
from platewise.plan.jobs import campaign_stages, list_jobs, list_targets
from platewise.plan.segmenters import contender_files, folds_to_make, own_files, ranking_files
from platewise.segmentation.description import shipped_model
from platewise.segmentation.engine import needs_torch


def index_file(folder, groups=4):
    rows = [f"images/{n}.png,labels/{n}.png,g{n // 2},{'grey' if n < 6 else 'rgb'}" for n in range(2 * groups)]
    (folder / "index.csv").write_text("\n".join(["image,label,group,class", *rows]) + "\n")
    return str(folder / "index.csv")


@pytest.fixture
def raw(tmp_path):
    """A campaign without plates that trains three segmenters and compares four contenders."""
    annotated = {"index": index_file(tmp_path), "folds": 2}
    return {
        "campaign": "test",
        "results": str(tmp_path / "results"),
        "annotations": {"dsb": annotated, "other": annotated},
        "segmenters": {
            "flow": {"engine": "flow", "annotations": "dsb"},
            "unet": {"engine": "unet", "annotations": "dsb", "train_on_all": False},
            "foreign": {"engine": "unet", "annotations": "other"},
            "scale": {"engine": "scale", "annotations": "dsb", "train_on_all": False},
            "tuned": {"engine": "tuned", "annotations": "dsb", "train_on_all": False},
        },
        "segmentation_evaluation": {
            "annotations": "dsb",
            "reference": "classical",
            "contenders": {
                "classical": {"engine": "classical"},
                "tuned": {"engine": "tuned", "segmenter": "tuned"},
                "flow": {"engine": "flow", "segmenter": "flow", "scale_segmenter": "scale"},
                "elsewhere": {"engine": "unet", "segmenter": "foreign", "nucleus_diameter": 20},
                "both": {"engine": "ensemble", "segmenters": ["flow", "unet"], "nucleus_diameter": 20},
            },
        },
    }


def edited(raw, key, value):
    """The config with one key changed, named by its path."""
    *path, last = key.split(".")
    section = raw
    for name in path:
        section = section[name]
    section[last] = value
    return raw


def test_a_segmenter_is_made_without_each_fold_where_a_contender_needs_it(raw):
    campaign = load_campaign(raw)
    made = {name: folds_to_make(campaign, name) for name in raw["segmenters"]}
    assert made == {
        "flow": ["all", "0", "1"],
        "unet": ["0", "1"],
        "foreign": ["all"],
        "scale": ["0", "1"],
        "tuned": ["0", "1"],
    }


def test_a_contender_is_tested_with_what_has_not_seen_the_fold(raw):
    campaign = load_campaign(raw)
    folder = f"{campaign.folder}/campaign/segmenters"
    assert contender_files(campaign, "flow", "1") == {
        "flow": f"{folder}/flow/1/weights.safetensors",
        "scale": f"{folder}/scale/1/weights.safetensors",
    }
    assert contender_files(campaign, "tuned", "0") == {"tuned": f"{folder}/tuned/0/parameters.json"}
    # It learned from other images: it has seen none of these.
    assert contender_files(campaign, "elsewhere", "0") == {"foreign": f"{folder}/foreign/all/weights.safetensors"}


def test_jobs_targets_and_stages(raw):
    campaign = load_campaign(raw)
    jobs = list_jobs(campaign)
    made = set()
    everything = {output for job in jobs for output in job.outputs}
    for job in jobs:
        assert {path for path in job.inputs if path in everything} <= made, job.label
        made.update(job.outputs)
    assert {job.stage for job in jobs} == set(campaign_stages(campaign))
    names = {target.removeprefix(f"{campaign.folder}/") for target in list_targets(jobs)}
    assert {
        "report/segmentation.html",
        "campaign/segmentation/scores.parquet",
        "campaign/segmentation/both/1.parquet",
        "campaign/segmenters/flow/all/weights.safetensors",
        "campaign/segmenters/foreign/all/weights.safetensors",
    } <= names
    # Made when something needs them; what was learned is not learned again for want of its curves.
    assert not [name for name in names if "folds" in name or "curves" in name or "/flow/0/" in name]


def test_without_an_evaluation_the_weights_are_what_is_asked_for(raw):
    del raw["segmentation_evaluation"]
    campaign = load_campaign(raw)
    folder = f"{campaign.folder}/campaign/segmenters"
    assert list_targets(list_jobs(campaign)) == [
        f"{folder}/{name}/all/weights.safetensors" for name in ("flow", "foreign")
    ]
    assert "held_out" not in campaign_stages(campaign)


def test_an_ablation_runs_each_ensemble_without_each_member_and_each_alone(raw):
    evaluation = edited(raw, "segmentation_evaluation.ablation", True)
    found = all_contenders(load_campaign(evaluation).config.segmentation_evaluation)
    assert list(found)[5:] == ["both only flow", "both only unet"]
    assert found["both only unet"].segmenters == ("unet",)
    assert found["both only unet"].nucleus_diameter == 20
    assert ablations("e", ("a", "b", "c")) == {
        "e only a": ("a",),
        "e only b": ("b",),
        "e only c": ("c",),
        "e without a": ("b", "c"),
        "e without b": ("a", "c"),
        "e without c": ("a", "b"),
    }
    assert ablations("e", ("a",)) == {}


def test_an_ablation_takes_no_members_by_path(raw, tmp_path):
    """With them in every part, no network would be alone."""
    members = [str(shipped_model("flow", "nuclei"))]
    both = {"engine": "ensemble", "members": members, "segmenters": ["flow", "unet"], "nucleus_diameter": 20}
    edited(raw, "segmentation_evaluation.contenders.both", both)
    assert "both only flow" not in all_contenders(load_campaign(raw).config.segmentation_evaluation)
    with pytest.raises(ConfigError) as error:
        load_campaign(edited(raw, "segmentation_evaluation.ablation", True))
    (problem,) = error.value.problems
    assert problem.place == "config, key segmentation_evaluation.contenders.both.members"
    assert problem.found == "1 network(s) by path, with `ablation: true`"
    assert problem.expected == "`segmenters` only"


def test_a_ranking_waits_for_the_networks_that_its_committee_names(raw, tmp_path):
    del raw["segmentation_evaluation"]
    (tmp_path / "map.txt").write_text("well_position\tcompound\nA01\tDMSO\n")
    sheet = "plate\tbatch\treader\timages\tplatemap\n"
    (tmp_path / "plates.tsv").write_text(f"{sheet}P1\tb1\tphenix\t{tmp_path}\t{tmp_path}/map.txt\n")
    raw["segmenters"]["tuned"]["train_on_all"] = True
    member = {"engine": "ensemble", "segmenters": ["foreign", "flow"], "nucleus_diameter": 20}
    raw |= {
        "plates": str(tmp_path / "plates.tsv"),
        "plate_format": 6,
        "metadata": {"key": "compound", "negcon": ["DMSO"]},
        "images": {"channels": {"DNA": "1", "ER": "2"}},
        "segmentation": {
            "nuclei_channel": "DNA",
            "cell_channels": ["ER"],
            "nuclei": {"engine": "flow", "segmenter": "flow", "nucleus_diameter": 20},
        },
        "ranking": {"committee": [member, {"engine": "tuned", "segmenter": "tuned"}]},
    }
    campaign = load_campaign(raw)
    folder = f"{campaign.folder}/campaign/segmenters"
    own = {"flow": f"{folder}/flow/all/weights.safetensors"}
    asked = {
        "foreign": f"{folder}/foreign/all/weights.safetensors",
        "tuned": f"{folder}/tuned/all/parameters.json",
    }
    assert own_files(campaign) == own
    assert ranking_files(campaign) == own | asked
    (job,) = [job for job in list_jobs(campaign) if job.rule == "rank_annotations"]
    assert {*own.values(), *asked.values()} <= {*job.inputs}


def test_names_are_replaced_by_files():
    files = {"net": "n.safetensors", "size": "s.safetensors", "set": "p.json"}
    flow = parse_section(NucleiConfig, {"engine": "flow", "segmenter": "net", "scale_segmenter": "size"})
    assert segmenters_in(flow) == ["net", "size"]
    made = with_files(flow, files)
    assert (made.weights, made.segmenter, made.scale_weights, made.scale_segmenter) == (
        "n.safetensors",
        None,
        "s.safetensors",
        None,
    )
    both = parse_section(NucleiConfig, {"engine": "ensemble", "members": ["mine"], "segmenters": ["net"]})
    assert with_files(both, files).members == ("mine", "n.safetensors")
    tuned = parse_section(NucleiConfig, {"engine": "tuned", "segmenter": "set"})
    assert with_files(tuned, files).parameters == "p.json"
    cells = parse_section(CellsConfig, {"engine": "flow", "segmenter": "net"})
    own = with_own_files(SegmentationConfig(nuclei=tuned, cells=cells), files)
    assert (own.nuclei.parameters, own.cells.weights) == ("p.json", "n.safetensors")
    classical = parse_section(NucleiConfig, {"engine": "classical"})
    assert with_files(classical, files) == classical
    found = with_committee_files(RankingConfig(committee=(flow, tuned, both, classical), fields=7), files)
    assert found.fields == 7
    assert found.committee == tuple(with_files(engine, files) for engine in (flow, tuned, both, classical))
    assert found.committee[2].segmenters == ()


@pytest.mark.parametrize(
    ("engine", "network", "torch"),
    [
        ({"engine": "classical"}, False, False),
        ({"engine": "tuned", "segmenter": "s"}, False, False),
        ({"engine": "flow"}, True, True),
        ({"engine": "maskrcnn"}, True, True),
        ({"engine": "ensemble", "members": ["w"]}, True, True),
        ({"engine": "cellpose", "weights": "w"}, True, True),
        ({"engine": "instanseg", "weights": "w"}, True, True),
        # In TensorFlow.
        ({"engine": "stardist", "weights": "w"}, True, False),
        ({"engine": "mesmer", "weights": "w"}, True, False),
    ],
)
def test_which_engines_are_networks_and_which_of_them_in_torch(engine, network, torch):
    nuclei = parse_section(NucleiConfig, engine)
    segmentation = SegmentationConfig(nuclei=nuclei)
    assert (is_network(nuclei), uses_network(segmentation)) == (network, network)
    assert (is_torch(nuclei), needs_torch(segmentation)) == (torch, torch)
    cells = parse_section(CellsConfig, {"engine": "flow"})
    assert needs_torch(SegmentationConfig(nuclei=nuclei, cells=cells))


def test_a_segmenter_for_each_class(raw):
    keys = {"engine": "per_class", "segmenters": {"grey": "unet", "rgb": "tuned"}, "scale_segmenter": "scale"}
    campaign = load_campaign(edited(raw, "segmentation_evaluation.contenders.classes", keys))
    contender = campaign.config.segmentation_evaluation.contenders["classes"]
    engines = engines_of(contender, campaign.config.segmenters)
    assert {kind: (engine.engine, engine.segmenter) for kind, engine in engines.items()} == {
        "grey": ("unet", "unet"),
        "rgb": ("tuned", "tuned"),
    }
    assert engines["grey"].scale_segmenter == "scale"
    assert segmenters_in(contender) == ["unet", "tuned", "scale"]


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("segmenters.flow.annotations", "mine", "key segmenters.flow.annotations: found 'mine'; expected one of dsb"),
        ("segmenters.flow.classes", ["red"], "key segmenters.flow.classes: found 'red'; expected one of grey, rgb"),
        ("segmenters.flow.start_from", "w.safetensors", "key segmenters.flow.start_from: found 'w.safetensors'"),
        ("segmenters.flow.start_from", "${NOT_SET}/w", "the environment variable NOT_SET to be set"),
        ("annotations.dsb.folds", 9, "found 9, with 4 group(s) of images; expected at most as many folds as groups"),
        ("segmentation_evaluation.annotations", "mine", "segmentation_evaluation.annotations: found 'mine'"),
        ("segmentation_evaluation.reference", "none", "reference is 'none'; expected one of the contenders"),
        ("segmentation_evaluation.gallery", ["none"], "gallery is 'none'; expected one of the contenders"),
        (
            "segmentation_evaluation.contenders.flow",
            {"engine": "flow", "segmenter": "none"},
            "key segmentation_evaluation.contenders.flow: found 'none'; expected one of flow, unet",
        ),
        (
            "segmentation_evaluation.contenders.flow",
            {"engine": "flow", "segmenter": "unet"},
            "found unet, a segmenter of the engine unet for nuclei; expected one of the engine flow for nuclei",
        ),
        (
            "segmentation_evaluation.contenders.flow",
            {"engine": "flow", "segmenter": "flow", "scale_segmenter": "unet"},
            "found unet, a segmenter of the engine unet for nuclei; expected one of the engine scale for nuclei",
        ),
        (
            "segmentation_evaluation.contenders.both",
            {"engine": "ensemble", "segmenters": ["flow", "tuned"]},
            "found tuned, a segmenter of the engine tuned",
        ),
        (
            "segmentation_evaluation.contenders.flow",
            {"engine": "flow", "weights": "w.safetensors", "nucleus_diameter": 20},
            "contenders.flow.weights: found no file w.safetensors",
        ),
        (
            "segmentation_evaluation.contenders.each",
            {"engine": "per_class", "segmenters": {"grey": "unet"}},
            "found no segmenter for rgb; expected one for each class of the index",
        ),
        ("segmenters.foreign.train_on_all", False, "made from other images and not from all of them"),
        ("segmenters.flow.target", "cells", "found flow, a segmenter of the engine flow for cells"),
        *(
            (f"segmenters.{name}.target", "cells", f"segmenters.{name}.target: found 'cells', with the engine {name}")
            for name in ("unet", "scale")
        ),
        (
            "segmenters.new",
            {"engine": "maskrcnn", "annotations": "dsb", "target": "cells"},
            "segmenters.new.target: found 'cells', with the engine maskrcnn; expected nuclei",
        ),
        (
            "segmenters.new",
            {"engine": "fpn", "annotations": "dsb", "target": "cells"},
            "segmenters.new.target: found 'cells', with the engine fpn; expected nuclei",
        ),
        (
            "ranking",
            {"committee": [{"engine": "flow", "segmenter": "none", "nucleus_diameter": 20}]},
            "key ranking.committee[0]: found 'none'; expected one of flow, unet",
        ),
        (
            "ranking",
            {"committee": [{"engine": "classical"}, {"engine": "flow", "scale_segmenter": "none"}]},
            "key ranking.committee[1]: found 'none'; expected one of flow, unet",
        ),
        (
            "ranking",
            {"committee": [{"engine": "ensemble", "segmenters": ["foreign", "tuned"], "nucleus_diameter": 20}]},
            "key ranking.committee[0]: found tuned, a segmenter of the engine tuned",
        ),
        (
            "ranking",
            {"committee": [{"engine": "unet", "segmenter": "unet", "nucleus_diameter": 20}]},
            "key ranking.committee[0]: found the segmenter unet; expected one that is trained on all images",
        ),
        (
            "ranking",
            {"committee": [{"engine": "flow", "weights": "/no/such/file", "nucleus_diameter": 20}]},
            "key ranking.committee[0].weights: found no file /no/such/file; expected a file of weights",
        ),
        (
            "ranking",
            {"committee": [{"engine": "ensemble", "members": ["/no/such/file"], "nucleus_diameter": 20}]},
            "key ranking.committee[0].members.0: found no file /no/such/file; expected a file of weights",
        ),
        (
            "segmentation",
            {"nuclei": {"engine": "unet", "segmenter": "unet", "nucleus_diameter": 20}},
            "key segmentation.nuclei: found the segmenter unet; expected one that is trained on all images",
        ),
        (
            "segmentation",
            {"nuclei": {"engine": "classical"}, "cells": {"engine": "flow", "segmenter": "flow"}},
            "key segmentation.cells: found flow, a segmenter of the engine flow for nuclei",
        ),
        (
            "segmentation",
            {"nuclei": {"engine": "flow", "segmenter": "flow", "weights": "w"}},
            "`weights` or `segmenter`, not both",
        ),
        (
            "segmentation",
            {"nuclei": {"engine": "flow", "scale_segmenter": "scale", "scale_weights": "w"}},
            "`scale_weights` or `scale_segmenter`, not both",
        ),
        ("segmentation", {"nuclei": {"engine": "tuned"}}, "`parameters` or `segmenter`, one of the two"),
        ("segmentation", {"nuclei": {"engine": "ensemble"}}, "at least one network among `members` and `segmenters`"),
    ],
)
def test_what_is_wrong_is_told_before_anything_runs(raw, key, value, told):
    with pytest.raises(ConfigError) as error:
        load_campaign(edited(raw, key, value))
    assert told in str(error.value)
    assert "Hint: " in str(error.value)


def test_a_campaign_starts_from_something(raw):
    with pytest.raises(ConfigError, match="found neither plates nor table; expected one of them, or segmenters"):
        load_campaign({"campaign": "test"})


def test_an_index_that_is_wrong_is_told_with_its_key(raw, tmp_path):
    raw["annotations"]["dsb"] = {"index": str(tmp_path / "none.csv")}
    with pytest.raises(
        ConfigError, match=r"key annotations.dsb.index: found '.*none.csv'; expected a file that exists"
    ):
        load_campaign(raw)
