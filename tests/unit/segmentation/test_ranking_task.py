"""Fields of a small campaign and a folder of images ranked, exported and brought back."""

import logging
import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image
from typer.testing import CliRunner

from platewise.cli import app
from platewise.config.illumination import NoIllumination
from platewise.config.images import PhenixReader
from platewise.config.ranking import RankingConfig
from platewise.config.segmentation import ClassicalNuclei, EnsembleNuclei, FlowNuclei, SegmentationConfig
from platewise.config.store import StoreConfig
from platewise.errors import ConfigError, DataError
from platewise.illumination import run_illumination
from platewise.inventory import write_inventory
from platewise.segmentation import engine as engine_module
from platewise.segmentation import ranking_task
from platewise.segmentation.annotate.export import export_queue
from platewise.segmentation.annotate.queue import read_queue
from platewise.segmentation.annotate.sources import campaign_candidates
from platewise.segmentation.annotations import load_pair, read_index
from platewise.segmentation.engine import make_nuclei_engine
from platewise.segmentation.images import check_image
from platewise.segmentation.pictures import read_label, read_picture
from platewise.segmentation.ranking_task import Committee, Doubt, rank_fields, rank_folder
from platewise.segmentation.task import SegmentSettings, segment_block
from platewise.store.block import BlockFiles
from platewise.store.fields import read_labels
from platewise.store.plate import prepare_store

CHANNELS = ["ER", "DNA"]
SEGMENTATION = SegmentationConfig(cell_channels=("ER",), nuclei=ClassicalNuclei())
# One clear nucleus; two that overlap by so much that some views part them; none but noise.
WELLS = {"A01": [(60, 60)], "A02": [(60, 50), (60, 68)], "A03": []}


def drawn(centres, radius=14, side=120):
    rows, columns = np.indices((side, side))
    image = np.full(rows.shape, 400.0)
    for y, x in centres:
        image = np.maximum(image, 400 + 3000 * (np.hypot(rows - y, columns - x) < radius))
    return image


@pytest.fixture(scope="module")
def segmented(tmp_path_factory):
    """Make the results of a campaign of two plates with the same three fields, segmented."""
    tmp_path = tmp_path_factory.mktemp("campaign")
    for plate in ("P1", "P2"):
        images = tmp_path / "images" / plate
        images.mkdir(parents=True)
        for column, centres in enumerate(WELLS.values(), 1):
            for channel, radius in ((1, 26), (2, 14)):
                image = drawn(centres, radius) + np.random.default_rng(column).normal(0, 20, (120, 120))
                path = images / f"r01c{column:02d}f01p01-ch{channel}sk1fk1fl1.tiff"
                tifffile.imwrite(path, image.astype(np.uint16))
        files = block_of(tmp_path, plate)
        for path in (files.inventory, files.manifest):
            path.parent.mkdir(parents=True)
        write_inventory(
            {"A01-A03": files.inventory},
            folder=images,
            reader=PhenixReader(kind="phenix"),
            plate=plate,
            wells_by_block={"A01-A03": [(well, None) for well in WELLS]},
            channels={"ER": "1", "DNA": "2"},
            max_bad_fields=1,
        )
        run_illumination([files.inventory], files.illumination, channels=CHANNELS, config=NoIllumination())
        prepare_store(files.store, plate, {well: [1] for well in WELLS})
        settings = SegmentSettings(CHANNELS, None, SEGMENTATION, StoreConfig(), 65535)
        segment_block(files.inventory, files.illumination, files.store, files.manifest, plate, settings)
    return tmp_path


@pytest.fixture
def folder(segmented, tmp_path):
    """Return a copy of the results; the images are shared."""
    shutil.copytree(segmented / "plates", tmp_path / "plates")
    (tmp_path / "images").symlink_to(segmented / "images")
    return tmp_path


@pytest.fixture
def asked(monkeypatch):
    """Have a committee that is sure of all; returns the objects it was asked about."""

    class Sure:
        def __init__(self, *_):
            pass

        def examine(self, image, reference):
            asked.append(int(reference.max()))
            return Doubt(0.0, (), 0, np.zeros(13))

        def find(self, image):
            reference = np.zeros(image.shape[1:], np.int32)
            return reference, self.examine(image, reference)

    asked = []
    monkeypatch.setattr(ranking_task, "Committee", Sure)
    return asked


