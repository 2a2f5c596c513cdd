"""The ready campaign of variants on real data plans as it is shipped; of the data only the folder is made."""

import re
from pathlib import Path

import pytest
import yaml

from platewise.plan.campaign import load_campaign
from platewise.plan.jobs import list_jobs

ROOT = Path(__file__).parents[3]


@pytest.fixture
def nf1(tmp_path, monkeypatch):
    (tmp_path / "nf1/Plate_2_images").mkdir(parents=True)
    monkeypatch.setenv("PLATEWISE_DATA", str(tmp_path))
    monkeypatch.chdir(ROOT)
    return load_campaign(yaml.safe_load((ROOT / "config/nf1/config.yaml").read_text()))


def test_nf1_has_a_variant_and_its_wild_type_for_control(nf1):
    given = {well.well: (well.perturbation, well.control_type) for well in nf1.plates["Plate_2"].treatments}
    null = ("NF1-Null", "")
    assert given == {"B07": null, "D06": ("NF1-WT", "negcon"), "D07": null, "F07": null, "H12": null}
    assert nf1.variants == [("NF1-Null", "NF1-WT")]
    rules = [job.rule for job in list_jobs(nf1)]
    assert rules.count("score_variants") == rules.count("segment_block") == 1


def test_the_plate_map_of_nf1_is_the_published_layout():
    rows = [line.split("\t") for line in (ROOT / "config/nf1/platemap.tsv").read_text().splitlines()[1:]]
    columns = {"NF1-WT": {1, 6}, "NF1-Null": {7, 12}}
    assert len(rows) == 32
    assert all(int(well[1:]) in columns[genotype] and well[0] in "ABCDEFGH" for well, genotype in rows)


def test_the_pattern_of_nf1_reads_the_published_names(nf1):
    pattern = nf1.config.images.readers["nf1"].pattern
    found = [re.fullmatch(pattern, name) for name in ("B7_01_1_3_DAPI_001.tif", "H12_01_3_1_RFP_001.tif")]
    assert [(match["well"], match["channel"]) for match in found] == [("B7", "DAPI"), ("H12", "RFP")]
