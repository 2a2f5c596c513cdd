"""Bad images stop nothing, are never silent, and never reach a profile."""

import shutil

import numpy as np
import pandas as pd
import pytest
import tifffile
from project import Project


@pytest.fixture(scope="module")
def damaged(tmp_path_factory, rendered, small_config):
    """The first plate with a truncated file, an all-zero channel and a missing channel; run to the report."""
    project = Project(tmp_path_factory.mktemp("damaged"))
    shutil.copytree(rendered, project.folder / "rendered")
    sheet = pd.read_csv(rendered / "plates.tsv", sep="\t").head(1)
    images = project.folder / "rendered" / "images" / sheet["plate"][0]
    sheet["images"] = str(images)
    sheet.to_csv(project.folder / "plates.tsv", sep="\t", index=False)
    truncated = images / "r01c01f01p01-ch4sk1fk1fl1.tiff"
    truncated.write_bytes(truncated.read_bytes()[:5000])
    zero = images / "r01c02f01p01-ch5sk1fk1fl1.tiff"
    tifffile.imwrite(zero, np.zeros_like(tifffile.imread(zero)))
    (images / "r02c03f01p01-ch1sk1fk1fl1.tiff").unlink()
    config = small_config | {"plates": str(project.folder / "plates.tsv"), "embeddings": {}}
    project.raw = config | {"images": small_config["images"] | {"max_bad_fields": 0.5}}
    project.config = project.write(project.raw)
    project.run("--configfile", project.config, "--cores", "2")
    project.plate = sheet["plate"][0]
    project.images = images
    project.results = project.folder / "results" / "small"
    return project


REASONS = {"A01": ("ER", "cut short"), "A02": ("DNA", "every pixel is 0"), "B03": ("Mito", "no image of this channel")}


def test_every_bad_field_is_marked_with_its_reason(damaged):
    fields = pd.read_parquet(damaged.results / "plates" / damaged.plate / "qc/fields.parquet")
    bad = fields[fields["Status"] == "bad"].set_index("Metadata_Well")["Reason"]
    assert set(bad.index) == set(REASONS)
    for well, words in REASONS.items():
        for word in words:
            assert word in bad[well]


def test_bad_fields_are_absent_from_profiles_and_recorded_as_dropped(damaged):
    folder = damaged.results / "plates" / damaged.plate / "profiles"
    wells = pd.read_parquet(folder / "classical.wells.parquet")["Metadata_Well"]
    dropped = pd.read_parquet(folder / "classical.wells.dropped.parquet")["Row"]
    assert not set(wells) & set(REASONS)
    assert {row.split()[-1] for row in dropped} >= set(REASONS)
    assert len(wells) + len(dropped) == 6


def test_the_report_lists_them_with_the_command_that_runs_them_again(damaged):
    for page in (damaged.results / "report/index.html", damaged.results / f"report/plates/{damaged.plate}.html"):
        text = page.read_text()
        assert "cut short" in text
        assert "--forcerun inventory_plate --until inventory_plate &amp;&amp; platewise run" in text
        assert all(well in text for well in REASONS)


def test_a_mended_image_redoes_its_block_and_no_other(damaged, rendered):
    name = "r02c03f01p01-ch1sk1fk1fl1.tiff"
    shutil.copy(rendered / "images" / damaged.plate / name, damaged.images / name)
    cells = damaged.results / "plates" / damaged.plate / "cells"
    before = {path.name: path.stat().st_mtime_ns for path in cells.iterdir()}
    # The report's command: the inventories first, then what they changed.
    again = ["--forcerun", "inventory_plate", "--until", "inventory_plate"]
    damaged.run("--configfile", damaged.config, "--cores", "2", *again)
    damaged.run("--configfile", damaged.config, "--cores", "2")
    redone = {path.name for path in cells.iterdir() if path.stat().st_mtime_ns != before[path.name]}
    assert redone == {"B01-B03.parquet"}
    wells = pd.read_parquet(damaged.results / "plates" / damaged.plate / "profiles/classical.wells.parquet")
    assert "B03" in set(wells["Metadata_Well"])
    assert "Nothing to be done" in damaged.run("--configfile", damaged.config, "--cores", "1")


def test_too_many_bad_fields_fail_the_plate_and_are_named(damaged):
    images = damaged.raw["images"] | {"max_bad_fields": 0.1}
    config = damaged.write(damaged.raw | {"campaign": "strict", "images": images}, "strict.yaml")
    text = damaged.run("--configfile", config, "--cores", "1", fails=True)
    assert "max_bad_fields" in text
    assert "A01" in text