def block_of(folder, plate):
    own = folder / "plates" / plate
    names = ("fields/A01-A03.parquet", "inventory/A01-A03.parquet", "illumination.zarr", "plate.zarr")
    return BlockFiles(*(own / name for name in names))


def rank(folder, seed=0, **settings):
    target = folder / "campaign" / "annotations"
    rank_fields(
        {plate: [block_of(folder, plate)] for plate in ("P2", "P1")},
        ranking=target / "ranking.parquet",
        objects=target / "objects.parquet",
        channels=CHANNELS,
        segmentation=SEGMENTATION,
        settings=RankingConfig(**settings),
        seed=seed,
    )
    return [pd.read_parquet(target / f"{name}.parquet") for name in ("ranking", "objects")]


def campaign(folder):
    plates = {plate: SimpleNamespace(blocks=["A01-A03"]) for plate in ("P1", "P2")}
    config = SimpleNamespace(segmentation=SEGMENTATION, campaign="mine")
    return SimpleNamespace(folder=folder, from_images=True, config=config, plates=plates)


def test_the_doubtful_field_is_in_front(folder):
    ranking, objects = rank(folder, diversity=0)
    assert ranking.columns.tolist() == [
        "Metadata_Plate", "Metadata_Well", "Metadata_Site", "Rank", "Uncertainty", "Objects",
    ]  # fmt: skip
    assert ranking["Metadata_Well"].tolist()[:2] == ["A02", "A02"]
    assert ranking["Rank"].tolist() == [1, 2, 3, 4, 5, 6]
    assert ranking["Uncertainty"].is_monotonic_decreasing
    assert ranking["Uncertainty"].iloc[1] > 0.2
    by_well = ranking.groupby("Metadata_Well")["Objects"].first()
    labels = {well: read_labels(block_of(folder, "P1").store, well, 1)["nuclei"] for well in WELLS}
    assert by_well.to_dict() == {well: label.max() for well, label in labels.items()}
    # Every nucleus is listed, at its centre of mass.
    first = objects[(objects["Metadata_Plate"] == "P1") & (objects["Metadata_Well"] == "A01")]
    assert first["Metadata_ObjectNumber"].tolist() == [1]
    np.testing.assert_allclose(first[["Y", "X"]], [np.argwhere(labels["A01"]).mean(axis=0)])


def test_diversity_brings_another_kind_of_field_forward(folder):
    # Both plates show the same: the second A02 would teach nothing new, so A01 comes before it.
    assert rank(folder, diversity=1)[0]["Metadata_Well"].tolist()[:3] == ["A02", "A01", "A02"]
    assert rank(folder, diversity=0)[0]["Metadata_Well"].tolist()[:3] == ["A02", "A02", "A01"]


def test_the_same_ranking_is_written_again(folder):
    rank(folder, fields=2)
    before = (folder / "campaign" / "annotations" / "ranking.parquet").read_bytes()
    rank(folder, fields=2)
    assert (folder / "campaign" / "annotations" / "ranking.parquet").read_bytes() == before


def test_fields_are_drawn_evenly_over_plates(folder, asked):
    drawn_by_seed = set()
    for seed in range(4):
        ranking, objects = rank(folder, seed=seed, fields=4)
        assert ranking["Metadata_Plate"].value_counts().to_dict() == {"P1": 2, "P2": 2}
        assert len(objects) == 0
        drawn_by_seed.add(tuple(ranking["Metadata_Plate"] + ranking["Metadata_Well"]))
    assert len(drawn_by_seed) > 1
    assert len(asked) == 16


def test_a_field_whose_images_are_gone_is_left_out(folder, asked, caplog):
    image = folder / "images" / "P1" / "r01c01f01p01-ch2sk1fk1fl1.tiff"
    image.rename(folder / "away")
    with caplog.at_level(logging.WARNING):
        left = rank(folder)[0]
    (folder / "away").rename(image)
    assert len(left) == len(asked) == 5
    assert "P1 A01 field 1 is left out: DNA: the file is missing now" in caplog.text


