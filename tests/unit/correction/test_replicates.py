"""Sphering by replicates: its parts by hand, what it takes out and leaves, and what it does where there is nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from platewise.config.correction import ReplicateCorrection, SpheringCorrection
from platewise.correction.correct import correct
from platewise.correction.method import CorrectionRefusedError
from platewise.correction.replicates import (
    contrasts,
    correct_by_replicates,
    mean_treatment,
    nuisance_rows,
    reliable_directions,
)
from platewise.correction.sphering import fit_sphering
from platewise.profiles.frame import is_negcon

FEATURES = 6


def metadata(batches: int = 4, treatments: int = 12, replicates: int = 3) -> pd.DataFrame:
    """Each treatment on the plates of one batch; six controls a plate."""
    rows = []
    for treatment in range(treatments):
        batch = treatment % batches
        for plate in range(replicates):
            rows.append((f"P{batch}{plate}", f"B{batch}", f"drug{treatment:02d}", 1.0, ""))
    for batch in range(batches):
        for plate in range(replicates):
            rows += [(f"P{batch}{plate}", f"B{batch}", "DMSO", np.nan, "negcon")] * 6
    names = ["Plate", "Batch", "Perturbation", "Dose", "ControlType"]
    table = pd.DataFrame(rows, columns=[f"Metadata_{name}" for name in names])
    table["Metadata_Well"] = [f"W{number}" for number in range(len(table))]
    table["Metadata_MOA"] = ["moa"] * len(table)
    return table


def noise(wells: pd.DataFrame, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(len(wells), FEATURES))


def cosines(values: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Mean cosine between wells of one treatment, and of different ones."""
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    same = labels[:, None] == labels
    return (unit @ unit.T)[same & ~np.eye(len(same), dtype=bool)].mean(), (unit @ unit.T)[~same].mean()


def test_contrasts_by_hand() -> None:
    values = np.array([[1.0], [10.0], [3.0], [8.0], [99.0]])
    rows, groups = contrasts(values, np.array([0, 1, 0, 0, 2]))
    # Group 0: (1 - 3) sqrt(1/2), ((1 + 3) / 2 - 8) sqrt(2/3); the others have a single row.
    np.testing.assert_allclose(rows[:, 0], [-2 * np.sqrt(1 / 2), -6 * np.sqrt(2 / 3)])
    assert groups.tolist() == [0, 0]
    assert (rows**2).sum() == pytest.approx(((np.array([1, 3, 8]) - 4) ** 2).sum())


def test_contrasts_have_the_covariance_within_groups_whatever_the_groups_means() -> None:
    rng = np.random.default_rng(1)
    truth = np.array([[2.0, 0.9], [0.9, 1.0]])
    codes = rng.permutation(np.repeat(np.arange(4000), rng.integers(1, 5, 4000)))
    values = rng.multivariate_normal([0, 0], truth, len(codes)) + 50 * rng.normal(size=(4000, 2))[codes]
    rows, groups = contrasts(values, codes)
    assert len(rows) == len(codes) - 4000
    np.testing.assert_array_equal(np.bincount(groups, minlength=4000), np.bincount(codes) - 1)
    np.testing.assert_allclose(rows.T @ rows / len(rows), truth, atol=5 * 2 / np.sqrt(len(rows) / 2))


def test_treatments_have_no_part_in_the_nuisance() -> None:
    wells = metadata()
    values = noise(wells)
    codes = pd.factorize(wells["Metadata_Perturbation"])[0]
    moved = values + 30 * np.random.default_rng(2).normal(size=(codes.max() + 1, FEATURES))[codes]
    for kind, count in (("replicates", 24), ("both", 24 + 72)):
        rows, folds = nuisance_rows(wells, values, kind)
        assert rows.shape == (count, FEATURES)
        np.testing.assert_allclose(nuisance_rows(wells, moved, kind)[0], rows, atol=1e-10)
        assert sorted(set(folds)) == ["B0", "B1", "B2", "B3"]


def test_one_batch_is_left_out_in_parts_and_no_treatment_is_cut() -> None:
    wells = metadata(batches=1, treatments=40)
    folds = nuisance_rows(wells, noise(wells), "replicates")[1]
    assert len(set(folds)) == 16
    # Two differences of each treatment, one after the other.
    assert (folds[::2] == folds[1::2]).all()


