"""`platewise segment`: options to engines, files to labels, exit status."""

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from typer.testing import CliRunner

from platewise.cli import app
from platewise.errors import ConfigError, DataError, PlatewiseError
from platewise.segmentation import description
from platewise.segmentation.description import ModelInfo
from platewise.segmentation.models import build, save_model
from platewise.segmentation.options import config_of_options
from platewise.segmentation.pictures import read_label


def call(*arguments):
    return CliRunner().invoke(app, ["segment", *map(str, arguments)])


@pytest.fixture
def images(tmp_path):
    """Two nuclei of 20 pixels in each of three images: 8 bit, 16 bit, colour."""
    rows, columns = np.indices((90, 120))
    shown = np.zeros((90, 120))
    for y, x in ((40, 35), (50, 85)):
        shown += 150 * np.exp(-((np.hypot(rows - y, columns - x) / 10) ** 8))
    shown += np.random.default_rng(0).normal(20, 1, shown.shape)
    folder = tmp_path / "images"
    folder.mkdir()
    Image.fromarray(shown.astype(np.uint8)).save(folder / "a.png")
    tifffile.imwrite(folder / "b.tif", (shown * 200).astype(np.uint16))
    Image.fromarray(np.repeat(shown[..., None], 3, axis=2).astype(np.uint8)).save(folder / "c.jpg")
    return folder


@pytest.fixture
def weights(tmp_path):
    def write(kind="flow", target="nuclei"):
        torch.manual_seed(0)
        info = ModelInfo(kind, target, 20.0, {"channels_in": 3 if target == "nuclei" else 2, "width": 4})
        save_model(tmp_path / f"{kind}.safetensors", info, build(info))
        return tmp_path / f"{kind}.safetensors"

    return write


CLASSICAL = ("--engine", "classical", "--diameter", 20)


def test_nuclei_of_any_images(images, tmp_path):
    done = call(images, tmp_path / "out", *CLASSICAL)
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert [line.split(",")[0] for line in lines] == [f"{n} of 3  {name}: 2 nuclei" for n, name in enumerate("abc", 1)]
    for name in "abc":
        assert read_label(tmp_path / "out" / f"{name}.png").max() == 2


def test_second_run_finds_its_labels(images, tmp_path):
    call(images, tmp_path / "out", *CLASSICAL)
    done = call(images, tmp_path / "out", *CLASSICAL)
    assert done.output.count("2 nuclei, there already") == 3
    done = call(images, tmp_path / "out", *CLASSICAL[:3], 30)
    assert isinstance(done.exception, DataError)
    assert call(images, tmp_path / "out", *CLASSICAL[:3], 30, "--overwrite").exit_code == 0


def test_one_image_and_one_channel(images, tmp_path):
    stack = np.stack([np.zeros((90, 120), np.uint16), tifffile.imread(images / "b.tif")])
    tifffile.imwrite(tmp_path / "two.tif", stack, photometric="minisblack")
    done = call(tmp_path / "two.tif", tmp_path / "out", *CLASSICAL, "--channel", 1)
    assert done.exit_code == 0, done.output
    assert "1 of 1  two: 2 nuclei" in done.output


def test_bad_image_makes_the_status_1_and_is_listed(images, tmp_path):
    (images / "b.tif").write_bytes(b"II*")
    done = call(images, tmp_path / "out", *CLASSICAL)
    assert done.exit_code == 1
    assert isinstance(done.exception, PlatewiseError)
    assert str(done.exception).startswith("1 of 3 images could not be used:\n")
    assert "b.tif" in str(done.exception)
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == ["a.png", "c.png"]


def test_two_images_of_one_name_are_refused_before_any_work(images, tmp_path):
    Image.new("L", (5, 5)).save(images / "b.png")
    done = call(images, tmp_path / "out", *CLASSICAL)
    assert "same name" in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_weights_say_which_engine_they_are_for(images, tmp_path, weights):
    done = call(images / "a.png", tmp_path / "out", "--model", weights("unet"), "--diameter", 20, "--device", "cpu")
    assert done.exit_code == 0, done.output
    assert read_label(tmp_path / "out" / "a.png").shape == (90, 120)


def test_wrong_weights_are_refused_before_any_image(images, tmp_path, weights):
    done = call(images, tmp_path / "out", "--engine", "fpn", "--model", weights("flow"), "--diameter", 20)
    assert "of the engine flow for nuclei; expected fpn for nuclei" in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_cells_of_given_nuclei(images, tmp_path):
    call(images, tmp_path / "nuclei", *CLASSICAL)
    done = call(images, tmp_path / "out", "--target", "cells", "--nuclei", tmp_path / "nuclei", "--engine", "seeded")
    assert done.exit_code == 0, done.output
    for name in "abc":
        cells, nuclei = (read_label(tmp_path / folder / f"{name}.png") for folder in ("out", "nuclei"))
        np.testing.assert_array_equal(cells[nuclei > 0], nuclei[nuclei > 0])
        assert f"{name}: 2 cells" in done.output