def test_an_ensemble_is_asked_member_by_member(monkeypatch):
    class Empty:
        halvings = 0

        def __init__(self, config):
            self.config = config

        def segment(self, images):
            asked.append(self.config.members)
            return [np.zeros(image.shape[1:], np.int32) for image in images]

    asked = []
    monkeypatch.setattr(ranking_task, "make_nuclei_engine", lambda config, device: Empty(config))
    reference = np.zeros((8, 8), np.int32)
    reference[2:6, 2:6] = 1
    config = EnsembleNuclei(engine="ensemble", members=("a", "b"))
    doubt = Committee(config).examine(np.ones((1, 8, 8), np.float32), reference)
    assert asked == [("a",), ("b",)]
    # No member sees the object, in none of its views.
    assert (doubt.uncertainty, doubt.objects[0].uncertainty, doubt.count) == (1, 1, 1)


def test_exported_fields_are_those_of_the_store(folder, tmp_path):
    ranking, objects = rank(folder, diversity=0)
    assert export_queue(campaign_candidates(campaign(folder), 2), tmp_path / "out") == 2
    first = ranking.iloc[0]
    name = f"{first['Metadata_Plate']}_{first['Metadata_Well']}_1"
    (row, _) = read_queue(tmp_path / "out")
    assert (row.name, row.group, row.image_class) == (name, first["Metadata_Plate"], "mine")
    assert float(row.uncertainty) == pytest.approx(first["Uncertainty"], abs=1e-4)
    label = read_labels(block_of(folder, row.group).store, first["Metadata_Well"], 1)["nuclei"]
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out" / "labels" / f"{name}.tif"), label)
    image = tifffile.imread(folder / "images" / row.group / f"r01c{name[-3]:0>2}f01p01-ch2sk1fk1fl1.tiff")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out" / "images" / f"{name}.tif"), image)
    places = pd.read_csv(tmp_path / "out" / "unsure" / f"{name}.csv")
    own = objects[(objects["Metadata_Plate"] == row.group) & (objects["Metadata_Well"] == first["Metadata_Well"])]
    assert places["object"].tolist() == own[own["Uncertainty"] >= 0.2]["Metadata_ObjectNumber"].tolist()


def test_cells_are_exported_with_two_channels(folder, tmp_path, asked):
    rank(folder)
    export_queue(campaign_candidates(campaign(folder), 6, "cells", "u2os"), tmp_path / "out")
    image = tifffile.imread(tmp_path / "out" / "images" / "P1_A01_1.tif")
    assert (image.shape, image.dtype, image[1].max()) == ((2, 120, 120), np.uint16, 65535)
    assert image[1][60, 82] > 20_000 > 3_000 > image[0][60, 82]
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "out" / "labels" / "P1_A01_1.tif"),
        read_labels(block_of(folder, "P1").store, "A01", 1)["cells"],
    )
    assert {row.image_class for row in read_queue(tmp_path / "out")} == {"u2os"}


def test_a_campaign_that_was_not_ranked_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"ranking.parquet: is not there. Hint: add the section `ranking`"):
        list(campaign_candidates(campaign(tmp_path), 2))


@pytest.fixture
def pictures(tmp_path):
    images = tmp_path / "slides"
    images.mkdir()
    for name, centres in zip(("clear", "doubtful", "empty"), WELLS.values(), strict=True):
        noise = np.random.default_rng(1).normal(0, 1, (120, 120))
        Image.fromarray((drawn(centres) / 16 + noise).astype(np.uint8)).save(images / f"{name}.png")
    return images


def test_a_folder_is_ranked(pictures, tmp_path):
    images = {path.stem: path for path in sorted(pictures.iterdir())}
    ranked = rank_folder(images, ClassicalNuclei(), tmp_path, 0.0)
    assert ranked[0].name == "doubtful"
    assert [item.path for item in ranked] == [images[item.name] for item in ranked]
    engine = make_nuclei_engine(ClassicalNuclei())
    for item in ranked:
        expected = engine.segment([check_image(read_picture(item.path))])[0]
        np.testing.assert_array_equal(read_label(item.label), expected)


def test_a_folder_is_exported_with_one_engine_that_sees_each_image_in_seven_ways(pictures, tmp_path, monkeypatch):
    class Counted:
        halvings = 0

        def __init__(self, config, device):
            made.append(config.engine)
            self.own = make_nuclei_engine(config, device)

        def segment(self, images):
            seen.append(len(images))
            return self.own.segment(images)

    made, seen = [], []
    for module in (ranking_task, engine_module):
        monkeypatch.setattr(module, "make_nuclei_engine", Counted)
    arguments = ["annotate", "export", str(pictures), str(tmp_path / "out"), "--engine", "classical"]
    CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert (made, seen) == (["classical"], [7, 7, 7])
    assert {row.name: row.objects for row in read_queue(tmp_path / "out")}["clear"] == "1"


