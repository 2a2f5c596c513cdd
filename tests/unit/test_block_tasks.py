"""The tasks of a block over real files: segment, measure, cut; what is committed is kept, what is bad is left out."""

import shutil
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tifffile

from platewise import tables
from platewise.config.crops import CropsConfig
from platewise.config.illumination import NoIllumination
from platewise.config.images import PhenixReader
from platewise.config.measure import MeasureConfig
from platewise.config.segmentation import ClassicalNuclei, FlowNuclei, SegmentationConfig
from platewise.config.store import StoreConfig
from platewise.crops.store import read_crops
from platewise.crops.task import crop_block, cut_block
from platewise.errors import DataError
from platewise.illumination import run_illumination
from platewise.inventory import write_inventory
from platewise.measure import task as measure_task
from platewise.measure.field import measure_field
from platewise.measure.task import measure_block
from platewise.scratch import job_scratch
from platewise.segmentation import task
from platewise.segmentation.engine import FieldEngine, make_engine
from platewise.segmentation.task import SegmentSettings, segment_block
from platewise.store.block import BlockFiles
from platewise.store.commit import find_commit, remove_field
from platewise.store.fields import read_labels
from platewise.store.paths import field_path
from platewise.store.plate import prepare_store
from platewise.store.verify import verify_blocks

CHANNELS = ["DNA", "ER"]
SETTINGS = SegmentSettings(
    channels=CHANNELS,
    pixel_size=None,
    segmentation=SegmentationConfig(cell_channels=("ER",), nuclei=ClassicalNuclei()),
    store=StoreConfig(),
    saturation_level=65535,
)


def write_image(folder, well, channel, centres):
    rows, columns = np.indices((200, 200))
    radius = 14 if channel == 1 else 26
    image = np.full(rows.shape, 400.0)
    for y, x in centres:
        image += 3000 * (np.hypot(rows - y, columns - x) < radius)
    image += np.random.default_rng(well).normal(0, 20, rows.shape)
    tifffile.imwrite(folder / f"r01c{well:02d}f01p01-ch{channel}sk1fk1fl1.tiff", image.astype(np.uint16))


@pytest.fixture
def block(tmp_path):
    """Three wells: two cells, one cell, and an image that is all zero."""
    images = tmp_path / "images"
    images.mkdir()
    for well, centres in enumerate([[(60, 60), (130, 130)], [(100, 100)], [(100, 100)]], 1):
        for channel in (1, 2):
            write_image(images, well, channel, centres)
    tifffile.imwrite(images / "r01c03f01p01-ch1sk1fk1fl1.tiff", np.zeros((200, 200), np.uint16))
    files = BlockFiles(
        *(tmp_path / name for name in ("fields.parquet", "inventory.parquet", "flat.zarr", "plate.zarr"))
    )
    write_inventory(
        {"A01-A03": files.inventory},
        folder=images,
        reader=PhenixReader(kind="phenix"),
        plate="P1",
        wells_by_block={"A01-A03": [("A01", None), ("A02", None), ("A03", None)]},
        channels={"DNA": "1", "ER": "2"},
        max_bad_fields=1,
    )
    run_illumination([files.inventory], files.illumination, channels=CHANNELS, config=NoIllumination())
    prepare_store(files.store, "P1", {"A01": [1], "A02": [1], "A03": [1]})
    return files


def segment(block, settings=SETTINGS, scratch=None):
    segment_block(block.inventory, block.illumination, block.store, block.manifest, "P1", settings, scratch)
    return pd.read_parquet(block.manifest).set_index("Metadata_Well")


def test_cells_are_counted_and_the_bad_field_is_marked(block):
    manifest = segment(block)
    assert manifest["Status"].tolist() == ["ok", "ok", "bad"]
    assert manifest["CellsCount"].tolist() == [2, 1, 0]
    assert manifest.loc["A03", "Reason"] == "DNA: every pixel is 0"
    assert find_commit(block.store, "A03", 1) is None
    assert read_labels(block.store, "A01", 1)["nuclei"].max() == 2


