"""A variant with an effect is found, one without is not, and too few wells say that they are."""

import itertools

import numpy as np
import pandas as pd
import pytest
from pairs import draw_campaign
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score

from platewise.config.evaluation import EvaluationConfig
from platewise.errors import DataError
from platewise.tables import read_table, write_table
from platewise.variants import score
from platewise.variants.classifier import held_out_auc, standardise, tell_cells_apart
from platewise.variants.correlations import compare_correlations
from platewise.variants.exchanges import exchanges
from platewise.variants.score import CELLS_A_WELL, IMPACT_COLUMNS, run_score_variants, sample_cells, score_variants

PAIRS = [("strong", "WT"), ("silent", "WT")]


def test_exchanges_are_all_ways_within_plates():
    chosen = np.array([1, 0, 0, 1, 1, 0, 0], bool)
    plates = np.array(list("aaabbbb"))
    drawn, ways = exchanges(chosen, plates, 100, np.random.default_rng(0))
    assert ways == len(drawn) == 3 * 6
    assert len({tuple(mask) for mask in drawn}) == 18
    assert all(mask[:3].sum() == 1 and mask[3:].sum() == 2 for mask in drawn)
    some, ways = exchanges(chosen, plates, 10, np.random.default_rng(0))
    assert (len(some), ways) == (10, 18)
    assert all(mask[:3].sum() == 1 and mask[3:].sum() == 2 for mask in some)


def test_correlations_by_hand():
    rng = np.random.default_rng(3)
    profiles, mutant, plates = rng.normal(size=(6, 20)), np.array([0, 0, 0, 1, 1, 1], bool), np.zeros(6)
    profiles[3:] += np.linspace(-1, 1, 20)
    found = compare_correlations(profiles, mutant, plates, 100, rng)
    pairs = list(itertools.combinations(range(6), 2))
    values = np.array([np.corrcoef(profiles[first], profiles[second])[0, 1] for first, second in pairs])
    kinds = np.array([mutant[first] + 0 + mutant[second] for first, second in pairs])
    assert found.wild_type == pytest.approx(np.median(values[kinds == 0]))
    assert found.variant == pytest.approx(np.median(values[kinds == 2]))
    assert found.between == pytest.approx(np.median(values[kinds == 1]))
    statistic = mannwhitneyu(values[kinds == 2], values[kinds == 1]).statistic
    assert found.superiority == pytest.approx(statistic / (3 * 9))
    contrast = values[kinds == 0].mean() + values[kinds == 2].mean() - 2 * values[kinds == 1].mean()
    assert found.contrast == pytest.approx(contrast)
    # All 20 exchanges, the real one and its mirror image among them.
    reached = 0
    for chosen in itertools.combinations(range(6), 3):
        own = np.isin(np.arange(6), chosen)
        sums = np.array([own[first] + 0 + own[second] for first, second in pairs])
        other = values[sums == 0].mean() + values[sums == 2].mean() - 2 * values[sums == 1].mean()
        reached += other >= contrast - 1e-9
    assert found.p == pytest.approx(reached / 20)


def test_a_wild_type_without_phenotype_does_not_hide_a_variant_with_one():
    """Wells of a silent wild type, centred on themselves, are like one another less than they are like the variant."""
    rng = np.random.default_rng(0)
    mutant, plates = np.tile([False] * 4 + [True], 4), np.repeat(np.arange(4), 5)
    profiles = rng.normal(size=(20, 60))
    profiles[~mutant] -= profiles[~mutant].mean(axis=0)
    profiles[mutant, :20] += 1.5
    found = compare_correlations(profiles, mutant, plates, 999, rng)
    assert found.wild_type < found.between + 0.05
    assert found.p < 0.01


@pytest.mark.parametrize("seed", range(2))
def test_a_variant_with_an_effect_is_found_and_a_silent_one_is_not(seed, monkeypatch):
    monkeypatch.setattr(score, "SPLITS", 49)
    profiles, cells = draw_campaign({"strong": 0.8, "silent": 0.0}, seed)
    table = score_variants(profiles, cells, PAIRS, 499, 0).set_index("Metadata_Perturbation")
    strong, silent = table.loc["strong"], table.loc["silent"]
    assert max(strong["CorrelationQ"], strong["AucQ"]) < 0.05
    assert min(silent["CorrelationQ"], silent["AucQ"]) > 0.05
    assert strong["Auc"] > strong["NullHigh"] > silent["Auc"]
    assert min(strong["CorrelationVariant"], strong["CorrelationWildType"]) > 0 > strong["CorrelationBetween"]
    assert (strong["Wells"], strong["WildTypeWells"], strong["Plates"], strong["Cells"]) == (16, 16, 4, 480)
    assert strong["Note"] == ""


