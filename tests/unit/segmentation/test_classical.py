import numpy as np
import pytest

from platewise.config.segmentation import ClassicalNuclei, SegmentationConfig, TunedNuclei
from platewise.errors import DataError
from platewise.segmentation import tuning
from platewise.segmentation.classical import background, find_nuclei, make_classical
from platewise.segmentation.engine import make_engine, number_in_order
from platewise.segmentation.scoring import score

NUCLEI = ClassicalNuclei(nucleus_diameter=32)
CONFIG = SegmentationConfig(nuclei=NUCLEI, cell_channels=("ER",))
CENTRES = [(60, 60), (60, 140), (150, 60), (150, 96), (160, 200)]


def disks(centres, radius, shape=(240, 260)):
    rows, columns = np.indices(shape)
    image = np.zeros(shape, dtype=np.int32)
    for number, (y, x) in enumerate(centres, 1):
        image[np.hypot(rows - y, columns - x) <= radius] = number
    return image


@pytest.fixture(scope="module")
def field():
    """Five nuclei of 32 pixels, two of them four pixels apart, in cells of 60; noise and a tilted background."""
    rng = np.random.default_rng(0)
    nuclei, cells = disks(CENTRES, 16), disks([(60, 60), (60, 140), (150, 78), (160, 200)], 30)
    tilt = np.linspace(300, 600, nuclei.shape[1])[None, :]
    dna = tilt + 2000 * (nuclei > 0) + rng.normal(0, 40, nuclei.shape)
    er = tilt + 1500 * (cells > 0) + 1000 * (nuclei > 0) + rng.normal(0, 40, nuclei.shape)
    return np.stack([dna, er]).astype(np.float32), nuclei


def test_every_nucleus_is_found_in_its_place(field):
    image, truth = field
    found = find_nuclei(image[:1], NUCLEI)
    scores = score(truth, found)
    assert scores["f1@0.8"] == 1
    assert scores["merged"] == 0


def test_labels_are_paired_and_numbered_from_the_top(field):
    image, _ = field
    labels = make_engine(CONFIG, ["DNA", "ER"]).segment([image])[0]
    assert set(np.unique(labels.nuclei)) == set(range(6))
    assert set(np.unique(labels.cells)) == set(range(6))
    np.testing.assert_array_equal(labels.cells[labels.nuclei > 0], labels.nuclei[labels.nuclei > 0])
    firsts = [np.flatnonzero(labels.nuclei == number)[0] for number in range(1, 6)]
    assert firsts == sorted(firsts)


def test_a_field_does_not_depend_on_its_batch(field):
    image, _ = field
    engine = make_engine(CONFIG, ["DNA", "ER"])
    alone = engine.segment([image])[0]
    other = engine.segment([image[:, ::-1].copy(), image])[1]
    np.testing.assert_array_equal(alone.nuclei, other.nuclei)
    np.testing.assert_array_equal(alone.cells, other.cells)


def test_noise_alone_holds_no_nuclei():
    noise = np.random.default_rng(1).normal(500, 30, (2, 200, 200)).astype(np.float32)
    labels = make_engine(CONFIG, ["DNA", "ER"]).segment([noise])[0]
    assert labels.nuclei.max() == 0
    assert labels.cells.max() == 0


def test_a_constant_field_is_no_error():
    labels = make_engine(CONFIG, ["DNA", "ER"]).segment([np.full((2, 64, 64), 7, dtype=np.float32)])[0]
    assert labels.nuclei.max() == 0


def test_the_background_follows_a_tilt():
    tilt = np.linspace(100, 500, 400, dtype=np.float32)[None, :].repeat(400, axis=0)
    bright = tilt.copy()
    bright[100:130, 100:130] += 3000
    # A low percentile of a tile of 128 pixels lies up to half a tile's rise, 64, below its middle.
    assert np.abs(background(bright, 32) - tilt)[100:130, 100:130].max() < 64


def test_unpaired_labels_are_refused():
    nucleus, cell = disks([(60, 60)], 16), disks([(60, 60)], 10)
    with pytest.raises(ValueError, match="leaves its cell"):
        number_in_order(nucleus, cell)
    with pytest.raises(ValueError, match="no nucleus"):
        number_in_order(nucleus, disks([(60, 60), (150, 150)], 20))


def test_dark_nuclei_in_one_colour_are_found_where_bright_ones_would_be(field):
    image, truth = field
    tissue = np.full((3, *truth.shape), 200, dtype=np.float32)
    tissue[0] = 20000 - image[0]
    config = ClassicalNuclei(nucleus_diameter=32, polarity="dark", colour="red")
    assert score(truth, find_nuclei(tissue, config))["f1@0.8"] == 1
    # The other two colours show nothing.
    assert not find_nuclei(tissue, config.model_copy(update={"colour": "green"})).any()


def test_a_grey_image_has_no_colours_to_choose_from(field):
    image, _ = field
    red = NUCLEI.model_copy(update={"colour": "red"})
    np.testing.assert_array_equal(find_nuclei(image[:1], red), find_nuclei(image[:1], NUCLEI))


def test_tuned_takes_for_each_image_the_parameters_of_its_kind(field, monkeypatch, tmp_path):
    class Parameters:
        def choose(self, image):
            return NUCLEI.model_copy(update={"polarity": "dark" if image.mean() > 5000 else "bright"})

    read = []
    monkeypatch.setattr(tuning, "read_parameters", lambda path: read.append(path) or Parameters())
    engine = make_classical(TunedNuclei(engine="tuned", parameters=str(tmp_path / "parameters.json")))
    assert read == [tmp_path / "parameters.json"]
    image, truth = field
    for found in engine.segment([image[:1], 20000 - image[:1]]):
        assert score(truth, found)["f1@0.8"] == 1
    assert engine.halvings == 0


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (1, 10_000), (10_000, 1), (3, 50)])
def test_images_without_room_for_a_nucleus_hold_none(shape):
    noise = np.random.default_rng(0).integers(0, 65536, (1, *shape)).astype(np.float32)
    labels = make_classical(NUCLEI).segment([noise])[0]
    assert labels.shape == shape
    assert not labels.any()


def test_a_16_bit_image_at_full_range_is_no_error(field):
    _, truth = field
    image = np.where(truth > 0, 65535, 0).astype(np.float32)[None]
    assert score(truth, make_classical(NUCLEI).segment([image])[0])["f1@0.9"] == 1


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.full((1, 30, 30), np.nan, np.float32), "image 1: 900 pixels are NaN or infinite"),
        (np.zeros((7, 30, 30), np.float32), r"image 1: found an array of shape \(7, 30, 30\)"),
    ],
)
def test_images_that_cannot_be_used_are_named(image, said):
    with pytest.raises(DataError, match=said):
        make_classical(NUCLEI).segment([image])
