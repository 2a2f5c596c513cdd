"""Differences between kinds of features: paired, in the right direction, and none where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_campaign import campaign

from platewise.config.evaluation import EvaluationConfig
from platewise.config.network import NetworkConfig
from platewise.evaluation.differences import (
    DIFFERENCE_COLUMNS,
    Drawn,
    compared_variants,
    draw_scores,
    run_score_differences,
    score_differences,
)
from platewise.evaluation.levels import read_levels
from platewise.evaluation.probe import Probe
from platewise.profiles.consensus import consensus
from platewise.tables import read_table, write_table

CONFIG = EvaluationConfig(permutations=50, shuffles=10, bootstraps=200, null_size=100, headline_share=5)
FIRST, OTHER = ("deep", "none"), ("classical", "none")


def drawn(wells: pd.DataFrame) -> dict[str, Drawn]:
    return draw_scores(read_levels(wells, consensus(wells, "mean"), NetworkConfig()), CONFIG)


def compared(first: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    table = score_differences({FIRST: drawn(first), OTHER: drawn(other)}, FIRST)
    assert list(table) == DIFFERENCE_COLUMNS
    return table.set_index("Metric")


def test_a_difference_and_its_interval_by_hand() -> None:
    first = {"map_moa": Drawn(0.8, np.array([0.7, 0.8, 0.9, 0.8]), 10**9)}
    other = {"map_moa": Drawn(0.5, np.array([0.5, 0.4, 0.4, np.nan]), 10**9)}
    row = score_differences({FIRST: first, OTHER: other}, FIRST).iloc[0]
    assert row["Difference"] == pytest.approx(0.3)
    # Of the differences 0.2, 0.4 and 0.5.
    assert (row["Low"], row["High"]) == (pytest.approx(0.21), pytest.approx(0.495))
    assert row["Better"] == "higher"


def test_the_same_profiles_do_not_differ_at_all() -> None:
    wells = campaign(strength=1.0, batch_effect=1.0)
    table = compared(wells, wells)
    assert (table[["Difference", "Low", "High"]] == 0).all(axis=None)
    assert table["Value"].notna().all()


def test_stronger_mechanisms_and_weaker_batches_are_found_on_the_right_side() -> None:
    table = compared(campaign(18, strength=5.0), campaign(18, strength=0.3, batch_effect=3.0))
    for metric in ("map_moa", "map_replicate"):
        assert table.loc[metric, "Better"] == "higher"
        assert table.loc[metric, "Low"] > 0
    # In a few resamples every top pair is a match of both.
    assert table.loc["enrichment@5", "Difference"] > 50
    assert table.loc["enrichment@5", "Low"] >= 0
    for metric in ("silhouette_batch", "probe_batch"):
        assert table.loc[metric, "Better"] == "lower"
        assert table.loc[metric, "High"] < 0


def test_a_probe_below_chance_counts_as_chance(monkeypatch) -> None:
    codes = np.repeat([0, 1], 10)
    worse = Probe(0.1, 0.0, 0.2, 0.5, "plates", codes, codes < 0)
    monkeypatch.setattr("platewise.evaluation.differences.batch_probe", lambda *_: worse)
    found = drawn(campaign())["probe_batch"]
    assert found.value == 0.5
    assert (found.draws == 0.5).all()
    assert found.note == "less than chance (0.500) counts as chance"


def test_pairing_is_narrower_than_two_independent_intervals() -> None:
    wells = campaign(perturbations=18, strength=1.0)
    nearly = wells.copy()
    features = [name for name in wells if not name.startswith("Metadata_")]
    nearly[features] += np.random.default_rng(3).normal(0, 0.05, (len(wells), len(features)))
    one, two = drawn(wells)["map_replicate"], drawn(nearly)["map_replicate"]
    shuffled = two.draws[np.random.default_rng(4).permutation(len(two.draws))]
    assert np.std(one.draws - two.draws) < 0.3 * np.std(one.draws - shuffled)


def test_no_clear_difference_where_nothing_differs() -> None:
    # Two draws of the same noise: an interval that misses 0 is chance, and about one in twenty does.
    missed = []
    for seed in range(40):
        first, other = (campaign(strength=1.0, seed=2 * seed + number) for number in range(2))
        metadata = [name for name in first if name.startswith("Metadata_")]
        other[metadata] = first[metadata]
        rng = np.random.default_rng(seed)
        features = [name for name in first if not name.startswith("Metadata_")]
        other[features] = first[features] + 0
        for table in (first, other):
            table[features] += rng.normal(0, 1.0, (len(first), len(features)))
        row = compared(first, other).loc["map_replicate"]
        missed.append(not row["Low"] <= 0 <= row["High"])
    assert np.mean(missed) <= 0.2


def test_who_is_compared_with_whom() -> None:
    variants = [(name, correction) for name in ("classical", "deep", "other") for correction in ("none", "sphering")]
    pairs = compared_variants(variants, ("deep", "none"))
    assert pairs == [
        (("deep", "none"), ("classical", "none")),
        (("deep", "none"), ("classical", "sphering")),
        (("deep", "none"), ("deep", "sphering")),
        (("deep", "none"), ("other", "none")),
        (("deep", "none"), ("other", "sphering")),
        (("other", "none"), ("classical", "none")),
    ]
    assert len(compared_variants(variants, ("classical", "none"))) == 5
    assert compared_variants([("classical", "none")], ("classical", "none")) == []


def _written(folder: Path, wells: pd.DataFrame) -> tuple[str, str]:
    write_table(wells, folder / "wells.parquet", {})
    write_table(consensus(wells, "mean"), folder / "consensus.parquet", {})
    return str(folder / "wells.parquet"), str(folder / "consensus.parquet")


def test_only_wells_that_both_have_are_compared_in_whatever_order(tmp_path) -> None:
    wells = campaign(strength=1.0)
    fewer = wells[wells["Metadata_Perturbation"] != "drug 03"].sample(frac=1, random_state=0).reset_index(drop=True)
    paths = {FIRST: _written(tmp_path / "first", wells), OTHER: _written(tmp_path / "other", fewer)}
    profiles, treatments = ({variant: files[level] for variant, files in paths.items()} for level in range(2))
    out = tmp_path / "differences.parquet"
    run_score_differences(profiles, treatments, str(out), FIRST, CONFIG, NetworkConfig())
    table = read_table(out)
    # The rows that both have are the same, so nothing differs.
    assert table["Difference"].abs().max() < 1e-6
    assert table["Value"].notna().all()


def test_what_a_correction_has_to_say_stands_beside_every_difference(tmp_path) -> None:
    paths = {FIRST: _written(tmp_path / "first", campaign()), OTHER: _written(tmp_path / "other", campaign())}
    write_table(campaign(), paths[OTHER][0], {"note": "fitted on replicates"})
    profiles, treatments = ({variant: files[level] for variant, files in paths.items()} for level in range(2))
    out = tmp_path / "differences.parquet"
    run_score_differences(profiles, treatments, str(out), FIRST, CONFIG, NetworkConfig())
    assert read_table(out)["Note"].str.contains("fitted on replicates").all()


def test_one_variant_gives_an_empty_table(tmp_path) -> None:
    profiles, treatments = _written(tmp_path / "first", campaign())
    out = tmp_path / "differences.parquet"
    run_score_differences({FIRST: profiles}, {FIRST: treatments}, str(out), FIRST, CONFIG, NetworkConfig())
    assert list(read_table(out)) == DIFFERENCE_COLUMNS
    assert read_table(out).empty


def test_what_cannot_be_scored_says_why() -> None:
    one_batch = campaign(batches=1, annotated=False)
    table = compared(one_batch, one_batch)
    assert table.loc["map_moa", "Note"] == "fewer than two annotated perturbations"
    assert "nothing is comparable" in table.loc["silhouette_batch", "Note"]
    assert table.loc[["map_moa", "enrichment@5", "silhouette_batch", "probe_batch"], "Difference"].isna().all()
    assert table.loc["map_replicate", "Difference"] == 0