def test_p_is_uniform_when_a_variant_does_nothing(monkeypatch):
    monkeypatch.setattr(score, "SPLITS", 19)
    p = []
    for seed in range(40):
        profiles, cells = draw_campaign({"silent": 0.0}, seed, plates=2, wells=4, cells=8, features=12)
        row = score_variants(profiles, cells, [("silent", "WT")], 60, 0).iloc[0]
        p.append((row["CorrelationP"], row["AucP"]))
    for values in np.array(p).T:
        for level in (0.05, 0.25, 0.5):
            # Three standard errors; the classifier's null has fewer wells and may err on the safe side.
            assert np.mean(values <= level) <= level + 3 * np.sqrt(level * (1 - level) / 40)
        assert np.median(values) > 0.25


@pytest.mark.parametrize("wells", [1, 4])
def test_p_is_uniform_when_the_wild_type_is_the_control_that_profiles_are_scaled_to(wells):
    """Centred on wild-type wells, a plate's variants have these in common and the wild type has nothing left."""
    p = []
    for seed in range(60):
        profiles, _ = draw_campaign({"silent": 0.0}, seed, plates=4, wells=4, cells=2, features=30)
        number = profiles.groupby(["Metadata_Plate", "Metadata_Perturbation"]).cumcount()
        profiles = profiles[(number < wells) | (profiles["Metadata_Perturbation"] == "silent")]
        features = [name for name in profiles if name.startswith("Cells_")]
        for _, own in profiles.groupby("Metadata_Plate"):
            normal = own.loc[own["Metadata_Perturbation"] == "WT", features]
            spread = normal.std() if wells > 1 else 1.0
            profiles.loc[own.index, features] = (own[features] - normal.median()) / spread
        p.append(score_variants(profiles, None, [("silent", "WT")], 60, 0)["CorrelationP"].iloc[0])
    for level in (0.05, 0.25, 0.5):
        assert abs(np.mean(np.array(p) <= level) - level) <= 3 * np.sqrt(level * (1 - level) / 60)


def test_without_cells_wells_are_compared_all_the_same():
    profiles, _ = draw_campaign({"strong": 0.8, "silent": 0.0})
    table = score_variants(profiles, None, PAIRS, 499, 0).set_index("Metadata_Perturbation")
    assert table.loc["strong", "CorrelationQ"] < 0.05 < table.loc["silent", "CorrelationQ"]
    assert (table["Note"] == "profiles of wells only: there are no cells for a classifier").all()
    assert table[["Auc", "AucP", "AucQ"]].isna().all(axis=None)


def test_five_wells_of_one_plate_prove_nothing_and_it_is_said():
    profiles, cells = draw_campaign({"strong": 5.0}, plates=1, wells=3)
    profiles = profiles.iloc[1:]
    row = score_variants(profiles, cells, [("strong", "WT")], 999, 0).iloc[0]
    assert (row["Wells"], row["WildTypeWells"]) == (3, 2)
    # One in ten ways to call three of five wells the variant.
    assert row["CorrelationP"] == pytest.approx(0.1)
    assert np.isnan(row["Auc"])
    assert row["Note"] == (
        "with so few wells p of correlations is at least 0.1; 1 plate with both, and 2 at least are needed to hold one "
        "out for a classifier"
    )


@pytest.mark.parametrize(("kept", "kind"), [([0, 4, 5, 6, 7], "wild type"), ([0, 1, 2, 3, 4], "variant")])
def test_with_one_well_of_a_kind_nothing_is_compared_and_what_is_missing_is_said(kept, kind):
    """One that differs may do so as any well does: however many others there are, p would be of the well."""
    profiles, cells = draw_campaign({"strong": 5.0}, plates=1)
    row = score_variants(profiles.iloc[kept], cells, [("strong", "WT")], 999, 0).iloc[0]
    assert (row["Wells"], row["WildTypeWells"], row["Plates"]) == ((4, 1, 1) if kind == "wild type" else (1, 4, 1))
    computed = ["Superiority", "Contrast", "CorrelationP", "CorrelationQ", "Auc", "AucP", "AucQ", "NullLow"]
    assert row[computed].isna().all()
    assert row["Note"] == (
        f"1 well of the {kind}, and 2 at least are needed to compare correlations; 1 plate with both, and 2 at least "
        "are needed to hold one out for a classifier"
    )