def test_weights_make_the_shrunk_covariance_around_zero_the_identity() -> None:
    wells = metadata()
    rows, _ = nuisance_rows(wells, noise(wells) @ noise(wells)[:FEATURES], "both")
    for shrinkage in (0.0, 0.3, 1.0):
        fitted = fit_sphering(rows, shrinkage, mean=np.zeros(FEATURES))
        np.testing.assert_allclose(fitted.weights @ fitted.covariance @ fitted.weights.T, np.eye(FEATURES), atol=1e-8)
    np.testing.assert_allclose(fit_sphering(rows, 0.0, np.zeros(FEATURES)).covariance, rows.T @ rows / len(rows))


def test_reliability_by_hand() -> None:
    # Means 4 and -4, second moment 16; differences (3 - 5)^2 / 2 = 2 and (-2 + 6)^2 / 2 = 8, mean 5, half of it in a
    # mean of two: 1 - 2.5 / 16.
    values = np.array([[3.0], [5.0], [-2.0], [-6.0]])
    weights, reliability = reliable_directions(values, np.array([0, 0, 1, 1]))
    assert reliability.tolist() == pytest.approx([0.84375])
    assert weights.tolist() == [pytest.approx([0.84375])]


def test_reliability_finds_the_share_of_the_treatments_along_each_direction() -> None:
    rng = np.random.default_rng(3)
    spread, codes = np.array([3.0, 1.0, 0.0]), np.repeat(np.arange(5000), 2)
    values = (rng.normal(size=(5000, 3)) * spread)[codes] + rng.normal(size=(10_000, 3))
    weights, _ = reliable_directions(values, codes)
    # Variance of the treatments b, of the noise in a mean of two 1/2: b / (b + 1/2).
    np.testing.assert_allclose(weights, np.diag([9 / 9.5, 1 / 1.5, 0]), atol=0.05)


def test_the_mean_treatment_counts_no_batch_for_more() -> None:
    values = np.array([[1.0], [3.0], [6.0], [20.0]])
    # Batch a: treatment 0 has mean 2, treatment 1 has 6, so 4; batch b: 20.
    assert mean_treatment(values, np.array([0, 0, 1, 2]), np.array(["a", "a", "a", "b"])).tolist() == [12.0]


def test_a_nuisance_that_controls_do_not_show_is_taken_out_and_phenotype_stays() -> None:
    wells = metadata(treatments=40)
    rng = np.random.default_rng(4)
    treated = ~is_negcon(wells)
    codes = pd.factorize(wells["Metadata_Perturbation"])[0]
    values = 0.3 * noise(wells)
    values[:, 4:] += 2 * rng.normal(size=(codes.max() + 1, 2))[codes] * treated[:, None]
    # As a drug that acts a little more here than there.
    values[treated, :3] += 4 * rng.normal(size=(treated.sum(), 1))

    def margin(method: SpheringCorrection | ReplicateCorrection) -> float:
        done = correct(wells.join(pd.DataFrame(values, columns=[f"Cells_{i}" for i in range(FEATURES)])), method)[0]
        same, other = cosines(done.filter(like="Cells_").to_numpy()[treated], codes[treated])
        return same - other

    assert margin(ReplicateCorrection()) > 0.9
    assert margin(SpheringCorrection()) < 0.5


def test_where_nothing_was_done_nothing_is_found_in_other_wells() -> None:
    wells = metadata(batches=8, treatments=120)
    treated = ~is_negcon(wells)
    codes = pd.factorize(wells["Metadata_Perturbation"])[0][treated]
    # The correction of known wells, and of as many others by what it learned from the known ones.
    both = np.concatenate([noise(wells, 5), noise(wells, 6)])
    known = correct_by_replicates(wells, both[: len(wells)], ReplicateCorrection()).values
    learned = np.linalg.lstsq(np.c_[both[: len(wells)], np.ones(len(wells))], known, rcond=None)[0]
    other = np.c_[both[len(wells) :], np.ones(len(wells))] @ learned
    same, different = cosines(other[treated], codes)
    assert abs(same - different) < 0.1


