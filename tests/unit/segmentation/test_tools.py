"""Adapters to tools, with stand-ins for the tools that record how they are called."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from platewise.config.segmentation import ToolNuclei
from platewise.errors import ConfigError, DataError
from platewise.segmentation.engine import make_nuclei_engine
from platewise.segmentation.images import standardise
from platewise.segmentation.tools.choose import make_tool

GREY = np.random.default_rng(0).random((1, 12, 17)).astype(np.float32) * 4000
COLOUR = np.random.default_rng(1).random((3, 12, 17)).astype(np.float32) * 255
# The first object in raster order is 2.
FOUND = np.zeros((12, 17), np.uint16)
FOUND[2:4, 3:6] = 2
FOUND[7:9, 1:4] = 1
EXPECTED = np.select([FOUND == 2, FOUND == 1], [1, 2]).astype(np.int32)


@pytest.fixture
def install(monkeypatch):
    """Put a module, and the packages it lies in, where imports find it."""

    def put(name, **content):
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            module = ModuleType(".".join(parts[:length]))
            module.__path__ = []
            monkeypatch.setitem(sys.modules, module.__name__, module)
        vars(sys.modules[name]).update(content)

    return put


@pytest.fixture
def weights(tmp_path):
    (tmp_path / "file").write_bytes(b"weights")
    (tmp_path / "folder").mkdir()
    return SimpleNamespace(file=str(tmp_path / "file"), folder=str(tmp_path / "folder"), parent=str(tmp_path))


def segment(engine, *images):
    labels = engine.segment(list(images))
    for label in labels:
        assert label.dtype == np.int32
        np.testing.assert_array_equal(label, EXPECTED)
    assert engine.halvings == 0


def same(found, expected):
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(("device", "gpu"), [(None, False), (torch.device("cpu"), False), (torch.device("cuda"), True)])
def test_cellpose(install, weights, device, gpu):
    made, seen = [], []

    class CellposeModel:
        def __init__(self, **keys):
            made.append(keys)

        def eval(self, image, **keys):
            seen.append((image, keys))
            return FOUND, ["flows"], ["styles"]

    install("cellpose.models", CellposeModel=CellposeModel)
    engine = make_tool(ToolNuclei(engine="cellpose", weights=weights.file, nucleus_diameter=23.0), device)
    segment(engine, GREY, COLOUR)
    assert made == [{"gpu": gpu, "pretrained_model": weights.file, "device": device}]
    same(seen[0][0], GREY[0])
    same(seen[1][0], np.moveaxis(COLOUR, 0, 2))
    assert [keys for _, keys in seen] == [
        {"channel_axis": None, "diameter": 23.0},
        {"channel_axis": 2, "diameter": 23.0},
    ]


@pytest.mark.parametrize("channels", [1, 3])
def test_stardist(install, weights, channels):
    made, seen = [], []

    class StarDist2D:
        config = SimpleNamespace(n_channel_in=channels)

        def __init__(self, config, **keys):
            made.append((config, keys))

        def predict_instances(self, image, **keys):
            seen.append((image, keys))
            return FOUND, {"prob": []}

    install("stardist.models", StarDist2D=StarDist2D)
    segment(make_tool(ToolNuclei(engine="stardist", weights=weights.folder)), GREY, COLOUR)
    assert made == [(None, {"name": "folder", "basedir": weights.parent})]
    for (image, keys), given in zip(seen, (GREY, COLOUR), strict=True):
        if channels == 1:
            assert keys == {"axes": "YX"}
            same(image, standardise(given.mean(axis=0)[None])[0])
        else:
            assert keys == {"axes": "YXC"}
            same(image, np.moveaxis(standardise(given), 0, 2))


def test_stardist_has_no_use_for_a_diameter(weights):
    with pytest.raises(ConfigError, match="engine stardist, nucleus_diameter: found 20"):
        make_tool(ToolNuclei(engine="stardist", weights=weights.folder, nucleus_diameter=20.0))


@pytest.mark.parametrize(("diameter", "pixel_size"), [(None, None), (20.0, 0.5), (40.0, 0.25)])
def test_instanseg(install, weights, monkeypatch, diameter, pixel_size):
    made, loaded, seen = [], [], []

    class InstanSeg:
        def __init__(self, network, **keys):
            made.append((network, keys))

        def eval_small_image(self, image, **keys):
            seen.append((image, keys))
            return torch.from_numpy(FOUND.astype(np.float32))[None, None]

    monkeypatch.setattr(torch.jit, "load", lambda path, **keys: loaded.append((path, keys)) or "network")
    install("instanseg", InstanSeg=InstanSeg)
    segment(make_tool(ToolNuclei(engine="instanseg", weights=weights.file, nucleus_diameter=diameter)), GREY, COLOUR)
    assert loaded == [(weights.file, {"map_location": "cpu"})]
    assert made == [("network", {"device": "cpu", "verbosity": 0})]
    same(seen[0][0], GREY[0])
    same(seen[1][0], np.moveaxis(COLOUR, 0, 2))
    assert all(keys == {"pixel_size": pixel_size, "return_image_tensor": False, "target": "nuclei"} for _, keys in seen)


def test_instanseg_sees_large_images_in_tiles(install, weights, monkeypatch):
    class InstanSeg:
        def __init__(self, network, **keys):
            pass

        def eval_medium_image(self, image, **keys):
            return torch.ones((1, 1, *image.shape))

    monkeypatch.setattr(torch.jit, "load", lambda path, **keys: None)
    install("instanseg", InstanSeg=InstanSeg)
    engine = make_tool(ToolNuclei(engine="instanseg", weights=weights.file))
    image = np.zeros((1, 2, 1_125_001), np.float32)
    image[0, 0, 0] = 1
    assert engine.segment([image])[0].all()


@pytest.mark.parametrize(("diameter", "pixel_size"), [(None, None), (20.0, 0.5)])
def test_mesmer(install, weights, diameter, pixel_size):
    made, seen = [], []

    class Mesmer:
        def __init__(self, **keys):
            made.append(keys)

        def predict(self, image, **keys):
            seen.append((image, keys))
            return FOUND[None, :, :, None]

    install("deepcell.applications", Mesmer=Mesmer)
    loaded = SimpleNamespace(load_model=lambda path: f"network of {path}")
    install("tensorflow", keras=SimpleNamespace(models=loaded))
    segment(make_tool(ToolNuclei(engine="mesmer", weights=weights.folder, nucleus_diameter=diameter)), GREY, COLOUR)
    assert made == [{"model": f"network of {weights.folder}"}]
    for (image, keys), given in zip(seen, (GREY, COLOUR), strict=True):
        assert image.shape == (1, 12, 17, 2)
        same(image[0, :, :, 0], given.mean(axis=0))
        assert not image[..., 1].any()
        assert keys == {"image_mpp": pixel_size, "compartment": "nuclear"}


PACKAGES = {"cellpose": "cellpose", "stardist": "stardist", "instanseg": "instanseg", "mesmer": "deepcell"}


def config(tool, weights):
    folder = tool in ("stardist", "mesmer")
    return ToolNuclei(engine=tool, weights=weights.folder if folder else weights.file)


@pytest.mark.parametrize("tool", PACKAGES)
def test_tool_that_is_not_installed(tool, weights, monkeypatch):
    """Whether or not it is installed here: None in sys.modules is how Python keeps a module from being imported."""
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGES[tool]]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, PACKAGES[tool], None)
    with pytest.raises(ConfigError) as raised:
        make_nuclei_engine(config(tool, weights))
    assert f"engine {tool}: found the tool is not installed; expected the Python package {PACKAGES[tool]}" in str(
        raised.value
    )
    assert "Hint: pip install" in str(raised.value)


@pytest.mark.parametrize("error", [RuntimeError("operator torchvision::nms does not exist"), OSError("libcudart.so")])
@pytest.mark.parametrize("tool", PACKAGES)
def test_tool_that_cannot_be_imported(tool, error, weights, monkeypatch):
    class Broken:
        """A finder that fails as a broken installation does."""

        def find_spec(self, name, path=None, target=None):
            if name.split(".")[0] == PACKAGES[tool]:
                raise error

    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGES[tool]]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(ConfigError) as raised:
        make_tool(config(tool, weights))
    assert f"it is installed but cannot be imported ({type(error).__name__}: {error})" in str(raised.value)


def test_tool_that_lacks_a_package_of_its_own(weights, monkeypatch):
    class Lacking:
        def find_spec(self, name, path=None, target=None):
            if name == "cellpose":
                raise ModuleNotFoundError("No module named 'segment_anything'", name="segment_anything")

    monkeypatch.setattr(sys, "meta_path", [Lacking(), *sys.meta_path])
    with pytest.raises(ConfigError, match="found it is installed but lacks segment_anything; expected"):
        make_tool(config("cellpose", weights))


def test_mesmer_needs_tensorflow(install, weights, monkeypatch):
    install("deepcell.applications", Mesmer=None)
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(ConfigError, match="expected the Python package tensorflow"):
        make_tool(config("mesmer", weights))


@pytest.mark.parametrize("tool", PACKAGES)
def test_weights_that_are_not_there(tool, weights):
    gone = ToolNuclei(engine=tool, weights=weights.parent + "/gone")
    kind = "folder" if tool in ("stardist", "mesmer") else "file"
    with pytest.raises(ConfigError, match=f"engine {tool}, weights: found no {kind} .*/gone.*Hint: "):
        make_tool(gone)


def test_images_are_checked_and_those_without_contrast_never_shown(install, weights):
    class CellposeModel:
        def __init__(self, **keys):
            pass

        def eval(self, image, **keys):
            raise AssertionError("shown")

    install("cellpose.models", CellposeModel=CellposeModel)
    engine = make_tool(ToolNuclei(engine="cellpose", weights=weights.file))
    assert not engine.segment([np.full((1, 5, 6), 3, np.float32)])[0].any()
    with pytest.raises(DataError, match="image 2: "):
        engine.segment([np.zeros((1, 5, 5)), np.zeros((7, 5, 5))])
