import numpy as np
import pytest

from platewise.config.segmentation import MaskRcnnNuclei
from platewise.errors import DataError
from platewise.segmentation import description
from platewise.segmentation.engine import make_nuclei_engine
from platewise.segmentation.maskrcnn.detect import Detections
from platewise.segmentation.maskrcnn.engine import MaskRcnnEngine, draw_label
from platewise.segmentation.models import ModelInfo, save_model
from platewise.segmentation.scoring import score

INFO = ModelInfo("maskrcnn", "nuclei", 20.0, {"width": 8})


def make(learned, **keys):
    keys = {"nucleus_diameter": 20.0} | keys
    return MaskRcnnEngine(MaskRcnnNuclei(engine="maskrcnn", **keys), INFO, learned.network)


def test_the_disks_are_found_exactly(learned, photograph):
    labels = make(learned).segment([photograph(label) for label in learned.labels])
    for found, truth in zip(labels, learned.labels, strict=True):
        assert found.dtype == np.int32
        assert np.unique(found).tolist() == [0, 1, 2, 3, 4, 5]
        assert score(truth, found)["f1@0.7"] == 1
        firsts = [np.flatnonzero(found == number)[0] for number in range(1, 6)]
        assert firsts == sorted(firsts)


def test_disks_of_another_size_are_brought_to_the_one_it_knows(learned, photograph):
    large = np.kron(learned.labels[0], np.ones((2, 2), dtype=np.int32))
    found = make(learned, nucleus_diameter=40.0).segment([photograph(large)])[0]
    assert found.shape == large.shape
    # Shrinking blurs the rims, which this network has never seen.
    assert score(large, found)["f1@0.5"] == 1


def test_labels_do_not_depend_on_the_tiles(learned, photograph):
    strip = np.concatenate([learned.labels[number % 2] for number in range(13)], axis=1)
    image = photograph(strip)
    whole, tiled = (make(learned, tile=tile).segment([image])[0] for tile in (1280, 512))
    np.testing.assert_array_equal(tiled, whole)
    assert whole.max() > 50


def test_an_image_does_not_depend_on_those_beside_it(learned, photograph):
    first, second = map(photograph, learned.labels)
    alone = make(learned).segment([first])[0]
    together = make(learned, batch=2).segment([second, second[:, :50], first])[2]
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("flips", [2, 4])
def test_turned_copies_find_the_same_disks(learned, photograph, flips):
    found = make(learned, flips=flips).segment([photograph(learned.labels[0])])[0]
    assert found.max() == 5
    assert score(learned.labels[0], found)["f1@0.7"] == 1


def test_a_high_score_threshold_finds_less(learned, photograph):
    assert make(learned, score_threshold=0.9999).segment([photograph(learned.labels[0])])[0].max() < 5


def test_images_that_show_nothing(learned):
    noise = np.random.default_rng(3).normal(100, 3, (1, 80, 96)).astype(np.float32)
    noise[0, 40, 40] = 5000
    images = [np.full((1, 40, 30), 7, dtype=np.float32), np.zeros((3, 2, 2), dtype=np.float32), noise]
    labels = make(learned, score_threshold=0.9).segment(images)
    assert [label.shape for label in labels] == [(40, 30), (2, 2), (80, 96)]
    assert [label.max() for label in labels] == [0, 0, 0]
    assert make(learned).segment([]) == []


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (1, 3000)])
def test_images_of_odd_shapes(learned, shape):
    image = np.random.default_rng(0).random((1, *shape)).astype(np.float32)
    label = make(learned).segment([image])[0]
    assert label.shape == shape


def test_values_that_are_not_finite_are_refused(learned, photograph):
    bad = photograph(learned.labels[0])
    bad[0, 3, 4] = np.nan
    with pytest.raises(DataError, match=r"image 2: 1 pixels are NaN or infinite\. Hint"):
        make(learned).segment([photograph(learned.labels[0]), bad])


def test_the_engine_of_a_config_reads_its_weights(learned, photograph, tmp_path):
    path = tmp_path / "disks.safetensors"
    save_model(path, INFO, learned.network)
    engine = make_nuclei_engine(MaskRcnnNuclei(engine="maskrcnn", weights=str(path), nucleus_diameter=20.0))
    expected = make(learned).segment([photograph(learned.labels[0])])[0]
    np.testing.assert_array_equal(engine.segment([photograph(learned.labels[0])])[0], expected)
    assert engine.halvings == 0


def test_weights_of_another_engine_are_refused(learned, tmp_path):
    path = tmp_path / "flow.safetensors"
    save_model(path, ModelInfo("flow", "nuclei", 20.0, {}), learned.network)
    with pytest.raises(DataError, match="of the engine flow for nuclei; expected maskrcnn for nuclei"):
        make_nuclei_engine(MaskRcnnNuclei(engine="maskrcnn", weights=str(path), nucleus_diameter=20.0))


def test_missing_weights_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(description, "SHIPPED", tmp_path)
    with pytest.raises(DataError, match=r"maskrcnn-nuclei\.safetensors"):
        make_nuclei_engine(MaskRcnnNuclei(engine="maskrcnn", nucleus_diameter=20.0))


def test_masks_are_drawn_at_the_size_of_the_image():
    masks = np.ones((2, 28, 28), dtype=np.float32)
    boxes = np.array([[8, 8, 10, 10], [0, 2, 4, 6]], dtype=np.float32)
    label = draw_label(Detections(boxes, np.array([0.9, 0.8], dtype=np.float32), masks), (10, 10), (30, 20))
    expected = np.zeros((30, 20), dtype=np.int32)
    expected[0:12, 4:12] = 1  # numbered by first pixel, not by score
    expected[24:30, 16:20] = 2
    np.testing.assert_array_equal(label, expected)
