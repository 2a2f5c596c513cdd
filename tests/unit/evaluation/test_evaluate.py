"""Whole evaluations of small campaigns: known truth, and nothing that crashes on too little data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_campaign import campaign
from pydantic import ValidationError
from scipy.stats import binom

from platewise.config.correction import SpheringCorrection
from platewise.config.evaluation import EvaluationConfig
from platewise.config.network import NetworkConfig
from platewise.correction.correct import run_correct_batches
from platewise.evaluation.batches import BATCH_COLUMNS, run_score_batches, score_batches, uncorrected_profiles
from platewise.evaluation.evaluate import (
    ENRICHMENT_COLUMNS,
    _annotation_families,
    _nearest_families,
    _replicate_family,
    evaluate,
    run_evaluate_network,
)
from platewise.evaluation.levels import describe_layout, read_levels
from platewise.evaluation.scores import NOT_BEATEN, SCORE_COLUMNS, score_family
from platewise.profiles.consensus import consensus
from platewise.profiles.frame import split_profiles
from platewise.report.hits import layout_words
from platewise.tables import read_table

CONFIG = EvaluationConfig(permutations=200, shuffles=30, bootstraps=50, null_size=500)
METRICS = {
    "enrichment@1",
    "dp_enrichment",
    "map_moa",
    "map_moa_significant",
    "map_replicate",
    "map_replicate_significant",
    "percent_replicating",
    "nsc",
    "nscb",
}
BATCH_METRICS = [
    "silhouette_batch",
    "kbet_acceptance",
    "ilisi",
    "pcr_batch",
    "probe_batch",
    "probe_plate",
    "silhouette_perturbation",
    "map_replicate",
    "map_replicate_across_batches",
    "map_moa",
]


def in_separate_batches(wells: pd.DataFrame) -> pd.DataFrame:
    """Leave the first half of the perturbations in one batch and the others in the other."""
    half = [name != "DMSO" and int(name[-2:]) >= 6 for name in wells["Metadata_Perturbation"]]
    treated = wells["Metadata_ControlType"] == ""
    return wells[~treated | (np.array(half) == (wells["Metadata_Batch"] == "B1"))].reset_index(drop=True)


def evaluated(wells: pd.DataFrame, note: str = "") -> tuple[pd.DataFrame, pd.DataFrame]:
    return evaluate(wells, consensus(wells, "mean"), CONFIG, NetworkConfig(), "classical", "none", note)


def test_a_campaign_with_phenotype_beats_every_baseline() -> None:
    scores, curve = evaluated(campaign(18, moas=6))
    own = scores[scores["Baseline"] == ""].set_index("Metric")
    assert set(own.index) == METRICS
    for metric in ("map_moa", "map_replicate", "percent_replicating", "nsc"):
        assert own.loc[metric, "Value"] > 0.95
        assert own.loc[metric, "PValue"] == 1 / 31
    assert own.loc["enrichment@1", "Value"] > 5
    assert own.loc["nsc", ["Evaluated", "Total"]].tolist() == [18, 18]
    baselines = scores[(scores["Baseline"] != "") & scores["Metric"].isin(["map_moa", "nsc", "map_replicate"])]
    assert (baselines["PValue"] < 0.05).all()
    assert (baselines["Note"] == "").all()
    assert set(curve["Baseline"]) == {"", "cell_count", "position", "shuffled"}
    assert list(curve) == ENRICHMENT_COLUMNS
    assert list(scores) == SCORE_COLUMNS


def test_four_mechanisms_are_too_few_to_beat_a_baseline() -> None:
    scores, _ = evaluated(campaign())
    held = scores[(scores["Baseline"] != "") & (scores["Metric"] == "map_moa")]
    assert held["PValue"].isna().all()
    assert set(held["Note"]) == {"4 independent groups cannot give a p below 0.062"}


def test_a_campaign_without_phenotype_is_marked() -> None:
    scores, _ = evaluated(campaign(18, moas=6, strength=0.0))
    own = scores[scores["Baseline"] == ""].set_index("Metric")
    assert own.loc["map_moa", "PValue"] > 0.05
    assert own.loc["map_replicate", "PValue"] > 0.05
    marked = scores[(scores["Baseline"] != "") & scores["Metric"].isin(["map_moa", "nsc"])]
    assert (marked["Note"] == NOT_BEATEN).mean() > 0.7


def test_p_values_of_scores_are_uniform_without_phenotype() -> None:
    """Also with batch effects, where every treatment lies in one batch: a shuffle leaves these where they are."""
    config = CONFIG.model_copy(update={"permutations": 20, "shuffles": 19, "bootstraps": 20, "null_size": 100})
    runs, names = 60, ["dp_enrichment", "map_moa", "nsc", "nscb", "map_replicate"]
    found = []
    for seed in range(runs):
        wells = in_separate_batches(campaign(strength=0.0, batch_effect=1.0, seed=seed))
        levels = read_levels(wells, consensus(wells, "mean"), NetworkConfig())
        limits = describe_layout(levels.wells.metadata)
        families = [*_annotation_families(levels, config), *_nearest_families(levels, limits)]
        rows = [
            row
            for family in [*families, _replicate_family(levels, config, limits)]
            for row in score_family(family, config)
        ]
        found.append({row["Metric"]: row["PValue"] for row in rows if not row["Baseline"] and row["Metric"] in names})
    p = pd.DataFrame(found)[names]
    assert (p.min() >= 1 / 20).all()
    for level in (0.05, 0.25, 0.5):
        # No smaller p than by chance: what is as rare as one campaign in 10,000 fails.
        assert ((p <= level).sum() <= binom.ppf(1 - 1e-4, runs, level)).all(), level
    # Nor are all large. A share of few treatments ties with those of its shuffles, and p counts ties.
    for name in ("map_moa", "map_replicate", "dp_enrichment"):
        assert (p[name] <= 0.6).sum() >= binom.ppf(1e-4, runs, 0.5), name


def test_what_an_enrichment_rests_on_is_told() -> None:
    scores, curve = evaluated(campaign())
    note = scores[(scores["Metric"] == "enrichment@1") & (scores["Baseline"] == "")]["Note"].item()
    # Twelve perturbations: 66 pairs, of which 12 match; the top percent is one pair.
    assert note == "rests on 1 pair in the top 1 %, of which 0.18 would share an annotation by chance"
    point = curve[curve["Share"] == 10.0].set_index("Baseline")
    assert point["Pairs"].tolist() == [7.0] * 4
    assert point.loc["", ["Matching", "Expected"]].tolist() == [7.0, 7 * 12 / 66]
    assert (
        point["Note"].iloc[:3] == "rests on 7 pairs in the top 10 %, of which 1.3 would share an annotation by chance"
    ).all()


def test_an_annotation_of_one_perturbation_is_not_scored_and_counted() -> None:
    wells = campaign(perturbations=9)
    wells.loc[wells["Metadata_Perturbation"] == "drug 08", "Metadata_MOA"] = "alone"
    wells.loc[wells["Metadata_Perturbation"] == "drug 07", "Metadata_MOA"] = ""
    wells.loc[wells["Metadata_Perturbation"] == "drug 03", "Metadata_MOA"] = "moa 1|moa 2"
    scores = evaluated(wells)[0].query("Baseline == ''").set_index("Metric")
    for metric in ("map_moa", "nsc"):
        assert scores.loc[metric, ["Evaluated", "Total"]].tolist() == [7, 9], metric
    # Every treatment is in both batches.
    assert "left out" in scores.loc["nscb", "Note"]


def test_a_baseline_that_explains_everything_is_not_beaten() -> None:
    wells = campaign(18, moas=6, strength=0.0)
    moa = [int(moa[-1]) if moa else 9 for moa in wells["Metadata_MOA"]]
    wells["Metadata_CellCount"] = 1000 * np.array(moa) + wells["Metadata_CellCount"] // 50
    scores, _ = evaluated(wells)
    row = scores[(scores["Metric"] == "map_moa") & (scores["Baseline"] == "cell_count")].iloc[0]
    assert row["Value"] > 0.99
    assert row["Note"] == NOT_BEATEN


def test_what_a_layout_cannot_tell_is_noted() -> None:
    wells = campaign()
    first = wells[wells["Metadata_Plate"] == "P0"]
    fixed = dict(zip(first["Metadata_Perturbation"], first["Metadata_Well"], strict=True))
    treated = wells["Metadata_ControlType"] == ""
    wells.loc[treated, "Metadata_Well"] = wells.loc[treated, "Metadata_Perturbation"].map(fixed)
    own = evaluated(wells)[0].query("Baseline == ''").set_index("Metric")["Note"]
    assert (
        own["map_replicate"] == "every treatment sits in one well position: treatment and position cannot be told apart"
    )
    assert "well position" not in own["nsc"]
    wells = campaign()
    scores = evaluated(in_separate_batches(wells))[0].query("Baseline == ''").set_index("Metric")
    own = scores["Note"]
    # Each mechanism has compounds in both batches.
    assert scores.loc["nscb", ["Value", "Evaluated"]].tolist() == [1.0, 12]
    assert own["map_replicate"] == "every treatment lies in one batch: treatment and batch cannot be told apart"
    assert own["nsc"] == "neighbours may be of the same batch, which nscb leaves out"


def fixed_wells(wells: pd.DataFrame, moving: set[str]) -> pd.DataFrame:
    """Every perturbation but those that move sits where it does on the first plate."""
    first = wells.drop_duplicates("Metadata_Perturbation").set_index("Metadata_Perturbation")["Metadata_Well"]
    stay = (wells["Metadata_ControlType"] == "") & ~wells["Metadata_Perturbation"].isin(moving)
    return wells.assign(Metadata_Well=wells["Metadata_Well"].where(~stay, wells["Metadata_Perturbation"].map(first)))


@pytest.mark.parametrize(
    ("moving", "said"),
    [
        (1, "11 of 12 treatments sit in one well position: of these, treatment and position cannot be told apart"),
        (6, "6 of 12 treatments sit in one well position: of these, treatment and position cannot be told apart"),
        (7, ""),
    ],
)
def test_how_many_treatments_a_layout_cannot_tell_apart_is_said(moving: int, said: str) -> None:
    wells = fixed_wells(campaign(), {f"drug {number:02d}" for number in range(moving)})
    assert describe_layout(wells) == {"position": said, "batch": ""}


def test_positive_controls_are_no_treatments_of_a_layout() -> None:
    wells = fixed_wells(campaign(), {"drug 00"})
    spread = wells.assign(
        Metadata_ControlType=wells["Metadata_ControlType"].mask(wells["Metadata_Perturbation"] == "drug 00", "poscon")
    )
    said = "every treatment sits in one well position: treatment and position cannot be told apart"
    assert describe_layout(spread) == {"position": said, "batch": ""}
    # Those of the scores and of the page.
    assert set(evaluated(spread)[0].query("Baseline == '' and Metric == 'map_replicate'")["Note"]) == {said}
    assert layout_words(spread) == [f"E{said[1:]}."]
    # A campaign of controls alone.
    assert describe_layout(spread[spread["Metadata_ControlType"] != ""]) == {"position": "", "batch": ""}


def test_how_many_treatments_lie_in_one_batch_is_said() -> None:
    wells = campaign()
    gone = (wells["Metadata_Batch"] == "B1") & wells["Metadata_Perturbation"].isin([f"drug {n:02d}" for n in range(9)])
    said = "9 of 12 treatments lie in one batch: of these, treatment and batch cannot be told apart"
    assert describe_layout(wells[~gone]) == {"position": "", "batch": said}
    # What lies in one batch is so of one batch only where there are several.
    assert describe_layout(wells[wells["Metadata_Batch"] == "B0"])["batch"] == ""


def test_how_many_cell_counts_are_missing_is_said() -> None:
    wells = campaign()
    wells["Metadata_CellCount"] = wells["Metadata_CellCount"].astype(float)
    wells.loc[3, "Metadata_CellCount"] = np.nan
    rows = evaluated(wells)[0].query("Baseline == 'cell_count'").set_index("Metric")
    assert rows.loc["map_replicate", "Note"] == "1 of 72 profiles has no cell count"
    assert np.isnan(rows.loc["map_replicate", "Value"])
    # A perturbation has the counts of its other wells.
    assert np.isfinite(rows.loc["map_moa", "Value"])
    wells.loc[4, "Metadata_CellCount"] = np.nan
    rows = evaluated(wells)[0].query("Baseline == 'cell_count'").set_index("Metric")
    assert rows.loc["map_replicate", "Note"] == "2 of 72 profiles have no cell count"


def test_missing_cell_counts_are_a_note() -> None:
    scores, curve = evaluated(in_separate_batches(campaign().assign(Metadata_CellCount=np.nan)))
    rows = scores[scores["Baseline"] == "cell_count"]
    assert rows["Value"].isna().all()
    assert set(rows["Note"]) == {"no cell counts in the profiles"}
    assert curve.query("Baseline == 'cell_count'")["OddsRatio"].isna().all()


def test_a_note_of_the_correction_reaches_every_score() -> None:
    scores, _ = evaluated(campaign(), note="profiles are not corrected: too few controls")
    assert scores.query("Baseline == ''")["Note"].str.endswith("too few controls").all()


SMALL = {
    "no annotations": {"annotated": False},
    "one mechanism a perturbation": {"moas": 12},
    "one plate": {"plates": 1, "batches": 1},
    "one batch": {"batches": 1},
    "no controls": {"controls": 0},
    "one perturbation": {"perturbations": 1, "moas": 1},
    "two perturbations": {"perturbations": 2, "moas": 1},
    "only controls": {"perturbations": 0},
}
REASONS = {
    "no annotations": ("map_moa", "fewer than two annotated perturbations"),
    "one mechanism a perturbation": ("enrichment@1", "no two perturbations share an annotation"),
    "one plate": ("map_replicate", "no perturbation has two wells to compare"),
    "one batch": ("nscb", "all treatments lie in one batch"),
    "no controls": ("map_replicate", "no negative controls on the plates of the treated wells"),
    "one perturbation": ("percent_replicating", "fewer perturbations than replicates"),
    "two perturbations": ("dp_enrichment", "all perturbations share an annotation"),
    "only controls": ("map_replicate_significant", "no treated wells"),
}


@pytest.mark.parametrize("name", SMALL)
def test_too_little_data_gives_reasons_and_never_a_missing_row(name: str) -> None:
    wells = campaign(**SMALL[name])
    scores, curve = evaluated(wells)
    assert set(scores["Metric"]) == METRICS
    assert (scores.groupby("Metric")["Baseline"].apply(set) == {"", "cell_count", "position", "shuffled"}).all()
    assert len(scores) == 4 * len(METRICS)
    assert len(curve) == 4 * len(CONFIG.shares)
    # Every number is there or its reason is.
    missing = scores[scores["Value"].isna()]
    assert (missing["Note"] != "").all()
    metric, reason = REASONS[name]
    row = scores[(scores["Metric"] == metric) & (scores["Baseline"] == "")].iloc[0]
    assert np.isnan(row["Value"])
    assert reason in row["Note"]
    batches = score_batches(wells, consensus(wells, "mean"), CONFIG, NetworkConfig(), "classical", "none")
    assert batches["Metric"].tolist() == BATCH_METRICS
    assert list(batches) == BATCH_COLUMNS
    assert (batches.loc[batches["Value"].isna(), "Note"] != "").all()


def test_the_same_seed_gives_the_same_scores() -> None:
    for first, second in zip(evaluated(campaign(strength=1.0)), evaluated(campaign(strength=1.0)), strict=True):
        pd.testing.assert_frame_equal(first, second)


def value_of(table: pd.DataFrame, metric: str) -> float:
    return float(table.loc[table["Metric"] == metric, "Value"].iloc[0])


def test_batch_metrics_tell_a_batch_effect_from_a_phenotype() -> None:
    arguments = (CONFIG, NetworkConfig(), "classical", "none")
    wells = campaign(controls=12, plates=8, moas=12)
    shifted = campaign(controls=12, plates=8, moas=12, batch_effect=4.0)
    clean = score_batches(wells, consensus(wells, "mean"), *arguments)
    dirty = score_batches(shifted, consensus(shifted, "mean"), *arguments)
    for metric in ("silhouette_batch", "pcr_batch", "probe_batch"):
        assert value_of(dirty, metric) > value_of(clean, metric) + 0.2
    for metric in ("kbet_acceptance", "ilisi", "silhouette_perturbation"):
        assert value_of(dirty, metric) < value_of(clean, metric) - 0.1
    assert value_of(clean, "map_replicate_across_batches") > 0.95
    better = clean.set_index("Metric")["Better"]
    assert better["silhouette_batch"] == "lower"
    assert better["silhouette_perturbation"] == "higher"


def test_tasks_read_and_write_their_files(tmp_path: Path) -> None:
    wells = campaign(plates=4, batch_effect=3.0)
    paths = {
        name: str(tmp_path / f"{name}.parquet")
        for name in ("4b", "4c", "5", "scores", "curve", "single", "batches", "raw")
    }
    wells.to_parquet(paths["4b"])
    wells.to_parquet(paths["raw"])
    run_correct_batches(paths["4b"], paths["4c"], str(tmp_path / "x.h5ad"), SpheringCorrection())
    consensus(read_table(paths["4c"]), "mean").to_parquet(paths["5"])
    names = ("classical", "sphering")
    outputs = (paths["scores"], paths["curve"], paths["single"])
    run_evaluate_network(paths["4c"], paths["5"], *outputs, CONFIG, NetworkConfig(), *names)
    run_score_batches(
        paths["4c"], paths["5"], paths["batches"], CONFIG, NetworkConfig(), *names, wells_paths=[paths["raw"]]
    )
    scores, batches = read_table(paths["scores"]), read_table(paths["batches"])
    assert set(scores["Correction"]) == {"sphering"}
    assert set(scores["Features"]) == {"classical"}
    assert list(read_table(paths["curve"])) == ENRICHMENT_COLUMNS
    # The mean over perturbations is the campaign's score.
    single, score = (
        read_table(paths["single"]),
        scores[(scores["Metric"] == "map_replicate") & (scores["Baseline"] == "")],
    )
    assert single["MapReplicate"].mean() == pytest.approx(score["Value"].item())
    assert batches["Correction"].unique().tolist() == ["uncorrected", "sphering"]
    before, after = (batches[batches["Correction"] == name] for name in ("uncorrected", "sphering"))
    assert value_of(before, "pcr_batch") > value_of(after, "pcr_batch")


def test_uncorrected_profiles_are_on_one_scale_for_the_campaign() -> None:
    wells = campaign(controls=10, batch_effect=3.0)
    wells["Cells_X_0"] = wells["Cells_X_0"] * 1000 + 50
    wells["Cells_X_1"] = 4.0
    raw = uncorrected_profiles(wells, ["Cells_X_0", "Cells_X_1", "Cells_X_2", "Cells_X_99"])
    metadata, values, features = split_profiles(raw)
    assert features == ["Cells_X_0", "Cells_X_2"]
    controls = (metadata["Metadata_ControlType"] == "negcon").to_numpy()
    np.testing.assert_allclose(np.median(values[controls], axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(np.median(np.abs(values[controls]), axis=0) * 1.4826, 1, atol=1e-4)


def test_a_share_that_is_no_percentage_is_refused() -> None:
    with pytest.raises(ValidationError, match="expected percentages above 0 and below 100"):
        EvaluationConfig(shares=(1.0, 100.0))
