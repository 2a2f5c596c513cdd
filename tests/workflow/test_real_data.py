"""The real halves of the chain: JUMP and NF1 from images to profiles, BBBC021 from profiles to the network."""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from project import ROOT, Project
from released import worse_than_released

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(
        "PLATEWISE_DATA" not in os.environ,
        reason="set PLATEWISE_DATA to the folder with the real data; docs/tutorial.md says where to get them",
    ),
]


@pytest.fixture(scope="module")
def jump(tmp_path_factory):
    """Three wells of the shipped JUMP campaign: DMSO, the Aurora kinase inhibitor AMG900, and quinidine."""
    project = Project(tmp_path_factory.mktemp("jump"))
    config = yaml.safe_load((ROOT / "config/jump/config.yaml").read_text())
    sheet = pd.read_csv(ROOT / "config/jump/plates.tsv", sep="\t")
    sheet["wells"] = "D14 F10 N09"
    sheet.to_csv(project.folder / "plates.tsv", sep="\t", index=False)
    config["plates"] = str(project.folder / "plates.tsv")
    # Paths of the data may be relative to the root; the test runs elsewhere.
    os.environ["PLATEWISE_DATA"] = str(Path(os.environ["PLATEWISE_DATA"]).resolve())
    project.run("--configfile", project.write(config), "--cores", "2")
    project.results = project.folder / "results" / "jump"
    return project


def test_jump_cells_are_found(jump):
    wells = pd.read_parquet(jump.results / "plates/BR00117010/qc/wells.parquet").set_index("Metadata_Well")
    assert set(wells.index) == {"D14", "F10", "N09"}
    assert wells.loc["D14", "Metadata_Perturbation"] == "DMSO"
    assert wells.loc["D14", "Metadata_ControlType"] == "negcon"
    assert wells.loc["N09", "Metadata_MOA"] == "Aurora kinase inhibitor"
    # Counted by eye: about 100 nuclei in the DMSO field, about 35 under AMG900.
    fields = pd.read_parquet(jump.results / "plates/BR00117010/qc/fields.parquet").set_index("Metadata_Well")
    assert 90 <= fields.loc["D14", "NucleiCount"] <= 120
    assert 28 <= fields.loc["N09", "NucleiCount"] <= 45


def test_jump_aurora_inhibition_makes_large_nuclei(jump):
    wells = pd.read_parquet(jump.results / "plates/BR00117010/profiles/classical.wells.parquet").set_index(
        "Metadata_Well"
    )
    area = wells["Nuclei_AreaShape_Area"]
    assert area["N09"] > 1.4 * area["D14"]
    assert area["F10"] == pytest.approx(area["D14"], rel=0.25)


def test_jump_aurora_inhibition_makes_polyploid_cells_and_one_well_proves_nothing(jump):
    table = pd.read_parquet(jump.results / "campaign/ploidy/treatments.parquet").query("Class == '>4N'")
    row = table.set_index("Metadata_Perturbation").loc["AMG900"]
    assert row["Low"] > 0.25
    assert row["ControlHigh"] < 0.15
    assert row["PValue"] == 1
    assert "one well" in row["Note"]
    page = (jump.results / "report/index.html").read_text()
    assert "with too few wells for a test to show it, the interval lies above that of the controls: AMG900" in page


def test_jump_says_what_it_cannot_mean(jump):
    scores = pd.read_parquet(jump.results / "campaign/evaluation/classical.none.scores.parquet")
    moa = scores[(scores["Metric"] == "map_moa") & (scores["Baseline"] == "")].iloc[0]
    assert np.isnan(moa["Value"])
    assert "no two perturbations share an annotation" in moa["Note"]
    assert "no two perturbations share an annotation" in (jump.results / "report/index.html").read_text()


@pytest.fixture(scope="module")
def nf1(tmp_path_factory):
    """The shipped campaign of variants as it is; its sheets lie where its config says."""
    project = Project(tmp_path_factory.mktemp("nf1"))
    shutil.copytree(ROOT / "config/nf1", project.folder / "config/nf1")
    os.environ["PLATEWISE_DATA"] = str(Path(os.environ["PLATEWISE_DATA"]).resolve())
    project.run("--configfile", "config/nf1/config.yaml", "--cores", "2")
    project.results = project.folder / "results" / "nf1"
    return project


