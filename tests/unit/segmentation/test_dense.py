"""The engine around a network: sizes, odd inputs, averaging, precision, weights."""

import math

import numpy as np
import pytest
import torch
from stub_networks import Bright, cones, disks

from platewise.config.segmentation import EnsembleNuclei, FlowNuclei, UnetNuclei
from platewise.errors import DataError
from platewise.segmentation import dense, scale
from platewise.segmentation.dense import DenseEngine, MapPredictor, make_dense, rescale, working_factor, working_shape
from platewise.segmentation.description import ModelInfo
from platewise.segmentation.models import build, save_model
from platewise.segmentation.scoring import score

INFO = ModelInfo("flow", "nuclei", 20.0, {})
CENTRES = [(40, 40), (40, 110), (100, 75), (150, 30), (150, 150)]
RADIUS = 15
LABEL = disks((200, 220), CENTRES, RADIUS)
IMAGE = cones(LABEL, RADIUS)


def make_engine(**keys):
    keys = {"nucleus_diameter": 30.0, "tile": 256, **keys}
    return DenseEngine(FlowNuclei(**keys), [(INFO, Bright())])


@pytest.fixture
def weights(tmp_path):
    """Write weights of small random networks."""

    def write(kind="flow", name="weights", seed=0, **architecture):
        torch.manual_seed(seed)
        info = ModelInfo(kind, "nuclei", 20.0, {"channels_in": 3, "width": 4, **architecture})
        save_model(tmp_path / f"{name}.safetensors", info, build(info))
        return str(tmp_path / f"{name}.safetensors")

    return write


# --- known truth


@pytest.mark.parametrize("diameter", [20.0, 30.0, 45.0])
def test_disks_are_found_with_their_outlines(diameter):
    (label,) = make_engine(nucleus_diameter=diameter).segment([IMAGE])
    assert label.dtype == np.int32
    assert label.max() == len(CENTRES)
    assert score(LABEL, label)["f1@0.8"] == 1


def test_objects_are_in_one_piece_and_numbered_by_their_first_pixels(monkeypatch):
    """Whatever bringing them to the image's size does to their outlines."""

    def shuffle(label, foreground, shape, threshold):
        found = disks(shape, [(150, 40), (40, 40), (40, 120)], RADIUS)
        found[0, 0] = 1
        return found

    monkeypatch.setattr(dense, "resize_label", shuffle)
    (label,) = make_engine().segment([IMAGE])
    np.testing.assert_array_equal(label, disks(label.shape, [(40, 40), (40, 120), (150, 40)], RADIUS))


@pytest.mark.parametrize("layout", ["channels first", "channels last", "one plane"])
def test_grey_and_colour_images_are_seen_alike(layout):
    colour = np.repeat(IMAGE, 3, axis=0)
    image = {"channels first": colour, "channels last": np.moveaxis(colour, 0, 2), "one plane": IMAGE[0]}[layout]
    np.testing.assert_array_equal(make_engine().segment([image])[0], make_engine().segment([IMAGE])[0])


def test_labels_do_not_depend_on_the_tiles_the_batch_or_the_other_images():
    large = cones(disks((600, 300), [(y, x) for y in range(40, 580, 70) for x in range(40, 280, 60)], RADIUS), RADIUS)
    (alone,) = make_engine(nucleus_diameter=20.0, tile=4096).segment([large])
    assert alone.max() == 32
    for tile, batch in ((256, 1), (384, 3)):
        engine = make_engine(nucleus_diameter=20.0, tile=tile, batch=batch)
        np.testing.assert_array_equal(engine.segment([large])[0], alone)
        np.testing.assert_array_equal(engine.segment([IMAGE, large, IMAGE[:, :77]])[1], alone)


@pytest.mark.parametrize("flips", [2, 4, 8])
def test_copies_that_are_turned_agree(flips):
    """A network that treats all directions alike says the same of every copy: signs of flows that were wrong would
    cancel them, and the disks would fall apart."""
    plain = next(MapPredictor([(INFO, Bright())]).predict([np.repeat(IMAGE, 3, 0) / 900], [20.0]))[1]
    several = next(MapPredictor([(INFO, Bright())], flips=flips).predict([np.repeat(IMAGE, 3, 0) / 900], [20.0]))[1]
    inside = plain.foreground > 0.5
    cosine = (plain.flow * several.flow).sum(axis=0)[inside]
    assert np.median(cosine) > 0.99
    assert make_engine(flips=flips).segment([IMAGE])[0].max() == len(CENTRES)


def test_scales_and_members_are_averaged():
    config = EnsembleNuclei(
        engine="ensemble", members=("unused",), scales=(0.8, 1.0, 1.25), flips=2, nucleus_diameter=30.0
    )
    (label,) = DenseEngine(config, [(INFO, Bright()), (INFO, Bright())]).segment([IMAGE])
    assert score(LABEL, label)["f1@0.7"] == 1