def test_what_cannot_be_compared_is_a_row_with_a_note():
    profiles, cells = draw_campaign({"strong": 1.0}, plates=2, wells=1)
    apart = profiles[[True, False, False, True]]
    assert list(apart["Metadata_Perturbation"]) == ["WT", "strong"]
    pairs = [("strong", "WT"), ("absent", "WT")]
    table = score_variants(apart, cells, pairs, 99, 0)
    assert list(table.columns) == IMPACT_COLUMNS
    assert list(table["Note"]) == [
        "2 wells on plates without the other of the two; variant and wild type share no plate",
        "1 wells on plates without the other of the two; variant and wild type share no plate",
    ]
    assert table[["CorrelationP", "Auc", "AucP"]].isna().all(axis=None)
    one_each = score_variants(profiles, cells, pairs[:1], 99, 0).iloc[0]
    assert "with so few wells p of correlations is at least 0.25" in one_each["Note"]
    assert "too few wells of the wild type for a null of the classifier" in one_each["Note"]
    assert np.isfinite(one_each["Auc"])
    without = score_variants(profiles, {}, pairs[:1], 99, 0).iloc[0]
    assert without["Note"].endswith("no cells")


def test_held_out_plates_have_no_part_in_training():
    """Labels of the second plate are turned round: what was learned on the first is wrong there."""
    rng = np.random.default_rng(0)
    wells = np.repeat(np.arange(8), 20)
    mutant, plates = np.tile([False, False, True, True], 2), np.repeat(["a", "b"], 4)
    sign = np.where(plates == "a", 1, -1) * np.where(mutant, 1, -1)
    cells = rng.normal(size=(160, 5)) + 3 * sign[wells][:, None]
    assert held_out_auc(cells, wells, mutant, plates) < 0.01
    assert roc_auc_score(mutant[wells][:80], cells[:80, 0]) > 0.99
    assert np.isnan(held_out_auc(cells[:80], wells[:80], mutant, plates))


def test_cells_are_standardised_plate_by_plate_without_labels():
    cells = np.array([[1.0, 5.0], [3.0, 5.0], [np.nan, 5.0], [100.0, 1.0], [300.0, 2.0]])
    found = standardise(cells, np.array([0, 0, 0, 1, 1]))
    assert found == pytest.approx(np.array([[-1, 0], [1, 0], [0, 0], [-1, -1], [1, 1]]))


def test_the_null_is_of_wild_type_wells_alone():
    profiles, cells = draw_campaign({"strong": 2.0}, cells=20)
    keys = list(profiles[["Metadata_Plate", "Metadata_Well"]].itertuples(index=False, name=None))
    mutant = (profiles["Metadata_Perturbation"] == "strong").to_numpy()
    at = np.repeat(np.arange(len(keys)), 20)
    values = np.concatenate([cells[key] for key in keys])
    plates = profiles["Metadata_Plate"].to_numpy(dtype=str)
    first = tell_cells_apart(values, at, mutant, plates, 20, np.random.default_rng(0))
    values[mutant[at]] += 50
    second = tell_cells_apart(values, at, mutant, plates, 20, np.random.default_rng(0))
    assert len(first.null) == 20
    assert np.array_equal(first.null, second.null)
    assert first.p == 1 / 21
    assert abs(np.mean(first.null) - 0.5) < 0.1