def test_nf1_cells_are_found(nf1):
    fields = pd.read_parquet(nf1.results / "plates/Plate_2/qc/fields.parquet").set_index("Metadata_Well")
    assert (fields["Status"] == "ok").all()
    # Outlined and looked at: 168 nuclei in the five fields.
    assert 155 <= fields["NucleiCount"].sum() <= 180


def test_five_wells_of_nf1_prove_nothing_and_the_report_says_so(nf1):
    (row,) = pd.read_parquet(nf1.results / "campaign/variants/impact.parquet").to_dict("records")
    assert (row["Metadata_Perturbation"], row["WildType"]) == ("NF1-Null", "NF1-WT")
    assert (row["Wells"], row["WildTypeWells"], row["Plates"]) == (4, 1, 1)
    assert np.isnan([row[name] for name in ("Contrast", "CorrelationP", "Auc", "AucP")]).all()
    assert row["Note"] == (
        "1 well of the wild type, and 2 at least are needed to compare correlations; 1 plate with both, and 2 at least "
        "are needed to hold one out for a classifier"
    )
    page = (nf1.results / "report/index.html").read_text()
    assert page.count("NF1-Null cannot be held against NF1-WT: 5 wells of the two on 1 plate prove nothing") == 2
    assert "with so few wells p is at least 0.2<" in page


@pytest.fixture(scope="module")
def bbbc021(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("bbbc021"))
    os.environ["PLATEWISE_DATA"] = str(Path(os.environ["PLATEWISE_DATA"]).resolve())
    project.config = str(ROOT / "config/bbbc021/config.yaml")
    project.run("--configfile", project.config, "--cores", "2")
    project.results = project.folder / "results" / "bbbc021"
    return project


def test_bbbc021_keeps_every_well(bbbc021):
    wells = pd.read_parquet(bbbc021.results / "campaign/profiles/classical.replicates.parquet")
    assert len(wells) == 632
    assert wells["Metadata_Plate"].nunique() == 55
    assert (wells["Metadata_ControlType"] == "negcon").sum() == 330


def test_bbbc021_scores_103_and_92_treatments(bbbc021):
    for correction in ("none", "sphering", "replicates"):
        scores = pd.read_parquet(bbbc021.results / f"campaign/evaluation/classical.{correction}.scores.parquet")
        own = scores[scores["Baseline"] == ""].set_index("Metric")
        assert own.loc["nsc", ["Evaluated", "Total"]].tolist() == [103, 103]
        assert own.loc["nscb", ["Evaluated", "Total"]].tolist() == [92, 103]
        # A plain global z-score gives 0.883 and 0.717 on the same wells.
        assert own.loc["nsc", "Value"] > 0.85
        assert own.loc["nscb", "Value"] > 0.65


def test_no_score_of_bbbc021_has_fallen_since_the_last_release(bbbc021):
    assert worse_than_released(bbbc021.results) == []


def test_bbbc021_prints_its_scores_the_preset_last(bbbc021):
    lines = bbbc021.platewise("scores", bbbc021.config)
    assert [line.split()[0] for line in lines] == ["none", "sphering", "replicates", "preset"]
    assert lines[-1].split()[1:] == next(line for line in lines if line.startswith("replicates")).split()[1:]
    assert all(line.split()[1::2] == ["NSC", "NSCB"] for line in lines)


def test_bbbc021_shows_the_published_scores_beside_its_own(bbbc021):
    page = (bbbc021.results / "report/index.html").read_text()
    assert "Ljosa 2013" in page
    assert "0.940" in page


def test_bbbc021_lists_neighbours_where_nothing_is_connected(bbbc021):
    network = bbbc021.results / "campaign/network/classical.replicates"
    assert pd.read_parquet(network / "edges.parquet").empty
    near = pd.read_parquet(network / "neighbours.parquet")
    first = near[near["Rank"] == 1].set_index("Metadata_Perturbation")
    assert len(near) == 10 * len(first)
    assert not near["Connected"].any()
    # Both bind tubulin at the same place.
    assert first.loc["taxol", "Neighbour"] == "epothilone B"
    assert first.loc["taxol", "SharedMOA"]
    page = (bbbc021.results / "report/network.html").read_text()
    assert "0 connections at q &lt; 0.05" in page
    # A table of profiles has no plates to show.
    assert "plates/" not in page.split('id="data">')[1].split("</script>")[0]
    assert 'href="network.html#taxol"' in (bbbc021.results / "report/index.html").read_text()