def test_committed_fields_are_kept_and_only_damaged_ones_are_made_again(block, monkeypatch):
    first = segment(block)
    chunk = field_path(block.store, "A02", 1) / "labels/nuclei/0/c/0/0"
    chunk.write_bytes(b"damaged")
    made = []
    monkeypatch.setattr(task, "commit_field", lambda *a, **k: made.append(a[1]) or original(*a, **k))
    pd.testing.assert_frame_equal(segment(block), first)
    assert made == ["A02"]


original = task.commit_field


@pytest.mark.parametrize("gone", ["folder", "files"])
def test_images_that_are_all_gone_are_a_share_that_is_not_mounted(block, tmp_path, gone):
    images = tmp_path / "images"
    if gone == "folder":
        images.rename(tmp_path / "elsewhere")
    else:
        for path in images.iterdir():
            path.unlink()
    with pytest.raises(DataError, match=r"(not there|any more).*Hint: is the share.* mounted"):
        segment(block)
    assert not block.manifest.exists()


def test_one_image_that_is_gone_costs_its_field(block, tmp_path):
    (tmp_path / "images" / "r01c02f01p01-ch2sk1fk1fl1.tiff").unlink()
    manifest = segment(block)
    assert manifest["Status"].tolist() == ["ok", "bad", "bad"]
    assert manifest.loc["A02", "Reason"] == "ER: the file is missing now"


def test_another_version_that_finds_the_same_writes_the_same(block, monkeypatch):
    segment(block)
    before = block.manifest.read_bytes()
    monkeypatch.setattr(tables, "__version__", "99.0")
    block.manifest.unlink()
    segment(block)
    assert block.manifest.read_bytes() == before


def test_another_parameter_makes_every_field_again_and_another_batch_size_none(block, monkeypatch):
    segment(block)
    made = []
    monkeypatch.setattr(task, "commit_field", lambda *a, **k: made.append(a[1]) or original(*a, **k))
    smaller = {"nuclei": ClassicalNuclei(minimum_area=0.25)}
    for changes, wells in (({"batch_size": 1}, []), (smaller, ["A01", "A02"])):
        made.clear()
        engine = SETTINGS.segmentation.model_copy(update=changes)
        segment(block, SegmentSettings(CHANNELS, None, engine, SETTINGS.store, SETTINGS.saturation_level))
        assert made == wells


class FakeEngine:
    """Finds one object of one pixel in every field; its memory runs out on every second call."""

    def __init__(self):
        self.halvings = 0
        self.calls = 0

    def segment(self, images, *_):
        self.calls += 1
        self.halvings += self.calls % 2
        label = np.zeros(images[0].shape[1:], np.int32)
        label[5, 5] = 1
        return [label for _ in images]


def test_halvings_of_a_batch_are_in_the_manifest(block, monkeypatch):
    """Those of the nuclei and those of the cells, and whatever is in work beside it."""
    settings = with_segmentation(batch_size=1)
    fake = FieldEngine(settings.segmentation, CHANNELS, FakeEngine(), FakeEngine())
    monkeypatch.setattr(task, "make_engine", lambda *a: fake)
    assert segment(block, settings)["BatchHalvings"].tolist() == [2, 0, 0]


def test_a_gpu_and_threads_change_nothing_but_the_time(block, monkeypatch, weights):
    """A device that is not the CPU makes batches overlap; here it is one in name only."""
    settings = weights("a.safetensors")
    settings = replace(settings, segmentation=settings.segmentation.model_copy(update={"batch_size": 1}))
    alone = segment(block, settings)
    hashes = {well: find_commit(block.store, well, 1).hashes for well in ("A01", "A02")}
    for well in hashes:
        remove_field(block.store, well, 1)
    engines = []

    def on_gpu(config, channels, device, threads):
        engines.append((device.type, threads))
        return make_engine(config, channels, None, threads)

    monkeypatch.setattr(task, "choose_device", lambda *a: SimpleNamespace(type="cuda"))
    monkeypatch.setattr(task, "make_engine", on_gpu)
    segment_block(block.inventory, block.illumination, block.store, block.manifest, "P1", settings, threads=3)
    assert engines == [("cuda", 3)]
    assert {well: find_commit(block.store, well, 1).hashes for well in hashes} == hashes
    pd.testing.assert_frame_equal(pd.read_parquet(block.manifest).set_index("Metadata_Well"), alone)