def cell_table(keys, count, rng, border=0):
    parts = []
    for plate, well in keys:
        part = pd.DataFrame(rng.normal(size=(count, 2)), columns=["Cells_AreaShape_Area", "Cells_AreaShape_Other"])
        part.insert(0, "Metadata_Plate", plate)
        part.insert(1, "Metadata_Well", well)
        part.insert(2, "Metadata_TouchesBorder", np.arange(count) < border)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def test_cells_are_drawn_evenly_from_whole_cells_of_wanted_wells(tmp_path):
    rng = np.random.default_rng(0)
    tables = [cell_table([("P", "A01"), ("P", "A02")], 120, rng, border=30), cell_table([("P", "A01")], 20, rng)]
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    for path, table in zip(paths, tables, strict=True):
        write_table(table, path)
    found = sample_cells(paths, {("P", "A01")}, ["Cells_AreaShape_Area"], 0)
    assert list(found) == [("P", "A01")]
    assert found["P", "A01"].shape == (CELLS_A_WELL, 1)
    allowed = np.concatenate([tables[0]["Cells_AreaShape_Area"][30:120], tables[1]["Cells_AreaShape_Area"]])
    assert np.isin(found["P", "A01"][:, 0], allowed.astype(np.float32)).all()
    assert len(np.unique(found["P", "A01"])) == CELLS_A_WELL
    again = sample_cells(paths, {("P", "A01")}, ["Cells_AreaShape_Area"], 0)
    assert np.array_equal(found["P", "A01"], again["P", "A01"])


def test_the_classifier_sees_a_feature_whose_spread_alone_was_kept(tmp_path, monkeypatch):
    """A profile's ``..._MAD`` and ``..._Q10`` are statistics of one column of cells."""
    rng = np.random.default_rng(0)
    profiles, _ = draw_campaign({"strong": 1.0}, plates=2, wells=4, features=6)
    cells = cell_table(list(profiles[["Metadata_Plate", "Metadata_Well"]].itertuples(index=False, name=None)), 9, rng)
    write_table(cells, tmp_path / "cells.parquet")
    write_table(profiles, tmp_path / "profiles.parquet")
    asked = []
    monkeypatch.setattr(score, "sample_cells", lambda *given: asked.append(given[2]) or sample_cells(*given))
    for kept, seen in (
        (["Area_MAD"], ["Area"]),
        (["Area_Q10", "Area_Q90", "Other", "Other_MAD"], ["Area", "Other"]),
    ):
        table = pd.DataFrame({"Feature": [f"Cells_AreaShape_{name}" for name in kept], "Kept": True})
        write_table(table, tmp_path / "selection.parquet")
        places = [tmp_path / f"{name}.parquet" for name in ("profiles", "selection", "out")]
        run_score_variants([tmp_path / "cells.parquet"], *places, PAIRS[:1], EvaluationConfig(permutations=99))
        assert asked.pop() == [f"Cells_AreaShape_{name}" for name in seen]
        row = read_table(places[-1]).iloc[0]
        assert (row["Cells"], np.isfinite(row["Auc"])) == (72, True)
    gone = pd.DataFrame({"Feature": ["Cells_AreaShape_Gone"], "Kept": [True]})
    write_table(gone, tmp_path / "selection.parquet")
    with pytest.raises(DataError, match=r"cells\.parquet: no column Cells_AreaShape_Gone"):
        run_score_variants([tmp_path / "cells.parquet"], *places, PAIRS[:1], EvaluationConfig(permutations=99))


def test_from_files_to_the_table(tmp_path):
    profiles, cells = draw_campaign({"strong": 1.0}, plates=2, wells=4, features=30)
    names = [name for name in profiles if name.startswith("Cells_")]
    paths = []
    for plate in ("P0", "P1"):
        parts = []
        for key, own in cells.items():
            if key[0] == plate:
                part = pd.DataFrame(own, columns=names)
                part.insert(0, "Metadata_Plate", plate)
                part.insert(1, "Metadata_Well", key[1])
                part.insert(2, "Metadata_TouchesBorder", False)
                parts.append(part)
        paths.append(tmp_path / f"{plate}.parquet")
        write_table(pd.concat(parts), paths[-1])
    write_table(profiles, tmp_path / "profiles.parquet")
    kept = pd.DataFrame({"Feature": names, "Kept": [True] * 29 + [False]})
    write_table(kept, tmp_path / "selection.parquet")
    arguments = (tmp_path / "profiles.parquet", tmp_path / "selection.parquet")
    config = EvaluationConfig(permutations=99)
    for out in ("a.parquet", "b.parquet"):
        run_score_variants(paths, *arguments, tmp_path / out, [["strong", "WT"]], config)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    row = read_table(tmp_path / "a.parquet").iloc[0]
    assert (row["Metadata_Perturbation"], row["Cells"]) == ("strong", 240)
    assert row["CorrelationP"] < 0.05