def test_mean_of_members_is_the_mean_of_their_maps():
    class Dim(Bright):
        def maps(self, raw):
            return super().maps(raw).each(lambda map_: map_ / 2)

    image = np.repeat(IMAGE, 3, 0) / 900
    one, half = (next(MapPredictor([(INFO, kind())]).predict([image], [20.0]))[1] for kind in (Bright, Dim))
    _, mean = next(MapPredictor([(INFO, Bright()), (INFO, Dim())]).predict([image], [20.0]))
    for name in ("foreground", "distance", "flow"):
        expected = (getattr(one, name) + getattr(half, name)) / 2
        np.testing.assert_allclose(getattr(mean, name), expected, atol=1e-6)


# --- sizes


def test_working_factor_brings_nuclei_to_the_working_size():
    assert working_factor((100, 100), 20.0, 20.0) == 1
    assert working_factor((100, 100), 40.0, 20.0) == 0.5
    assert working_factor((100, 100), 10.0, 20.0) == 2
    for diameter in np.linspace(3, 200, 50):
        assert diameter * working_factor((100, 100), diameter, 20.0) == pytest.approx(20, rel=0.045)


def test_diameters_that_differ_a_little_have_one_factor():
    assert len({working_factor((100, 100), diameter, 20.0) for diameter in (35.5, 36.0, 36.5)}) == 1


@pytest.mark.parametrize(("diameter", "factor"), [(1e-3, 8.0), (1e6, 1 / 16)])
def test_estimates_that_are_wild_are_bounded(diameter, factor):
    assert working_factor((100, 100), diameter, 20.0) == factor


def test_large_images_are_not_enlarged_beyond_what_memory_holds():
    factor = working_factor((4000, 6000), 2.5, 20.0)
    assert factor == 1
    rows, columns = working_shape((3000, 3000), working_factor((3000, 3000), 2.5, 20.0))
    assert rows * columns <= dense.MOST_PIXELS * 1.001


def test_shape_never_vanishes():
    assert working_shape((1, 10_000), 1 / 16) == (1, 625)


def test_rescaling_keeps_a_ramp_and_its_mean():
    ramp = np.broadcast_to(np.arange(64, dtype=np.float32), (2, 64, 64))
    small = rescale(ramp, (32, 32))
    np.testing.assert_allclose(small[0, 5, 4:-4], np.arange(0.5, 64, 2)[4:-4], atol=1e-4)
    assert rescale(ramp, (64, 64)) is ramp


def test_estimated_diameters_are_used(monkeypatch):
    asked = []

    class Estimator:
        def __init__(self, device, weights):
            assert weights is None

        def diameters(self, images):
            asked.extend(image.shape for image in images)
            return [30.0, math.nan]

    monkeypatch.setattr(dense, "ScaleEstimator", Estimator)
    first, blank, second = make_engine(nucleus_diameter=None).segment([IMAGE, np.full_like(IMAGE, 7), IMAGE])
    assert asked == [(3, 200, 220)] * 2, "an image without contrast has no size"
    assert first.max() == second.max() == len(CENTRES)
    assert not blank.any()


# --- odd inputs: the right result, or a clear error


@pytest.mark.parametrize("value", [0.0, 7.0, 65535.0])
def test_constant_images_hold_nothing(value):
    assert not make_engine().segment([np.full((1, 50, 60), value, np.float32)])[0].any()


def test_empty_image_is_refused():
    with pytest.raises(DataError, match=r"image 1: holds no pixels \(shape \(1, 0, 5\)\)"):
        make_engine().segment([np.zeros((1, 0, 5), np.float32)])


def test_no_images_give_no_labels():
    assert make_engine().segment([]) == []


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_image_that_is_not_finite_is_refused_with_its_number(bad):
    image = IMAGE.copy()
    image[0, 3, 4] = bad
    with pytest.raises(DataError, match="image 2: 1 pixels are NaN or infinite"):
        make_engine().segment([IMAGE, image])


def test_seven_channels_are_refused():
    with pytest.raises(DataError, match="nuclei are found in images with 1 channel"):
        make_engine().segment([np.zeros((7, 20, 20), np.float32)])


@pytest.mark.parametrize(
    ("shape", "diameter"),
    [
        ((2, 2), 2.5),
        ((2, 2), 20.0),
        ((2, 2), 300.0),
        ((1, 1), 20.0),
        ((3, 5), 2.5),
        ((1, 10_000), 20.0),
        ((10_000, 1), 40.0),
    ],
)
def test_tiny_and_narrow_images_have_labels_of_their_shape(shape, diameter, weights):
    image = np.random.default_rng(0).random((1, *shape), dtype=np.float32)
    for engine in (
        make_engine(nucleus_diameter=diameter),
        make_dense(FlowNuclei(weights=weights(), nucleus_diameter=diameter)),
    ):
        (label,) = engine.segment([image])
        assert label.shape == shape
        assert label.dtype == np.int32


