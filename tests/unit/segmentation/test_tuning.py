"""Parameters by type of image: the search finds what the images need, the choice falls on the type that looks alike."""

import json

import numpy as np
import pytest

from platewise.config.segmentation import ClassicalNuclei, TunedNuclei
from platewise.errors import DataError
from platewise.segmentation.classical import find_nuclei, make_classical
from platewise.segmentation.evaluation import Annotated
from platewise.segmentation.scoring import score
from platewise.segmentation.tuning import ImageType, Look, Parameters, describe, read_parameters, write_parameters
from platewise.segmentation.tuning_search import COLOURS, RANGES, draw_examples, tune_classical, tune_types


def disks(seed, diameter, side=96):
    """Label image of disks in a jittered grid."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    label = np.zeros((side, side), np.int32)
    pitch = round(1.6 * diameter)
    centres = np.arange(pitch // 2 + 2, side - diameter // 2 - 2, pitch)
    for number, (y, x) in enumerate(((y, x) for y in centres for x in centres), 1):
        dy, dx = rng.uniform(-1, 1, 2)
        label[(rows - y - dy) ** 2 + (columns - x - dx) ** 2 <= diameter**2 / 4] = number
    return label


def fluorescent(seed, diameter=12):
    label = disks(seed, diameter)
    image = np.where(label > 0, 200, 20) + np.random.default_rng(seed).normal(0, 4, label.shape)
    return Annotated(f"f{seed}", image[None].astype(np.float32), label, f"g{seed}", "fluorescent")


def tissue(seed, diameter=20):
    """Purple nuclei on pink: seen in red only, where they are dark."""
    label = disks(seed, diameter)
    noise = np.random.default_rng(seed).normal(0, 4, (3, *label.shape))
    image = np.stack([np.where(label > 0, 90, 220), np.full(label.shape, 120), np.full(label.shape, 160)]) + noise
    return Annotated(f"t{seed}", image.astype(np.float32), label, f"g{seed}", "tissue")


def test_the_search_finds_dark_nuclei_in_the_colour_that_shows_them():
    config, found, default = tune_classical([tissue(1), tissue(2)], trials=25, seed=0)

    assert (config.polarity, config.colour) in {("dark", "red"), ("dark", "grey")}
    assert found > 0.9 > 0.1 > default
    # On an image that the search has not seen.
    unseen = tissue(3)
    assert score(unseen.label, find_nuclei(unseen.image, config))["f1@0.7"] > 0.95


def test_the_search_is_never_worse_than_the_default_and_reports_what_it_found():
    examples = [fluorescent(1), fluorescent(2)]
    config, found, default = tune_classical(examples, trials=12, seed=0)

    again = np.mean([score(one.label, find_nuclei(one.image, config))["mean_f1"] for one in examples])
    assert found == pytest.approx(again)
    usual = np.mean([score(one.label, find_nuclei(one.image, ClassicalNuclei()))["mean_f1"] for one in examples])
    assert default == pytest.approx(usual)
    assert found > default


def test_of_large_images_the_search_looks_at_the_part_with_most_objects(monkeypatch):
    label = np.zeros((600, 1100), np.int32)
    label[10:20, 10:20] = 1
    label[500:540, 900:940] = 2
    image = np.arange(label.size, dtype=np.float32).reshape(1, *label.shape)
    seen = []

    def spy(image, config):
        seen.append(image)
        return np.zeros(image.shape[1:], np.int32)

    monkeypatch.setattr("platewise.segmentation.tuning_search.find_nuclei", spy)
    tune_classical([Annotated("a", image, label, "g", "dots")], trials=1, seed=0)
    assert seen[0].shape == (1, 512, 512)
    # The second object lies whole within, at the place that its values tell.
    top, left = divmod(int(seen[0][0, 0, 0]), 1100)
    assert top <= 500 < 540 <= top + 512
    assert left <= 900 < 940 <= left + 512


def test_one_trial_is_the_default():
    config, found, default = tune_classical([fluorescent(1)], trials=1, seed=0)
    assert config == ClassicalNuclei()
    assert found == default


def test_grey_images_are_not_searched_for_colours(monkeypatch):
    tried = []

    def spy(image, config):
        tried.append(config)
        return np.zeros(image.shape[1:], np.int32)

    monkeypatch.setattr("platewise.segmentation.tuning_search.find_nuclei", spy)
    tune_classical([fluorescent(1)], trials=60, seed=3)
    assert {config.colour for config in tried} == {"grey"}
    assert {config.polarity for config in tried} == {"bright", "dark"}
    tune_classical([tissue(1)], trials=60, seed=3)
    assert {config.colour for config in tried} == set(COLOURS)


def test_every_value_lies_in_its_range_and_has_three_digits(monkeypatch):
    tried = []

    def spy(image, config):
        tried.append(config)
        return np.zeros(image.shape[1:], np.int32)

    monkeypatch.setattr("platewise.segmentation.tuning_search.find_nuclei", spy)
    one = fluorescent(1)
    tune_classical([one], trials=200, seed=0)
    assert len(tried) == 200
    diameter = np.sqrt(4 / np.pi * np.median(np.bincount(one.label.ravel())[1:]))
    for config in tried[1:]:
        for key, (low, high) in RANGES.items():
            value = getattr(config, key)
            unit = diameter if key == "nucleus_diameter" else 1
            # What is not changed stays at the best so far: here the default.
            assert value == getattr(ClassicalNuclei(), key) or low * unit * 0.99 <= value <= high * unit * 1.01
            assert value == float(f"{value:.3g}")


def test_the_same_seed_finds_the_same_whatever_the_order_of_images():
    examples = [fluorescent(1), tissue(2), fluorescent(3)]
    assert tune_types(examples, 6, 1) == tune_types(examples[::-1], 6, 1)


def test_types_are_searched_apart_and_told_apart_without_labels(tmp_path):
    found = tune_types([tissue(1), fluorescent(2), fluorescent(3)], trials=12, seed=0)

    assert [kind.name for kind in found.types] == ["fluorescent", "tissue"]
    assert [list(kind.examples) for kind in found.types] == [["f2", "f3"], ["t1"]]
    assert found.annotated == 3
    assert found.type_of(fluorescent(7).image).name == "fluorescent"
    assert found.type_of(tissue(8).image).name == "tissue"
    assert found.choose(tissue(8).image) == found.types[1].parameters
    write_parameters(found, tmp_path / "parameters.json", {"seed": 0})
    assert read_parameters(tmp_path / "parameters.json") == found
    assert json.loads((tmp_path / "parameters.json").read_text())["seed"] == 0
    engine = make_classical(TunedNuclei(engine="tuned", parameters=str(tmp_path / "parameters.json")))
    for label, one in zip(
        engine.segment([tissue(8).image, fluorescent(7).image]), [tissue(8), fluorescent(7)], strict=True
    ):
        np.testing.assert_array_equal(label, find_nuclei(one.image, found.choose(one.image)))


def test_nothing_to_search_on_is_an_error():
    with pytest.raises(DataError, match=r"tune_classical: no annotated image. Hint"):
        tune_types([], 3, 0)
    empty = Annotated("e", np.zeros((1, 8, 8), np.float32), np.zeros((8, 8), np.int32), "g", "dots")
    with pytest.raises(DataError, match=r"class dots: the annotated images show no object. Hint"):
        tune_types([empty], 3, 0)


def test_examples_come_from_different_groups_first():
    names = [f"i{place}" for place in range(12)]
    groups = ["big"] * 8 + ["x", "y", "z", "w"]
    classes = ["dots"] * 11 + ["blobs"]
    drawn = draw_examples(names, groups, classes, 4, 0)

    assert [classes[place] for place in drawn] == ["blobs", *["dots"] * 4]
    assert {groups[place] for place in drawn[1:]} == {"big", "x", "y", "z"}
    # Where groups do not suffice, second images of one are taken; never one twice.
    assert sorted(draw_examples(names, groups, classes, 99, 0)) == list(range(12))


def test_the_draw_depends_on_the_seed_and_not_on_the_order():
    names = [f"i{place}" for place in range(40)]
    groups = [f"g{place // 2}" for place in range(40)]

    def drawn(order, seed):
        found = draw_examples([names[p] for p in order], [groups[p] for p in order], ["dots"] * 40, 5, seed)
        return [names[order[place]] for place in found]

    assert drawn(list(range(40)), 0) == drawn(list(range(40))[::-1], 0)
    assert drawn(list(range(40)), 0) != drawn(list(range(40)), 1)


def test_looks_are_counted_by_hand():
    # A tenth of the pixels is bright: the median is the ground. Red alone, so colours lie 100 apart there.
    image = np.zeros((3, 10, 20), np.float32)
    image[0, :, 10:12] = 99
    found = describe(image)
    assert found.tone == 0
    # Grey runs from 0 to 33; 99 apart on a tenth of the pixels.
    assert found.colour == pytest.approx(9.9 / 33)
    steps = np.concatenate([np.diff(image.mean(axis=0), axis=axis).ravel() for axis in (0, 1)])
    assert found.grain == pytest.approx(np.log(image.mean(axis=0).std() / steps.std()))
    assert describe(np.full((1, 8, 8), 7, np.float32)) == Look(0, 0, 0)
    assert describe(np.arange(3, dtype=np.float32)[None, None]).colour == 0


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 2, 2), (1, 1, 5000), (1, 1200, 1000)])
def test_images_of_any_shape_have_a_look(shape):
    image = np.random.default_rng(0).random(shape).astype(np.float32)
    found = describe(image)
    assert np.isfinite([found.colour, found.tone, found.grain]).all()


KIND = ImageType("dots", ClassicalNuclei(), 0.5, 0.4, {"a": Look(0.0, 0.1, 2.0)})


def broken(tmp_path, change):
    path = tmp_path / "parameters.json"
    write_parameters(Parameters((KIND,)), path)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return path


def test_files_that_are_no_parameters_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"none.json: cannot be read \(No such file or directory\). Hint"):
        read_parameters(tmp_path / "none.json")
    (tmp_path / "text.json").write_text("nucleus_diameter: 3")
    with pytest.raises(DataError, match=r"text.json: is no JSON .* Hint"):
        read_parameters(tmp_path / "text.json")
    (tmp_path / "image.json").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(DataError, match=r"image.json: is no JSON .* Hint"):
        read_parameters(tmp_path / "image.json")
    (tmp_path / "other.json").write_text("[1]")
    with pytest.raises(DataError, match=r"other.json: are no parameters of the classical engine .* Hint"):
        read_parameters(tmp_path / "other.json")
    path = broken(tmp_path, lambda content: content.update(format="platewise tuned parameters 2"))
    with pytest.raises(
        DataError, match=r"are no parameters of the classical engine \(format 'platewise tuned parameters 1'"
    ):
        read_parameters(path)


def test_values_that_the_engine_does_not_take_are_named(tmp_path):
    path = broken(tmp_path, lambda content: content["types"][0]["parameters"].update(threshold_scale=-1))
    with pytest.raises(DataError, match=r"parameters.json: threshold_scale is -1; expected greater than 0. Hint"):
        read_parameters(path)


def test_damaged_types_are_refused(tmp_path):
    path = broken(tmp_path, lambda content: content["types"][0].pop("examples"))
    with pytest.raises(
        DataError, match=r"parameters.json: the description of a type is damaged \(KeyError\('examples'\)"
    ):
        read_parameters(path)
    path = broken(tmp_path, lambda content: content["types"][0].update(examples={"a": {"colour": 1}}))
    with pytest.raises(DataError, match=r"parameters.json: the description of a type is damaged"):
        read_parameters(path)
    path = broken(tmp_path, lambda content: content.update(types=[]))
    with pytest.raises(DataError, match=r"parameters.json: names no type of image with an annotated image. Hint"):
        read_parameters(path)