def test_nuclei_of_an_ensemble_are_those_of_all_members_together(monkeypatch):
    class Sized:
        halvings = 0

        def __init__(self, config, _):
            self.size = len(config.members)

        def segment(self, images):
            seen[self.size] = seen.get(self.size, 0) + len(images)
            return [np.full(image.shape[1:], self.size, np.int32) for image in images]

    seen = {}
    monkeypatch.setattr(ranking_task, "make_nuclei_engine", Sized)
    committee = Committee(EnsembleNuclei(engine="ensemble", members=("a", "b")))
    reference, doubt = committee.find(np.ones((1, 8, 8), np.float32))
    assert (reference.max(), doubt.uncertainty, doubt.count) == (2, 0, 1)
    assert seen == {1: 14, 2: 1}


def test_views_are_not_averaged_over_turned_copies(monkeypatch):
    """Else a view that is one of the copies would agree with the image by itself."""

    class Turned:
        halvings = 0

        def __init__(self, config, _):
            self.flips = config.flips

        def segment(self, images):
            seen[self.flips] = seen.get(self.flips, 0) + len(images)
            return [np.full(image.shape[1:], self.flips, np.int32) for image in images]

    seen = {}
    monkeypatch.setattr(ranking_task, "make_nuclei_engine", Turned)
    committee = Committee(FlowNuclei(flips=4))
    reference, _ = committee.find(np.ones((1, 8, 8), np.float32))
    assert (reference.max(), seen) == (4, {1: 7, 4: 1})


def test_a_bad_image_of_a_folder_is_left_out(pictures, tmp_path, asked, caplog):
    (pictures / "broken.png").write_bytes(b"no image")
    images = {path.stem: path for path in sorted(pictures.iterdir())}
    with caplog.at_level(logging.WARNING):
        ranked = rank_folder(images, ClassicalNuclei(), tmp_path, 0.5)
    assert sorted(item.name for item in ranked) == ["clear", "doubtful", "empty"]
    assert "broken is left out" in caplog.text
    with pytest.raises(DataError, match="none of 1 images can be used"):
        rank_folder({"broken": images["broken"]}, ClassicalNuclei(), tmp_path, 0.5)


def test_from_a_folder_to_training_pairs(pictures, tmp_path):
    run = CliRunner().invoke
    out, index = tmp_path / "out", tmp_path / "annotations" / "index.csv"
    arguments = ["annotate", "export", str(pictures), str(out), "--engine", "classical", "--number", "2"]
    done = run(app, arguments, catch_exceptions=False)
    assert done.output.endswith("README.txt tells how\n")
    rows = read_queue(out)
    assert rows[0].name == "doubtful"
    assert {(row.group, row.image_class) for row in rows} == {("slides", "slides")}
    assert "2 without a change, left out" in run(app, ["annotate", "import", str(out), str(index)]).output
    done = run(app, ["annotate", "import", str(out), str(index), "--accept-unchanged"], catch_exceptions=False)
    assert "2 added: doubtful" in done.output
    image, _ = load_pair(read_index(index)[0])
    np.testing.assert_array_equal(image[0], np.asarray(Image.open(pictures / "doubtful.png")))
    with pytest.raises(DataError, match="is there already"):
        run(app, arguments, catch_exceptions=False)


@pytest.mark.parametrize(
    ("source", "option", "message"),
    [
        ("my.yaml", ["--engine", "classical"], "--engine: found classical; expected only with IMAGES"),
        ("my.yaml", ["--channel", "0"], "--channel: found 0; expected only with IMAGES"),
        (".", ["--target", "cells"], "--target: found cells; expected only with CONFIG"),
    ],
)
def test_options_that_do_not_go_together_are_refused(tmp_path, source, option, message):
    with pytest.raises(ConfigError, match=message):
        CliRunner().invoke(app, ["annotate", "export", source, str(tmp_path / "out"), *option], catch_exceptions=False)