def with_segmentation(**changes):
    return replace(SETTINGS, segmentation=SETTINGS.segmentation.model_copy(update=changes))


@pytest.fixture
def weights(tmp_path):
    """Write weights of a small random network."""
    torch = pytest.importorskip("torch")
    from platewise.segmentation.description import ModelInfo
    from platewise.segmentation.models import build, save_model

    def write(name, seed=0):
        torch.manual_seed(seed)
        info = ModelInfo("flow", "nuclei", 20.0, {"width": 4})
        save_model(tmp_path / name, info, build(info))
        return with_segmentation(nuclei=FlowNuclei(weights=str(tmp_path / name), nucleus_diameter=28.0))

    return write


def test_other_weights_make_every_field_again_and_moved_ones_none(block, weights, monkeypatch):
    segment(block, weights("a.safetensors"))
    before = block.manifest.read_bytes()
    made = []
    monkeypatch.setattr(task, "commit_field", lambda *a, **k: made.append(a[1]) or original(*a, **k))
    segment(block, weights("moved.safetensors"))
    assert made == []
    assert block.manifest.read_bytes() == before
    segment(block, weights("a.safetensors", seed=1))
    assert made == ["A01", "A02"]


def test_weights_that_cannot_be_used_are_refused_before_any_image_is_read(block, weights, tmp_path, monkeypatch):
    settings = weights("a.safetensors")
    (tmp_path / "a.safetensors").write_bytes(b"broken")
    monkeypatch.setattr(task, "read_field", lambda *a, **k: pytest.fail("an image was read"))
    with pytest.raises(DataError, match=r"a\.safetensors: this is no safetensors file"):
        segment(block, settings)
    assert not block.manifest.exists()


