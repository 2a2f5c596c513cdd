"""The default engine with the weights that come with platewise: what nobody who relies on it may lose.

Accuracy is measured elsewhere (docs/methods.md); these fields are easy, and every one of their nuclei must be found.
"""

import hashlib

import numpy as np
import pytest
import torch
import yaml
from scipy import ndimage as ndi

from platewise.config.base import parse_section
from platewise.config.segmentation import FlowCells, FlowNuclei
from platewise.config.segmenters import SegmenterConfig
from platewise.segmentation.dense import make_dense
from platewise.segmentation.description import SHIPPED
from platewise.segmentation.engine import make_cells_engine
from platewise.segmentation.scoring import score
from platewise.simulate.annotations import draw_annotation


def render(count, diameter, side, seed, noise=8.0):
    """Draw nuclei with soft edges and a little texture, and their labels."""
    rng = np.random.default_rng(seed)
    label = np.zeros((side, side), np.int32)
    rows, columns = np.indices(label.shape)
    while label.max() < count:
        y, x = rng.uniform(diameter, side - diameter, 2)
        tall, wide = diameter / 2 * rng.uniform(0.85, 1.15, 2)
        inside = ((rows - y) / tall) ** 2 + ((columns - x) / wide) ** 2 < 1
        if not label[ndi.binary_dilation(inside, iterations=2)].any():
            label[inside] = label.max() + 1
    texture = 1 + 0.05 * diameter * ndi.gaussian_filter(rng.normal(size=label.shape), diameter / 12)
    light = ndi.gaussian_filter((label > 0) * texture, 0.06 * diameter)
    return (300 + 3000 * light + rng.normal(0, noise, label.shape)).astype(np.float32), label


@pytest.fixture(scope="module")
def engine():
    return make_dense(FlowNuclei())


@pytest.mark.parametrize(
    ("count", "diameter", "side"),
    [(150, 8, 256), (60, 14, 256), (40, 20, 320), (25, 32, 400), (8, 48, 400), (6, 65, 400)],
)
def test_nuclei_of_any_size_are_found_without_being_told(engine, count, diameter, side):
    image, label = render(count, diameter, side, seed=diameter)
    assert score(label, engine.segment([image[None]])[0])["f1@0.7"] > 0.95


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_the_last_nuclei_of_a_field_are_found(engine, count):
    image, label = render(count, 28, 1080, seed=count)
    assert score(label, engine.segment([image[None]])[0])["f1@0.7"] == 1


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_overexposed_nuclei_are_found(engine, share):
    image, label = render(40, 28, 512, seed=5)
    image = np.minimum(image, np.quantile(image[label > 0], 1 - share))
    assert score(label, engine.segment([image[None]])[0])["f1@0.7"] > 0.95


def test_polarity_bits_and_colour_do_not_matter(engine):
    image, label = render(25, 24, 320, seed=7)
    bright = np.clip((image - 300) / 3500, 0, 1)
    kinds = {
        "8 bits": np.round(255 * bright)[None],
        "16 bits": np.round(65535 * bright)[None],
        "dark on bright": 255 - np.round(230 * bright)[None],
        "colour": np.stack([240 - 120 * bright, 225 - 160 * bright, 235 - 70 * bright]),
    }
    for name, shown in kinds.items():
        assert score(label, engine.segment([shown.astype(np.float32)])[0])["f1@0.7"] > 0.9, name


def test_a_field_of_noise_holds_nothing(engine):
    for side in (512, 700):
        image = np.random.default_rng(0).normal(300, 10, (1, side, side)).astype(np.float32)
        assert not engine.segment([image])[0].any()


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_gives_the_same_nuclei(kind, monkeypatch):
    """GPUs compute in float16; here it is computed on the CPU. F1 at an IoU of 0.9, against float32."""
    image, _ = render(60, 24, 512, seed=9, noise=150)
    exact = make_dense(FlowNuclei(nucleus_diameter=24)).segment([image[None]])[0]
    engine = make_dense(FlowNuclei(nucleus_diameter=24))
    for runner, _, _ in engine._predictor._looks:
        monkeypatch.setattr(runner, "_half", True)
    real = torch.autocast
    monkeypatch.setattr(torch, "autocast", lambda device, dtype, enabled: real(device, dtype=kind, enabled=enabled))
    assert exact.max() == 60
    assert score(exact, engine.segment([image[None]])[0])["f1@0.9"] > 0.98


def test_cells_that_are_chosen_to_be_found_by_a_network_are_found():
    """On a rendered field whose seed is far from those that it learned from."""
    drawn, field = draw_annotation(0, 400, 800_000)
    image = drawn.astype(np.float32)
    (cells,) = make_cells_engine(FlowCells(engine="flow")).segment(
        [image[1:]], [field.nuclei.astype(np.int32)], [image[0]]
    )
    assert score(field.cells, cells)["f1@0.7"] > 0.8


def test_what_ships_is_small_and_has_cards():
    files = sorted(SHIPPED.glob("*.safetensors"))
    assert {path.stem for path in files} == {"flow-cells", "flow-nuclei", "scale-nuclei"}
    assert sum(path.stat().st_size for path in files) < 12_000_000
    for path in files:
        assert path.with_suffix(".md").exists()


@pytest.mark.parametrize(
    ("weights", "config", "name"),
    [("flow-nuclei", "dsb2018", "flow"), ("scale-nuclei", "dsb2018", "scale"), ("flow-cells", "cells", "flow_cells")],
)
def test_cards_tell_the_weights_and_the_recipe_of_the_config(weights, config, name):
    """The command on a card must make what lies beside it."""
    text = (SHIPPED.parent / "config" / config / "config.yaml").read_text()
    segmenter = parse_section(dict[str, SegmenterConfig], yaml.safe_load(text)["segmenters"])[name]
    card = (SHIPPED / f"{weights}.md").read_text()
    assert hashlib.sha256((SHIPPED / f"{weights}.safetensors").read_bytes()).hexdigest() in card
    for key, value in segmenter.model_dump(mode="json", exclude={"annotations", "train_on_all"}).items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        assert f"| `{key}` | {shown} |" in card, key
