"""A campaign on disk: sheets, stamps, and the same bytes whoever renders it."""

import dataclasses
import hashlib
import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import tifffile

from platewise.errors import ConfigError, DataError
from platewise.plan.wells import FORMATS, parse_well
from platewise.simulate.campaign import render_campaign
from platewise.simulate.compounds import POSITIVE_CONTROL
from platewise.simulate.designs import PRESETS, preset
from platewise.simulate.layout import lay_out
from platewise.tables import read_table


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rendered") / "tiny"
    calls = []
    render_campaign("tiny", folder, seed=4, progress=lambda done, total: calls.append((done, total)))
    return folder, calls


def _digests(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_progress_counts_every_field(tiny):
    assert tiny[1] == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_files_have_the_microscope_s_names_and_nothing_temporary_is_left(tiny):
    folder, _ = tiny
    images = sorted(path.name for path in (folder / "images" / "PW01001").iterdir())
    wells = ("r01c01", "r01c02", "r01c03", "r02c01")
    assert images == [f"{well}f01p01-ch{channel}sk1fk1fl1.tiff" for well in wells for channel in range(1, 6)]
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {"plates.tsv", "rendered.json", "truth/cells.parquet", "truth/PW01001/A01-f01.nuclei.tiff"} <= names
    assert not [name for name in names if name.endswith(".tmp") or "rendering" in name]


def test_images_and_labels_read_as_they_should(tiny):
    folder, _ = tiny
    image = tifffile.imread(folder / "images/PW01001/r01c02f01p01-ch5sk1fk1fl1.tiff")
    nuclei = tifffile.imread(folder / "truth/PW01001/A02-f01.nuclei.tiff")
    cells = tifffile.imread(folder / "truth/PW01001/A02-f01.cells.tiff")
    assert image.shape == nuclei.shape == cells.shape == (256, 256)
    assert image.dtype == nuclei.dtype == cells.dtype == np.uint16
    truth = read_table(folder / "truth/cells.parquet")
    own = truth[truth["Metadata_Well"] == "A02"]
    assert len(own) == nuclei.max() == cells.max() > 0
    assert list(own["Metadata_ObjectNumber"]) == list(range(1, len(own) + 1))
    assert set(truth["Metadata_Batch"]) == {"batch1"}


def test_sheets_name_what_was_rendered(tiny):
    folder, _ = tiny
    plates = pd.read_csv(folder / "plates.tsv", sep="\t", dtype=str)
    assert plates.to_dict("records") == [
        {
            "plate": "PW01001",
            "batch": "batch1",
            "reader": "phenix",
            "images": f"{folder}/images/PW01001",
            "platemap": f"{folder}/metadata/platemap/PW01001_platemap.txt",
            "fields_per_well": "1",
        }
    ]
    platemap = pd.read_csv(
        folder / "metadata/platemap/PW01001_platemap.txt", sep="\t", dtype=str, keep_default_na=False
    )
    assert list(platemap.columns) == ["well_position", "perturbation", "dose_um"]
    assert list(platemap["well_position"]) == ["A01", "A02", "A03", "B01"]
    controls = platemap["perturbation"] == "DMSO"
    assert list(platemap["dose_um"][controls]) == ["", ""]
    assert list(platemap["dose_um"][~controls]) == ["10", "10"]
    assert (folder / "metadata/barcode_platemap.csv").read_text() == (
        "Assay_Plate_Barcode,Plate_Map_Name\nPW01001,PW01001_platemap\n"
    )
    known = pd.read_csv(folder / "metadata/external_metadata.tsv", sep="\t", keep_default_na=False)
    assert list(known.columns) == ["perturbation", "moa", "control_type"]
    assert known.iloc[0].tolist() == ["DMSO", "", "negcon"]
    assert set(platemap["perturbation"]) == set(known["perturbation"])
    truth = read_table(folder / "truth/cells.parquet")
    wells = truth.groupby("Metadata_Well")["Metadata_Perturbation"].first()
    assert wells.to_dict() == dict(zip(platemap["well_position"], platemap["perturbation"], strict=True))


def test_workers_do_not_change_a_byte(tiny, tmp_path):
    folder, _ = tiny
    render_campaign("tiny", tmp_path / "tiny", seed=4, workers=2)
    ours, theirs = _digests(folder), _digests(tmp_path / "tiny")
    # The plate sheet holds the path of the folder.
    del ours["plates.tsv"], theirs["plates.tsv"]
    assert ours == theirs


def test_a_finished_folder_is_left_alone(tiny):
    folder, _ = tiny
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    render_campaign("tiny", folder, seed=4, progress=lambda done, total: pytest.fail("nothing was to be rendered"))
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == before


def test_a_moved_folder_gets_new_paths_and_nothing_else(tmp_path):
    render_campaign("tiny", tmp_path / "here", seed=4)
    (tmp_path / "here").rename(tmp_path / "there")
    before = _digests(tmp_path / "there")
    sheet = render_campaign("tiny", tmp_path / "there", seed=4)
    assert f"{tmp_path}/there/images/PW01001" in sheet.read_text()
    after = _digests(tmp_path / "there")
    assert [name for name in after if after[name] != before.get(name)] == ["plates.tsv"]


def test_a_half_finished_folder_is_completed_and_only_that(tmp_path):
    folder = tmp_path / "tiny"
    render_campaign("tiny", folder, seed=5)
    whole = _digests(folder)
    stamp = (folder / "rendered.json").read_text()
    (folder / "rendered.json").unlink()
    (folder / "rendering.json").write_text(stamp)
    (folder / "truth/cells.parquet").unlink()
    (folder / "images/PW01001/r01c02f01p01-ch3sk1fk1fl1.tiff").unlink()
    calls = []
    render_campaign("tiny", folder, seed=5, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(4, 4)]
    assert _digests(folder) == whole


def test_another_seed_replaces_the_campaign(tmp_path):
    folder = tmp_path / "tiny"
    render_campaign("tiny", folder, seed=5)
    before = _digests(folder)
    render_campaign("tiny", folder, seed=6)
    after = _digests(folder)
    assert before.keys() == after.keys()
    name = "images/PW01001/r01c01f01p01-ch5sk1fk1fl1.tiff"
    assert before[name] != after[name]
    assert json.loads((folder / "rendered.json").read_text())["seed"] == 6


def test_a_folder_with_other_files_is_refused_untouched(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "mine.tiff").write_bytes(b"mine")
    with pytest.raises(DataError, match=r"not a rendered campaign.*Hint"):
        render_campaign("tiny", tmp_path, seed=1)
    assert [path.name for path in tmp_path.rglob("*")] == ["images", "mine.tiff"]


def test_an_unknown_preset_is_named_with_those_there_are(tmp_path):
    with pytest.raises(
        ConfigError, match="found 'huge'; expected one of batches, demo, demo-large, doses, small, tiny"
    ):
        render_campaign("huge", tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(("seed", "workers"), [(-1, 1), (0, 0)])
def test_negative_seed_and_no_workers_are_errors(tmp_path, seed, workers):
    with pytest.raises(ValueError, match="workers must be at least 1 and seed at least 0"):
        render_campaign("tiny", tmp_path / "x", seed=seed, workers=workers)


def test_a_design_that_does_not_add_up_is_refused():
    with pytest.raises(ConfigError, match="found 4 wells a batch for treatments; expected 2"):
        dataclasses.replace(preset("tiny"), wells=6)


def test_a_design_on_no_known_plate_is_refused():
    with pytest.raises(ConfigError, match="found 5; expected one of 6, 12, 24"):
        dataclasses.replace(preset("tiny"), plate_format=5)


@pytest.mark.parametrize("name", PRESETS)
def test_layouts_hold_every_treatment_and_scatter_it(name):
    design = preset(name)
    layout = lay_out(design, 1)
    assert layout == lay_out(design, 1)
    assert list(layout) == [plate for plate, _ in design.plates]
    for batch in range(design.batches):
        plates = list(layout.values())[batch * design.plates_per_batch :][: design.plates_per_batch]
        treated = [[w for w in plate if w.compound not in (None, POSITIVE_CONTROL)] for plate in plates]
        given = [(w.compound.name, w.dose_um) for plate in treated for w in plate]
        assert len(given) == design.replicates * len(design.treatments)
        assert len(set(given)) == len(design.treatments)
        for plate, others in zip(plates, treated, strict=True):
            assert sum(w.compound == POSITIVE_CONTROL for w in plate) == design.positives_per_plate
            assert sum(w.compound is None for w in plate) == design.controls_per_plate
            assert len({w.name for w in plate}) == design.wells
            inside = [(w.compound.name, w.dose_um) for w in others]
            # Replicates go to different plates, and as evenly as they can.
            each = Counter(inside).values()
            assert max(each) == -(-design.replicates // design.plates_per_batch)


def test_positive_controls_are_in_the_sheets(tmp_path):
    design = dataclasses.replace(preset("tiny"), positives_per_plate=1, controls_per_plate=1)
    render_campaign(design, tmp_path)
    known = pd.read_csv(tmp_path / "metadata/external_metadata.tsv", sep="\t", keep_default_na=False)
    assert known["control_type"].tolist() == ["negcon", "", "", "poscon"]
    wells = pd.read_csv(tmp_path / "metadata/platemap/PW01001_platemap.txt", sep="\t")
    assert wells.set_index("perturbation").loc[POSITIVE_CONTROL.name, "dose_um"] == 10
    assert sorted(wells["perturbation"]) == sorted(known["perturbation"])


def test_wells_know_where_they_are():
    grid = FORMATS[24]
    for well in lay_out(preset("demo"), 2)["PW01001"]:
        assert parse_well(well.name) == (well.row, well.column)
        rim = well.row in (0, grid.rows - 1) or well.column in (0, grid.columns - 1)
        assert well.at_edge == rim


def test_position_and_treatment_are_separable_in_the_demo():
    layout = lay_out(preset("demo"), 1)
    places, edges = {}, {}
    for plate in layout.values():
        for well in plate:
            if well.compound:
                places.setdefault(well.compound.name, set()).add(well.name)
                edges.setdefault(well.compound.name, []).append(well.at_edge)
    assert min(map(len, places.values())) >= 2
    assert not any(all(visits) for visits in edges.values())
    controls = {well.at_edge for plate in layout.values() for well in plate if well.compound is None}
    assert controls == {True, False}


def test_demo_has_twenty_compounds_in_seven_moas_with_two_inactive():
    compounds = preset("demo").compounds
    assert len(compounds) == 20
    assert len({compound.moa for compound in compounds}) == 7
    assert sum(not compound.active for compound in compounds) == 2
    active = pd.Series([compound.moa for compound in compounds if compound.active]).value_counts()
    assert active.min() >= 2