def test_engines_without_networks_start_without_torch():
    """Two seconds a job: nothing that the classical engine needs may import it."""
    code = (
        "import sys; from platewise.segmentation import task; from platewise.segmentation.engine import make_engine; "
        "from platewise.config.segmentation import ClassicalNuclei, SegmentationConfig; "
        "config = SegmentationConfig(nuclei=ClassicalNuclei()); "
        "task.label_parameters(config); make_engine(config, ['DNA', 'ER', 'RNA', 'AGP']); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_cells_are_measured(block, tmp_path):
    segment(block)
    measure_block(block, tmp_path / "cells.parquet", "P1", CHANNELS, MeasureConfig())
    cells = pd.read_parquet(tmp_path / "cells.parquet")
    assert cells["Metadata_Well"].tolist() == ["A01", "A01", "A02"]
    # A disk of radius 14 has 615 pixels.
    assert cells["Nuclei_AreaShape_Area"].to_numpy() == pytest.approx(615, rel=0.1)
    assert not cells["Metadata_TouchesBorder"].any()


def test_on_a_gpu_that_is_none_cells_are_measured_as_ever(block, tmp_path, caplog):
    caplog.set_level("INFO")
    segment(block)
    for gpu in (False, True):
        out = tmp_path / f"{gpu}.parquet"
        measure_block(block, out, "P1", CHANNELS, MeasureConfig(gpu=gpu), device="cpu", allotted=True)
    assert caplog.text.count("no GPU here") == 1
    assert (tmp_path / "True.parquet").read_bytes() == (tmp_path / "False.parquet").read_bytes()


def test_a_block_is_measured_on_the_gpu_that_was_chosen(block, tmp_path, monkeypatch):
    segment(block)
    gpu, seen = SimpleNamespace(type="cuda"), []

    def measure(image, labels, channels, config, device):
        seen.append(device)
        return measure_field(image, labels, channels, config)

    monkeypatch.setattr(measure_task, "choose_device", lambda *asked: seen.append(asked) or gpu)
    monkeypatch.setattr(measure_task, "measure_field", measure)
    measure_block(block, tmp_path / "cells.parquet", "P1", CHANNELS, MeasureConfig(gpu=True), allotted=True)
    assert seen == [("auto", True), gpu, gpu]


def test_measuring_on_the_cpu_starts_without_torch():
    code = (
        "import sys, numpy as np; from platewise.measure.task import measure_field; "
        "from platewise.config.measure import MeasureConfig; label = np.eye(8, dtype=np.int32); "
        "labels = {'nuclei': label, 'cells': label}; image = np.ones((1, 8, 8), np.float32); "
        "measure_field(image, labels, ['DNA'], MeasureConfig()); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_block_without_a_good_field_gives_tables_with_the_usual_columns(block, tmp_path):
    segment(block)
    measure_block(block, tmp_path / "cells.parquet", "P1", CHANNELS, MeasureConfig())
    manifest = pd.read_parquet(block.manifest)
    manifest.assign(Status="bad").to_parquet(block.manifest)
    measure_block(block, tmp_path / "none.parquet", "P1", CHANNELS, MeasureConfig())
    none, some = (pd.read_parquet(tmp_path / name) for name in ("none.parquet", "cells.parquet"))
    assert len(none) == 0
    assert list(none.columns) == list(some.columns)
    assert (none.dtypes == some.dtypes).all()
    config = CropsConfig(size=32)
    crop_block(block, tmp_path / "none.zarr", "P1", CHANNELS, config, 0)
    assert len(read_crops(tmp_path / "none.zarr").objects) == 0


def test_cells_are_cut_alike_whether_kept_or_not(block, tmp_path):
    segment(block)
    config = CropsConfig(size=32, keep="all")
    crop_block(block, tmp_path / "crops.zarr", "P1", CHANNELS, config, 0)
    kept = read_crops(tmp_path / "crops.zarr")
    pieces = list(cut_block(block, CHANNELS, config))
    np.testing.assert_array_equal(kept.load(), np.concatenate([crops for crops, _ in pieces]))
    np.testing.assert_array_equal(kept.objects, np.concatenate([objects for _, objects in pieces]))
    assert kept.objects.tolist() == [[0, 0, 1, 1], [0, 0, 1, 2], [0, 1, 1, 1]]


def test_a_label_that_the_manifest_does_not_list_is_refused_and_found(block, tmp_path):
    segment(block)
    manifest = pd.read_parquet(block.manifest)
    manifest.loc[1, "CellsHash"] = "0" * 32
    manifest.to_parquet(block.manifest)
    with pytest.raises(DataError, match=r"the label cells of well A02, field 1.*platewise verify"):
        measure_block(block, tmp_path / "cells.parquet", "P1", CHANNELS, MeasureConfig())
    assert [damage.reason for damage in verify_blocks([block.manifest], block.store, remove=False)] == [
        "A02 field 1: the label cells is not the one listed"
    ]
    assert block.manifest.exists()
    verify_blocks([block.manifest], block.store, remove=True)
    assert not block.manifest.exists()
    assert verify_blocks([block.manifest], block.store, remove=True) == []


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_through_scratch_every_file_is_the_same(block, tmp_path, caplog):
    caplog.set_level("INFO")
    outputs = {}
    (tmp_path / "node").mkdir()
    for setting in (None, str(tmp_path / "node")):
        prepare_store(block.store, "P1", {"A01": [1], "A02": [1], "A03": [1]})
        out = tmp_path / f"out_{setting is None}"
        caplog.clear()
        with job_scratch(setting) as scratch:
            segment(block, scratch=scratch)
            measure_block(block, out / "cells.parquet", "P1", CHANNELS, MeasureConfig(), scratch)
            crop_block(block, out / "crops.zarr", "P1", CHANNELS, CropsConfig(size=32), 0, scratch)
        assert caplog.text.count("images are copied there ahead") == (0 if setting is None else 3)
        outputs[setting] = content(out) | content(block.store) | {"manifest": block.manifest.read_bytes()}
        shutil.rmtree(block.store)
        block.manifest.unlink()
    direct, through = outputs.values()
    assert {"crops.zarr/objects/zarr.json", "cells.parquet", "A/02/1/zarr.json"} <= set(direct)
    assert direct == through
    assert not list((tmp_path / "node").iterdir())
