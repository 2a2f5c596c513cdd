"""The real screen BBBC021, from its table of wells to NSC and NSCB, with the campaign's own config."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from platewise.config.correction import CorrectionConfig
from platewise.config.evaluation import EvaluationConfig
from platewise.config.network import NetworkConfig
from platewise.config.profiles import ProfilesConfig
from platewise.config.table import TableConfig
from platewise.correction.correct import run_correct_batches
from platewise.evaluation.annotations import annotation_matches
from platewise.evaluation.batches import run_score_batches
from platewise.evaluation.evaluate import run_evaluate_network
from platewise.evaluation.nearest import nearest_match, same_perturbation
from platewise.evaluation.similarity import Cosine
from platewise.network.build import run_build_network
from platewise.profiles.consensus import combine, run_build_consensus
from platewise.profiles.importing import run_import_profiles
from platewise.profiles.normalise import run_normalise_plates
from platewise.profiles.plates import plates_of
from platewise.profiles.select import run_select_features
from platewise.tables import read_provenance, read_table

ROOT = Path(__file__).parents[3]
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(
        "PLATEWISE_DATA" not in os.environ, reason="set PLATEWISE_DATA to the folder that holds bbbc021/"
    ),
]


def run_campaign(folder: Path, config: dict[str, Any]) -> None:
    table = TableConfig.model_validate(config["table"])
    profiles = ProfilesConfig.model_validate(config["profiles"])
    network = NetworkConfig.model_validate(config.get("network", {}))
    # Fewer shuffles than a campaign: values are the same, p-values coarser.
    evaluation = EvaluationConfig(permutations=200, shuffles=20, bootstraps=50, null_size=500)
    plates = plates_of(table)
    wells = {plate: str(folder / plate / "classical.wells.parquet") for plate in plates}
    normalised = {plate: str(folder / plate / "classical.normalised.parquet") for plate in plates}
    run_import_profiles(table, wells)
    run_normalise_plates(wells, normalised, profiles.normalise)
    selected = str(folder / "classical.selected.parquet")
    run_select_features(normalised, selected, str(folder / "classical.selection.parquet"), profiles.select)
    for name, method in CorrectionConfig.model_validate(config["correction"]).methods.items():
        stem = f"{folder}/classical.{name}"
        run_correct_batches(selected, f"{stem}.parquet", f"{stem}.h5ad", method)
        run_build_consensus(f"{stem}.parquet", f"{stem}.consensus.parquet", profiles.consensus)
        run_build_network(
            f"{stem}.parquet", f"{stem}.consensus.parquet", f"{stem}.network", network, profiles.consensus.method
        )
        names = ("classical", name)
        outputs = [f"{stem}.{kind}.parquet" for kind in ("scores", "enrichment", "perturbations")]
        run_evaluate_network(f"{stem}.parquet", f"{stem}.consensus.parquet", *outputs, evaluation, network, *names)
        run_score_batches(
            f"{stem}.parquet",
            f"{stem}.consensus.parquet",
            f"{stem}.batches.parquet",
            evaluation,
            network,
            *names,
            wells_paths=list(wells.values()) if name == "none" else (),
        )


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = yaml.safe_load((ROOT / "config" / "bbbc021" / "config.yaml").read_text())
    folder = tmp_path_factory.mktemp("bbbc021")
    run_campaign(folder, config)
    return folder


def own_scores(folder: Path, correction: str) -> pd.DataFrame:
    return read_table(folder / f"classical.{correction}.scores.parquet").query("Baseline == ''").set_index("Metric")


def test_the_evaluator_reproduces_the_published_reference() -> None:
    # The reference of the data's README: all 516 features, global z-score, medians of replicates: NSC 0.883.
    table = pd.read_parquet(Path(os.environ["PLATEWISE_DATA"]) / "bbbc021" / "bbbc021_wells_with_moa.parquet")
    values = table.iloc[:, 6:].to_numpy(dtype=float)
    scale = values.std(axis=0)
    values = (values - values.mean(axis=0)) / np.where(scale > 0, scale, 1)
    treated = (table["compound"] != "DMSO").to_numpy()
    codes, keys = pd.factorize(pd.MultiIndex.from_frame(table.loc[treated, ["compound", "concentration"]]))
    moa = table[treated].groupby(codes)["moa"].first()
    compounds = keys.get_level_values(0)
    items = nearest_match(
        Cosine(combine(values[treated], codes, len(keys), "median")),
        annotation_matches(moa),
        same_perturbation(compounds),
    )
    assert items.evaluated == 103
    assert items.score == pytest.approx(91 / 103)


def test_every_well_reaches_the_end(campaign: Path) -> None:
    for correction in ("none", "sphering", "replicates"):
        wells = read_table(campaign / f"classical.{correction}.parquet")
        assert len(wells) == 632
        assert (wells["Metadata_ControlType"] == "negcon").sum() == 330
        treatments = read_table(campaign / f"classical.{correction}.consensus.parquet")
        assert (treatments["Metadata_ControlType"] == "").sum() == 103
    assert not any("Location" in name or "Center" in name for name in wells)


def test_what_was_chosen_was_chosen_on_controls(campaign: Path) -> None:
    scale = read_provenance(campaign / "Week1_22123" / "classical.normalised.parquet")
    assert len(scale["likelihood"]) == 10
    assert float(scale["prior_controls"]) == max(
        (float(prior) for prior in scale["likelihood"]), key=lambda prior: scale["likelihood"][str(prior)]
    )
    sphering = read_provenance(campaign / "classical.sphering.parquet")["chosen"]
    assert sphering["controls"] == 330
    assert 0 < sphering["shrinkage"] < 1
    replicates = read_provenance(campaign / "classical.replicates.parquet")["chosen"]
    # 330 controls, and 302 treated wells less the first of each of 103 treatments.
    assert replicates["rows"] == 330 + 302 - 103
    likelihood = replicates["likelihood"]
    assert replicates["shrinkage"] == float(max(likelihood, key=lambda share: likelihood[share]))


def test_scores_stay_where_they_were_measured(campaign: Path) -> None:
    # Measured with the config's preset, whose parameters are chosen on controls. A lower value is a regression.
    floors = {"none": (0.89, 0.71), "sphering": (0.88, 0.70), "replicates": (0.90, 0.78)}
    for correction, (nsc, nscb) in floors.items():
        own = own_scores(campaign, correction)
        assert own.loc["nsc", ["Evaluated", "Total"]].tolist() == [103, 103]
        assert own.loc["nscb", ["Evaluated", "Total"]].tolist() == [92, 103]
        assert own.loc["nsc", "Value"] >= nsc
        assert own.loc["nscb", "Value"] >= nscb
        assert own.loc["map_moa", "PValue"] < 0.05


def test_what_the_screen_cannot_tell_is_said(campaign: Path) -> None:
    own = own_scores(campaign, "sphering")
    assert "every treatment lies in one batch" in own.loc["map_replicate", "Note"]
    assert "every treatment sits in one well position" in own.loc["map_replicate", "Note"]
    assert "neighbours may be of the same batch" in own.loc["nsc", "Note"]
    batches = read_table(campaign / "classical.sphering.batches.parquet").set_index("Metric")
    assert np.isnan(batches.loc["map_replicate_across_batches", "Value"])
    assert batches.loc["map_replicate_across_batches", "Note"] == "no perturbation has wells in two batches"
    assert "on negative controls alone" in batches.loc["silhouette_batch", "Note"]


def test_scores_of_a_correction_by_replicates_say_so(campaign: Path) -> None:
    own = own_scores(campaign, "replicates")
    assert own["Note"].str.contains("fitted on replicates").all()


def test_batches_are_less_distinct_after_normalisation_and_correction(campaign: Path) -> None:
    before = read_table(campaign / "classical.none.batches.parquet")
    raw = before[before["Correction"] == "uncorrected"].set_index("Metric")["Value"]
    after = read_table(campaign / "classical.sphering.batches.parquet").set_index("Metric")["Value"]
    assert raw["probe_batch"] > 0.8
    assert after["probe_batch"] < 0.3
    assert raw["kbet_acceptance"] < 0.2
    assert after["kbet_acceptance"] > 0.7


def test_significant_connections_join_compounds_of_one_mechanism(campaign: Path) -> None:
    edges = read_table(campaign / "classical.none.network" / "edges.parquet")
    assert len(edges) >= 3
    assert edges["SharedMOA"].mean() > 0.8
