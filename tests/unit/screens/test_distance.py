"""Distances from the controls: against the definition written out, and fair to wells that were given nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu
from sklearn.covariance import LedoitWolf

from platewise.config.correction import SpheringCorrection
from platewise.correction.sphering import correct_by_sphering
from platewise.evaluation.items import CannotScoreError
from platewise.screens.distance import FOLDS, control_distances


def screen(plates: int, controls: int, treated: int, features: int, seed: int) -> tuple[np.ndarray, ...]:
    """Wells that were given nothing, with correlated features, centred and scaled on the controls of their plates."""
    rng = np.random.default_rng(seed)
    each = controls + treated
    values = rng.normal(size=(plates * each, 8)) @ rng.normal(size=(8, features))
    values += 0.7 * rng.normal(size=values.shape)
    names = np.repeat([f"P{number}" for number in range(plates)], each)
    control = np.tile(np.arange(each) < controls, plates)
    for name in np.unique(names):
        values[names == name] -= np.median(values[(names == name) & control], axis=0)
    return values / np.median(np.abs(values[control]), axis=0), names, control


def written_out(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Distances of all wells of one plate from the controls ``known``, step by step."""
    residuals = (values[known] - values[known].mean(axis=0)) * np.sqrt(known.sum() / (known.sum() - 1))
    # Both signs: 2 n values around 0, of which one mean is taken to be estimated.
    scale = np.sqrt((2 * residuals**2).sum(axis=0) / (2 * len(residuals) - 1))
    covariance = LedoitWolf(assume_centered=True).fit(residuals / scale).covariance_
    away = (values - values[known].mean(axis=0)) / scale
    return np.sqrt([row @ np.linalg.inv(covariance) @ row for row in away])


def test_it_is_the_definition_written_out_well_by_well() -> None:
    values, _, control = screen(1, 9, 4, 3, 0)
    found = control_distances(values, np.array(["P"] * 13), control)
    assert found.components == 3
    assert found.by_plate
    expected = np.zeros(13)
    for well in np.flatnonzero(control):
        lengths = written_out(values, control & (np.arange(13) != well))
        expected[well] = lengths[well]
        expected[~control] += lengths[~control] / 9
    np.testing.assert_allclose(found.values, expected, rtol=1e-9)


def test_by_hand_where_the_covariance_is_known() -> None:
    # Controls at the corners of a rectangle: standard deviations of 2 and 1, no correlation.
    corners = np.repeat([[2.0, 1.0], [2.0, -1.0], [-2.0, 1.0], [-2.0, -1.0]], 500, axis=0)
    values = np.concatenate([corners, [[6.0, 4.0], [0.0, 0.0]]])
    control = np.arange(len(values)) < len(corners)
    found = control_distances(values, np.array(["P"] * len(values)), control).values
    assert found[-2] == pytest.approx(5.0, rel=0.01)
    assert found[-1] == pytest.approx(0.0, abs=1e-2)
    np.testing.assert_allclose(found[control], np.sqrt(2), rtol=0.01)


def test_each_plate_has_its_own_centre() -> None:
    values, plates, control = screen(3, 12, 5, 4, 1)
    shifts = np.unique(plates, return_inverse=True)[1][:, None] * np.array([9.0, -4.0, 2.0, 0.0])
    here, there = (control_distances(table, plates, control) for table in (values, values + shifts))
    assert here.by_plate
    np.testing.assert_allclose(here.values, there.values, rtol=1e-6)
    # A plate with a single control cannot have one.
    lone = control & ~((plates == "P0") & (np.cumsum(control) > 1))
    assert not control_distances(values, plates, lone).by_plate


def test_units_of_features_do_not_matter() -> None:
    values, plates, control = screen(4, 4, 6, 30, 2)
    found = control_distances(values, plates, control)
    # 16 controls on 4 plates: 12 degrees of freedom, 6 components.
    assert found.components == 6
    scaled = control_distances(values * np.geomspace(0.01, 100, 30), plates, control)
    np.testing.assert_allclose(found.values, scaled.values, rtol=1e-6)


def false_hits(distances: np.ndarray, control: np.ndarray, seed: int) -> list[bool]:
    """Draw three wells that were given nothing a hundred times; are they farther than controls at p < 0.05?"""
    rng = np.random.default_rng(seed)
    threes = [rng.choice(distances[~control], 3, replace=False) for _ in range(100)]
    return [mannwhitneyu(own, distances[control], alternative="greater").pvalue < 0.05 for own in threes]


@pytest.mark.parametrize("layout", [(4, 4, 20, 80), (20, 6, 6, 80)], ids=["16 controls", "120 controls"])
@pytest.mark.parametrize("sphered", [False, True])
def test_wells_that_were_given_nothing_are_as_far_as_controls(layout: tuple[int, ...], sphered: bool) -> None:
    """Also where the profiles were centred, scaled and sphered on these very controls."""
    rejected, naively = [], []
    for seed in range(6):
        values, plates, control = screen(*layout, seed)
        shrinkage = 1.0
        if sphered:
            kinds = pd.DataFrame({"Metadata_Plate": plates, "Metadata_ControlType": np.where(control, "negcon", "")})
            corrected = correct_by_sphering(kinds, values, SpheringCorrection(method="sphering"))
            shrinkage = corrected.facts["shrinkage"]
            overfitted = control_distances(corrected.values, plates, control).values
            naively += false_hits(overfitted, control, seed)
        found = control_distances(values, plates, control, shrinkage).values
        rejected += false_hits(found, control, seed)
    assert np.mean(rejected) < 0.08
    # In the sphered profiles themselves most wells would be called hits.
    assert not naively or np.mean(naively) > 0.4


def test_an_effect_is_far() -> None:
    values, plates, control = screen(4, 8, 10, 40, 3)
    moved = ~control & (np.arange(len(control)) % 2 == 0)
    values[moved] += 6 * np.random.default_rng(0).normal(size=40)
    found = control_distances(values, plates, control).values
    assert found[moved].min() > found[~moved].max()


def test_many_controls_are_left_out_in_parts() -> None:
    values, plates, control = screen(2, 3 * FOLDS, 4, 5, 4)
    found = control_distances(values, plates, control).values
    assert np.isfinite(found).all()
    again = control_distances(values, plates, control).values
    np.testing.assert_array_equal(found, again)


def test_controls_that_do_not_vary_are_said() -> None:
    values = np.zeros((12, 3))
    values[10:] = 1.0
    with pytest.raises(CannotScoreError, match="the negative controls do not vary"):
        control_distances(values, np.repeat("P1", 12), np.arange(12) < 10)


def test_too_few_controls_are_said() -> None:
    values, plates, control = screen(1, 5, 4, 3, 5)
    with pytest.raises(CannotScoreError, match="5 negative controls are too few"):
        control_distances(values, plates, control)
    with pytest.raises(CannotScoreError, match="0 negative controls"):
        control_distances(values, plates, np.zeros(9, dtype=bool))