def test_full_range_of_sixteen_bits_loses_nothing():
    image = (IMAGE - IMAGE.min()) / np.ptp(IMAGE) * 65535
    (label,) = make_engine().segment([image.astype(np.uint16)])
    assert score(LABEL, label)["f1@0.8"] == 1


def test_objects_of_one_pixel_are_found():
    image = np.full((1, 60, 60), 10, np.float32)
    image[0, 10::20, 10::20] = 1000
    (label,) = make_engine(nucleus_diameter=20.0, minimum_area=0.0).segment([image])
    assert label.max() == 9
    assert sorted(np.bincount(label.ravel())[1:]) == [1] * 9
    assert (label[10::20, 10::20] > 0).all()


def test_twelve_thousand_objects():
    image = cones(np.tile(disks((12, 12), [(6, 6)], 3), (110, 120)), 3)
    (found,) = make_engine(nucleus_diameter=20.0, minimum_area=0.0, flow_error=10.0).segment([image])
    assert found.max() == 110 * 120


# --- precision


def test_half_precision_finds_the_same_nuclei():
    """bfloat16, which is coarser than the float16 of GPUs: at most a hundredth of the objects moves by a tenth."""
    centres = [(y, x) for y in range(30, 580, 60) for x in range(30, 280, 60)]
    image = cones(disks((600, 300), centres, RADIUS), RADIUS)
    full, half = make_engine(), make_engine()
    half._predictor = MapPredictor([(INFO, Bright())], tile=256, half=True)
    (expected,), (found,) = full.segment([image]), half.segment([image])
    assert expected.max() == len(centres)
    assert score(expected, found)["f1@0.9"] >= 0.99


def test_precision_full_is_full_on_any_device():
    seen = []
    original = dense.TileRunner

    class Spy(original):
        def __init__(self, network, tile, batch, device, half):
            seen.append(half)
            super().__init__(network, tile, batch, None, half)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dense, "TileRunner", Spy)
        for precision, device in (("auto", "cpu"), ("auto", "cuda"), ("full", "cuda")):
            config = FlowNuclei(nucleus_diameter=30.0, precision=precision)
            DenseEngine(config, [(INFO, Bright())], torch.device(device))
    assert seen == [False, True, False]


# --- weights: whatever is wrong is said when the engine is made


def test_engines_are_made_from_weights(weights):
    for config in (
        FlowNuclei(weights=weights(), nucleus_diameter=20.0),
        UnetNuclei(engine="unet", weights=weights("unet", "u"), nucleus_diameter=20.0),
        EnsembleNuclei(engine="ensemble", members=(weights("fpn", "f"), weights("unet", "v")), nucleus_diameter=20.0),
    ):
        first, second = (make_dense(config).segment([IMAGE])[0] for _ in range(2))
        assert first.shape == LABEL.shape
        np.testing.assert_array_equal(first, second)


def test_shipped_weights_are_the_default(tmp_path, weights, monkeypatch):
    monkeypatch.setattr(dense, "shipped_model", lambda kind, target: tmp_path / f"{kind}-{target}.safetensors")
    with pytest.raises(DataError, match=r"flow-nuclei\.safetensors: cannot be read"):
        make_dense(FlowNuclei(nucleus_diameter=20.0))
    weights(name="flow-nuclei")
    make_dense(FlowNuclei(nucleus_diameter=20.0))


def test_member_of_an_ensemble_that_is_no_dense_network_is_refused(tmp_path):
    info = ModelInfo("scale", "nuclei", 20.0, {"width": 4})
    save_model(tmp_path / "s.safetensors", info, scale.ScaleNetwork(width=4))
    config = EnsembleNuclei(engine="ensemble", members=(str(tmp_path / "s.safetensors"),), nucleus_diameter=20.0)
    with pytest.raises(DataError, match="are of the engine scale for nuclei; expected unet or fpn or flow"):
        make_dense(config)


def test_halvings_of_all_members_are_counted():
    class Small(Bright):
        def forward(self, x):
            if len(x) > 1:
                raise torch.cuda.OutOfMemoryError("no room")
            return super().forward(x)

    config = EnsembleNuclei(engine="ensemble", members=("unused",), flips=4, nucleus_diameter=30.0, batch=4)
    engine = DenseEngine(config, [(INFO, Small()), (INFO, Bright())])
    for runner, _, _ in engine._predictor._looks:
        runner._batch = 4
    engine.segment([IMAGE])
    assert engine.halvings == 2