def test_names_of_mechanisms_and_the_order_of_wells_do_not_matter() -> None:
    wells = metadata()
    values = noise(wells)
    first = correct_by_replicates(wells, values, ReplicateCorrection(origin="treated"))
    order = np.random.default_rng(7).permutation(len(wells))
    other = wells.assign(Metadata_MOA=[f"moa{number % 3}" for number in range(len(wells))]).iloc[order]
    second = correct_by_replicates(other.reset_index(drop=True), values[order], ReplicateCorrection(origin="treated"))
    np.testing.assert_allclose(second.values, first.values[order], atol=1e-8)
    assert first.facts["shrinkage"] == second.facts["shrinkage"]


def test_origins() -> None:
    wells = metadata()
    values, treated = noise(wells) + 5.0, ~is_negcon(wells)
    done = correct_by_replicates(wells, values, ReplicateCorrection()).values
    np.testing.assert_allclose(done[~treated].mean(axis=0), 0, atol=1e-10)
    # Three treatments of three wells in each of four batches: all wells count the same.
    done = correct_by_replicates(wells, values, ReplicateCorrection(origin="treated")).values
    np.testing.assert_allclose(done[treated].mean(axis=0), 0, atol=1e-10)


def test_the_chosen_shrinkage_is_the_likeliest_and_the_reader_is_told_what_was_fitted_on() -> None:
    wells = metadata()
    done = correct_by_replicates(wells, noise(wells), ReplicateCorrection(rows="replicates"))
    assert done.facts["rows"] == 24
    assert done.facts["shrinkage"] == float(max(done.facts["likelihood"], key=done.facts["likelihood"].get))
    assert "fitted on replicates" in done.note
    fixed = correct_by_replicates(wells, noise(wells), ReplicateCorrection(shrinkage=0.5, weigh_by_reliability=False))
    assert fixed.facts == {"rows": 96, "shrinkage": 0.5}


def test_too_little_to_learn_from_is_refused_with_a_remedy() -> None:
    few = metadata(treatments=11)
    with pytest.raises(CorrectionRefusedError, match=r"found 22 treated wells beyond the first.*least 24.*Hint"):
        correct_by_replicates(few, noise(few), ReplicateCorrection())
    single = metadata(batches=1, replicates=1)
    with pytest.raises(CorrectionRefusedError, match=r"found 6 negative control wells; expected at least 12.*Hint"):
        correct_by_replicates(single, noise(single), ReplicateCorrection())
    with pytest.raises(ValidationError, match="expected `auto` or a number from 0 to 1"):
        ReplicateCorrection(shrinkage=-0.1)


def one_compound_on_one_plate() -> pd.DataFrame:
    """30 wells of one compound beside 12 controls."""
    wells = metadata(batches=1, treatments=1, replicates=1)
    rows = [0] * 30 + [1] * 12
    return wells.iloc[rows].reset_index(drop=True)


def replicates_in_one_of_two_batches() -> pd.DataFrame:
    wells = metadata(batches=2, treatments=26)
    again = wells.duplicated("Metadata_Perturbation") & ~is_negcon(wells)
    return wells[~(again & (wells["Metadata_Batch"] == "B1"))].reset_index(drop=True)


@pytest.mark.parametrize(
    ("wells", "kind", "fold"),
    [
        (one_compound_on_one_plate(), "both", "part 0"),
        (one_compound_on_one_plate(), "replicates", "part 0"),
        (replicates_in_one_of_two_batches(), "replicates", "B0"),
    ],
)
def test_nothing_to_leave_out_is_refused_or_left(wells: pd.DataFrame, kind: str, fold: str) -> None:
    values = noise(wells)
    told = rf"to learn from in one fold \({fold}\); expected .*several batches.*Hint: set shrinkage to a number"
    with pytest.raises(CorrectionRefusedError, match=told):
        correct_by_replicates(wells, values, ReplicateCorrection(rows=kind))
    table = wells.join(pd.DataFrame(values, columns=[f"Cells_{i}" for i in range(FEATURES)]))
    left, done = correct(table, ReplicateCorrection(rows=kind, when_refused="leave"))
    np.testing.assert_array_equal(left.filter(like="Cells_"), values.astype(np.float32))
    assert "one fold" in done.note
    # The remedies that the error names.
    assert np.isfinite(correct_by_replicates(wells, values, ReplicateCorrection(rows=kind, shrinkage=0.5)).values).all()


def test_controls_of_the_other_batch_are_enough_to_leave_out() -> None:
    wells = replicates_in_one_of_two_batches()
    assert np.isfinite(correct_by_replicates(wells, noise(wells), ReplicateCorrection(rows="both")).values).all()
