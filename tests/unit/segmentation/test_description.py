"""Files of weights: what is not one, or is for something else, is refused by name, and without torch."""

import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from platewise.errors import DataError
from platewise.segmentation.description import DENSE, ModelInfo, read_info, read_kind
from platewise.segmentation.models import build, load_dense, load_model, save_model
from platewise.weights import load_tensors, save_tensors

INFO = ModelInfo("flow", "nuclei", 20.0, {"channels_in": 3, "encoder": "resnet", "width": 4}, {"seed": 5})


@pytest.fixture
def path(tmp_path):
    torch.manual_seed(0)
    save_model(tmp_path / "w.safetensors", INFO, build(INFO))
    return tmp_path / "w.safetensors"


def rewrite(path, facts=None, **tensors):
    """Write the file anew with other facts or tensors; None takes a fact or tensor out."""
    old, said = load_tensors(path)
    merged = {name: value for name, value in (said | (facts or {})).items() if value is not None}
    save_tensors(path, {name: value for name, value in (old | tensors).items() if value is not None}, merged)


def test_what_was_saved_is_loaded(path):
    info, network = load_model(path, "flow", "nuclei")
    assert info == INFO == read_info(path, DENSE, "nuclei")
    assert read_kind(path) == "flow"
    assert not network.training
    torch.manual_seed(0)
    expected = build(INFO).state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in network.state_dict().items())


def test_half_precision_on_disk_is_full_precision_in_memory(path):
    _, network = load_model(path, "flow", "nuclei")
    size = path.stat().st_size
    save_model(path, INFO, network, half=True)
    assert path.stat().st_size < 0.6 * size
    _, again = load_dense(path, "nuclei")
    for name, tensor in again.state_dict().items():
        assert tensor.dtype == network.state_dict()[name].dtype
        torch.testing.assert_close(tensor, network.state_dict()[name], rtol=1e-3, atol=1e-6)


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def cut_short_in_the_header(path):
    path.write_bytes(path.read_bytes()[:40])


def empty(path):
    path.write_bytes(b"")


def text(path):
    path.write_text("not weights at all")


def pickled(path):
    path.write_bytes(pickle.dumps({"weights": [1.0] * 100}))


def torch_pickled(path):
    torch.save({"w": torch.zeros(3)}, path)


def damaged_header(path):
    content = bytearray(path.read_bytes())
    content[9] = 0xFF
    path.write_bytes(content)


def header_that_is_a_list(path):
    body = json.dumps([1, 2, 3]).encode()
    path.write_bytes(len(body).to_bytes(8, "little") + body)


def longer(path):
    path.write_bytes(path.read_bytes() + b"more")


def missing(path):
    path.unlink()


@pytest.mark.parametrize("kind", ["flow", "fpn"])
@pytest.mark.parametrize(
    "spoil",
    [
        cut,
        cut_short_in_the_header,
        empty,
        text,
        pickled,
        torch_pickled,
        damaged_header,
        header_that_is_a_list,
        longer,
        missing,
    ],
)
def test_what_is_no_whole_safetensors_file_is_refused_by_name(path, spoil, kind):
    spoil(path)
    with pytest.raises(DataError, match=r"w\.safetensors: .*Hint: "):
        load_model(path, kind, "nuclei")


def test_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_info(tmp_path, DENSE, "nuclei")


def test_pickle_is_never_executed(path, tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(DataError, match="no safetensors file"):
        load_model(path, "flow", "nuclei")
    assert not (tmp_path / "sprung").exists()


def test_weights_of_others_are_refused(path):
    save_file({"w": torch.zeros(3)}, path)
    with pytest.raises(DataError, match="no weights of a segmenter of platewise"):
        read_info(path, DENSE, "nuclei")


@pytest.mark.parametrize("facts", [{"format": 99}, {"format": None}, {"kind": "other"}, {"kind": None}])
def test_descriptions_of_another_format_or_kind_are_refused(path, facts):
    rewrite(path, facts)
    with pytest.raises(DataError, match="no weights of a segmenter of platewise"):
        read_info(path, DENSE, "nuclei")


def test_another_engine_and_another_target_are_refused(path):
    with pytest.raises(DataError, match="of the engine flow for nuclei; expected unet for nuclei"):
        load_model(path, "unet", "nuclei")
    with pytest.raises(DataError, match="of the engine flow for nuclei; expected flow for cells"):
        load_model(path, "flow", "cells")


@pytest.mark.parametrize(
    "facts", [{"architecture": None}, {"diameter": None}, {"diameter": 0.0}, {"diameter": "20"}, {"architecture": [4]}]
)
def test_incomplete_descriptions_are_refused(path, facts):
    rewrite(path, facts)
    with pytest.raises(DataError, match="the description"):
        read_info(path, DENSE, "nuclei")


@pytest.mark.parametrize("architecture", [{"width": 4, "depth": 9}, {"encoder": "vgg"}])
def test_architecture_that_cannot_be_made_is_refused(path, architecture):
    rewrite(path, {"architecture": {"channels_in": 3} | architecture})
    with pytest.raises(DataError, match="no flow network can be made as the file describes it"):
        load_model(path, "flow", "nuclei")


def test_wrong_shapes_are_refused_by_name(path):
    name = "head.1.bias"
    rewrite(path, **{name: torch.zeros(7)})
    with pytest.raises(DataError, match=rf"{name} is \(7,\), expected \(3,\) \(1 such\)"):
        load_model(path, "flow", "nuclei")
    rewrite(path, **{name: None})
    with pytest.raises(DataError, match=rf"{name} is missing, expected \(3,\)"):
        load_model(path, "flow", "nuclei")
    rewrite(path, **{name: torch.zeros(3), "more": torch.zeros(2)})
    with pytest.raises(DataError, match=r"more is \(2,\), expected nothing of that name"):
        load_model(path, "flow", "nuclei")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(path, value):
    rewrite(path, **{"head.1.bias": torch.tensor([0.0, value, 0.0])})
    with pytest.raises(DataError, match=r"head\.1\.bias holds values that are not finite"):
        load_model(path, "flow", "nuclei")


def test_reading_a_description_imports_no_torch(path):
    code = (
        "import sys; from pathlib import Path; from platewise.segmentation.description import DENSE, read_info; "
        f"print(read_info(Path({str(path)!r}), DENSE, 'nuclei').diameter, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["20.0", "False"]