def test_cells_of_other_nuclei_are_not_mixed_with_these(images, tmp_path):
    call(images, tmp_path / "first", *CLASSICAL)
    (tmp_path / "second").mkdir()
    for label in (tmp_path / "first").glob("*.png"):
        Image.fromarray((read_label(label) * 3).astype(np.uint16)).save(tmp_path / "second" / label.name)
    cells = (images, tmp_path / "out", "--target", "cells", "--engine", "seeded", "--nuclei")
    call(*cells, tmp_path / "first")
    assert call(*cells, tmp_path / "first").output.count("2 cells, there already") == 3
    assert "other weights, settings or nuclei" in str(call(*cells, tmp_path / "second").exception)
    assert call(*cells, tmp_path / "second", "--overwrite").exit_code == 0
    assert np.unique(read_label(tmp_path / "out" / "a.png")).tolist() == [0, 3, 6]


def test_cells_without_nuclei_are_bright_objects(images, tmp_path):
    done = call(images, tmp_path / "out", "--target", "cells", *CLASSICAL)
    assert done.exit_code == 0, done.output
    assert done.output.count(": 2 cells") == 3


def test_cells_without_nuclei_show_in_all_channels_together(images, tmp_path):
    """Two cells, each bright in a channel of its own, one of which is nine times as bright as the other."""
    plane = np.asarray(Image.open(images / "a.png")).astype(np.float32)
    left, ground = np.indices(plane.shape)[1] < 60, np.median(plane)
    planes = np.stack([np.where(left, plane, ground), 9 * np.where(left, ground, plane)])
    (tmp_path / "several").mkdir()
    tifffile.imwrite(tmp_path / "several" / "a.tif", planes)
    assert "--channel" in str(call(tmp_path / "several", tmp_path / "nuclei", *CLASSICAL).exception)
    done = call(tmp_path / "several", tmp_path / "out", "--target", "cells", *CLASSICAL)
    assert done.exit_code == 0, done.output
    assert read_label(tmp_path / "out" / "a.png").max() == 2


def test_cells_that_grow_from_nuclei_need_some(images, tmp_path):
    done = call(images, tmp_path / "out", "--target", "cells", "--engine", "seeded")
    assert isinstance(done.exception, ConfigError)
    assert "--engine seeded: found no --nuclei" in str(done.exception)


def test_a_diameter_that_is_no_number_is_refused(images, tmp_path):
    for text in ("inf", "nan"):
        done = call(images, tmp_path / "out", "--diameter", text)
        assert isinstance(done.exception, ConfigError)
        assert "nucleus_diameter" in str(done.exception)


def test_nuclei_without_cells_to_find_are_refused(images, tmp_path):
    done = call(images, tmp_path / "out", "--nuclei", images)
    assert isinstance(done.exception, ConfigError)
    assert "--nuclei: found" in str(done.exception)
    assert "--target cells" in str(done.exception)


# --- options to configs


def test_options_left_out_are_the_defaults():
    from platewise.config.segmentation import SegmentationConfig

    assert config_of_options(None, (), "nuclei", None) == SegmentationConfig()
    assert config_of_options(None, (), "cells", None) == SegmentationConfig()


def test_options_reach_the_engines(tmp_path, weights):
    flow = weights("flow", "cells")
    assert config_of_options("tuned", [tmp_path / "p.json"], "nuclei", None).nuclei.parameters == str(
        tmp_path / "p.json"
    )
    assert config_of_options("cellpose", [flow], "nuclei", 17.0).nuclei.nucleus_diameter == 17
    assert config_of_options(None, [flow], "nuclei", None).nuclei.weights == str(flow)
    assert config_of_options(None, [flow, flow], "nuclei", None).nuclei.members == (str(flow),) * 2
    cells = config_of_options(None, [flow], "cells", 25.0)
    assert cells.cells.weights == str(flow)
    assert cells.nuclei.nucleus_diameter == 25


@pytest.mark.parametrize(
    ("engine", "models", "finds", "diameter", "words"),
    [
        ("magic", (), "nuclei", None, "--engine magic"),
        ("magic", (), "cells", None, "--engine magic"),
        ("cellpose", (), "nuclei", None, "--engine cellpose, key weights"),
        ("tuned", (), "nuclei", None, "`parameters` or `segmenter`"),
        ("ensemble", (), "nuclei", None, "at least one network"),
        ("classical", ("w",), "nuclei", None, "--engine classical, key weights"),
        ("flow", ("a", "b"), "nuclei", None, "--model: found 2 files; expected one for --engine flow"),
        ("flow", (), "nuclei", 0.5, "--engine flow, key nucleus_diameter"),
        ("tuned", ("p",), "nuclei", 20.0, "--engine tuned, key nucleus_diameter"),
    ],
)
def test_options_that_make_no_sense_are_told(engine, models, finds, diameter, words):
    with pytest.raises(ConfigError) as raised:
        config_of_options(engine, models, finds, diameter)
    assert words in str(raised.value)
    assert "Hint: " in str(raised.value)


def test_missing_default_weights_are_named(images, tmp_path, monkeypatch):
    monkeypatch.setattr(description, "SHIPPED", tmp_path / "none")
    done = call(images, tmp_path / "out", "--engine", "flow", "--diameter", 20)
    assert "flow-nuclei.safetensors: no such weights come with platewise" in str(done.exception)
