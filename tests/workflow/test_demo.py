"""The demo as the README starts it, held against the truth that was rendered."""

import numpy as np
import pandas as pd
import pytest
import tifffile
from project import ROOT, Project
from released import worse_than_released

from platewise.segmentation.scoring import score
from platewise.store.fields import read_labels

PRESET = "sphering"


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("demo"))
    project.platewise("simulate", "rendered/demo", "--design", "demo", "--workers", "2")
    project.run("--configfile", str(ROOT / "config/demo/config.yaml"), "--cores", "2")
    project.results = project.folder / "results" / "demo"
    return project


def scores(demo, features):
    return pd.read_parquet(demo.results / f"campaign/evaluation/{features}.{PRESET}.scores.parquet")


def test_nuclei_are_those_that_were_rendered(demo):
    found = []
    for path in sorted((demo.folder / "rendered/demo/truth").glob("*/*.nuclei.tiff")):
        plate, well = path.parent.name, path.name[:3]
        labels = read_labels(demo.results / "plates" / plate / "plate.zarr", well, 1)
        found.append(score(tifffile.imread(path), labels["nuclei"])["f1@0.7"])
    assert len(found) == 96
    assert np.mean(found) >= 0.85


@pytest.mark.parametrize("features", ["classical", "deep"])
def test_mechanisms_are_found_beyond_every_baseline(demo, features):
    table = scores(demo, features).query("Metric == 'map_moa'").set_index("Baseline")
    own = table.loc[""]
    assert own["Evaluated"] == 20
    for baseline in ("cell_count", "position", "shuffled"):
        assert own["Value"] > table.loc[baseline, "Value"]
        assert table.loc[baseline, "PValue"] < 0.05


@pytest.mark.parametrize("features", ["classical", "deep"])
def test_the_enrichment_curve_has_its_interval(demo, features):
    table = pd.read_parquet(demo.results / f"campaign/evaluation/{features}.{PRESET}.enrichment.parquet")
    own = table[table["Baseline"] == ""]
    assert own["Share"].min() == pytest.approx(0.1)
    assert own["Share"].max() == pytest.approx(10)
    assert (own["Low"] <= own["OddsRatio"]).all()
    assert (own["OddsRatio"] <= own["High"]).all()


def test_uncorrected_profiles_group_by_batch_and_corrected_ones_by_compound(demo):
    table = pd.read_parquet(demo.results / f"campaign/evaluation/classical.{PRESET}.batches.parquet")
    value = table.set_index(["Correction", "Metric"])["Value"]
    low = table.set_index(["Correction", "Metric"])["Low"]
    # A classifier names the batch of every held-out plate before, and does no better than guessing after.
    assert value["uncorrected", "probe_batch"] > 0.9
    assert low[PRESET, "probe_batch"] < 0.5
    for metric in ("silhouette_batch", "pcr_batch"):
        assert value[PRESET, metric] < value["uncorrected", metric]
    for metric in ("map_replicate_across_batches", "map_replicate", "map_moa"):
        assert value[PRESET, metric] > value["uncorrected", metric]


def test_the_network_names_compounds_on_plates_it_has_not_seen(demo):
    curves = pd.read_parquet(demo.results / "campaign/embedding/deep/curves.parquet")
    # 20 compounds and DMSO: chance is 1 in 21.
    assert curves["validation_accuracy"].iloc[-1] > 2 / 21


def test_no_score_has_fallen_since_the_last_release(demo):
    assert worse_than_released(demo.results) == []


def test_planted_inactive_compounds_are_not_connected(demo):
    truth = pd.read_parquet(demo.folder / "rendered/demo/truth/cells.parquet")
    active = truth.groupby("Metadata_Perturbation")["Activity"].max()
    inactive = set(active[active == 0].index) - {"DMSO"}
    assert len(inactive) == 2
    edges = pd.read_parquet(demo.results / f"campaign/network/classical.{PRESET}/edges.parquet")
    assert len(edges) > 5
    assert not inactive & {*edges["Source"], *edges["Target"]}


def test_the_report_carries_the_figures(demo):
    page = (demo.results / "report/index.html").read_text()
    for part in ("Enrichment of shared mechanisms", "Batch effects", "figure-network", "deep", PRESET):
        assert part in page
    assert len(list((demo.results / "report/plates").glob("*.html"))) == 4


def test_the_planted_polyploid_compounds_are_found_and_no_other(demo):
    truth = pd.read_parquet(demo.folder / "rendered/demo/truth/cells.parquet")
    strong = truth[(truth["Metadata_MOA"] == "Aurora kinase inhibitor") & (truth["Activity"] > 0)]
    planted = set(strong["Metadata_Perturbation"])
    assert len(planted) == 2
    table = pd.read_parquet(demo.results / "campaign/ploidy/treatments.parquet").query("Class == '>4N'")
    found = table[(table["QValue"] < 0.05) & (table["Superiority"] > 0.5)]
    assert set(found["Metadata_Perturbation"]) == planted
    page = (demo.results / "report/index.html").read_text()
    assert "Of 20 treatments that could be tested, 2 have more polyploid nuclei" in page
