"""Sphering: what must always hold, and what it does to a campaign with a known nuisance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from platewise.config.correction import SpheringCorrection
from platewise.correction.method import CorrectionRefusedError
from platewise.correction.sphering import correct_by_sphering, fit_sphering, left_out_likelihood


def correlated(rng: np.random.Generator, rows: int, features: int) -> np.ndarray:
    return rng.normal(size=(rows, features)) @ rng.normal(size=(features, features)) * np.geomspace(0.01, 100, features)


@pytest.mark.parametrize("shrinkage", [0.01, 0.3, 1.0])
@pytest.mark.parametrize("rows", [10, 300])
def test_weights_make_the_shrunk_covariance_the_identity(shrinkage: float, rows: int) -> None:
    fitted = fit_sphering(correlated(np.random.default_rng(0), rows, 25), shrinkage)
    np.testing.assert_allclose(fitted.weights @ fitted.covariance @ fitted.weights.T, np.eye(25), atol=1e-8)


def test_without_shrinkage_many_controls_become_round() -> None:
    rng = np.random.default_rng(1)
    controls = correlated(rng, 20_000, 8)
    fitted = fit_sphering(controls[:10_000], 0.0)
    # On the controls it was fitted on exactly, on new ones within sampling error.
    fitted_on = (controls[:10_000] - fitted.centre) @ fitted.weights.T
    np.testing.assert_allclose(np.cov(fitted_on.T), np.eye(8), atol=1e-8)
    new = (controls[10_000:] - fitted.centre) @ fitted.weights.T
    np.testing.assert_allclose(np.cov(new.T), np.eye(8), atol=5 / np.sqrt(10_000))


def test_weights_are_zca_cor() -> None:
    # The closed form of two features with correlation r and standard deviations a and b.
    rng = np.random.default_rng(2)
    controls = rng.multivariate_normal([5, -3], [[4.0, 1.2], [1.2, 1.0]], size=500)
    deviation, r = controls.std(axis=0, ddof=1), np.corrcoef(controls.T)[0, 1]
    plus, minus = 1 / np.sqrt(1 + r), 1 / np.sqrt(1 - r)
    root = np.array([[plus + minus, plus - minus], [plus - minus, plus + minus]]) / 2
    fitted = fit_sphering(controls, 0.0)
    np.testing.assert_allclose(fitted.weights, root / deviation, rtol=1e-8)
    np.testing.assert_allclose(fitted.centre, controls.mean(axis=0))


def test_full_shrinkage_only_scales() -> None:
    controls = correlated(np.random.default_rng(3), 50, 4)
    expected = np.diag(1 / controls.std(axis=0, ddof=1))
    np.testing.assert_allclose(fit_sphering(controls, 1.0).weights, expected, atol=1e-12)


def test_too_few_controls_without_shrinkage_are_refused() -> None:
    with pytest.raises(CorrectionRefusedError, match="5 rows to fit on span fewer directions than 9 features"):
        fit_sphering(correlated(np.random.default_rng(4), 5, 9), 0.0)


def test_likelihood_is_that_of_scipy() -> None:
    from scipy.stats import multivariate_normal

    rng = np.random.default_rng(5)
    controls, plates = correlated(rng, 30, 4), np.repeat(["a", "b", "c"], 10)
    expected = 0.0
    for plate in "abc":
        rest = controls[plates != plate]
        fitted = fit_sphering(rest, 0.2)
        density = multivariate_normal(rest.mean(axis=0), fitted.covariance).logpdf(controls[plates == plate])
        expected += density.sum() + len(density) * 2 * np.log(2 * np.pi)
    assert left_out_likelihood(controls, plates, [0.2])[0.2] == pytest.approx(expected / 30)


def test_chosen_shrinkage_follows_the_evidence() -> None:
    rng = np.random.default_rng(6)
    plates = np.repeat(np.arange(20).astype(str), 10)
    independent = rng.normal(size=(200, 40))
    one_nuisance = rng.normal(size=(200, 1)) @ np.ones((1, 40)) + 0.2 * rng.normal(size=(200, 40))
    best = [
        max((likelihood := left_out_likelihood(values, plates)), key=likelihood.get)
        for values in (independent, one_nuisance)
    ]
    assert best[0] >= 0.8
    assert best[1] <= 0.1


def campaign(rng: np.random.Generator, controls: int, plates: int) -> tuple[pd.DataFrame, np.ndarray]:
    per_plate = controls // plates + 3
    metadata = pd.DataFrame(
        {
            "Metadata_Plate": np.repeat([f"P{number}" for number in range(plates)], per_plate),
            "Metadata_ControlType": (["negcon"] * (controls // plates) + [""] * 3) * plates,
        }
    )
    nuisance = rng.normal(size=(len(metadata), 1)) * np.array([3.0, 3, 3, 0, 0, 0])
    return metadata, nuisance + 0.3 * rng.normal(size=(len(metadata), 6))


def test_a_nuisance_of_the_controls_shrinks_and_phenotype_stays() -> None:
    rng = np.random.default_rng(7)
    metadata, values = campaign(rng, 200, 10)
    treated = (metadata["Metadata_ControlType"] == "").to_numpy()
    values[treated, 5] += 3
    done = correct_by_sphering(metadata, values, SpheringCorrection()).values

    def signal_to_nuisance(profiles: np.ndarray) -> float:
        shift = profiles[treated].mean(axis=0) - profiles[~treated].mean(axis=0)
        return shift[5] / profiles[~treated][:, :3].std()

    assert signal_to_nuisance(done) > 5 * signal_to_nuisance(values)


def test_treated_wells_do_not_change_the_fit() -> None:
    rng = np.random.default_rng(8)
    metadata, values = campaign(rng, 60, 3)
    treated = (metadata["Metadata_ControlType"] == "").to_numpy()
    other = values.copy()
    other[treated] = rng.normal(size=other[treated].shape) * 50
    first = correct_by_sphering(metadata, values, SpheringCorrection())
    second = correct_by_sphering(metadata, other, SpheringCorrection())
    assert first.facts == second.facts
    np.testing.assert_array_equal(first.values[~treated], second.values[~treated])


def test_too_few_controls_are_refused_with_a_remedy() -> None:
    metadata, values = campaign(np.random.default_rng(9), 8, 2)
    with pytest.raises(CorrectionRefusedError, match=r"found 8 negative control wells; expected at least 12.*Hint"):
        correct_by_sphering(metadata, values, SpheringCorrection())


def test_one_plate_cannot_choose_a_shrinkage_but_can_use_one() -> None:
    metadata, values = campaign(np.random.default_rng(10), 30, 1)
    with pytest.raises(
        CorrectionRefusedError, match=r"0 negative controls beside those of one plate.*set shrinkage to a number"
    ):
        correct_by_sphering(metadata, values, SpheringCorrection())
    assert correct_by_sphering(metadata, values, SpheringCorrection(shrinkage=0.5)).values.shape == values.shape


def test_a_feature_that_controls_do_not_vary_in_keeps_its_scale() -> None:
    controls = np.column_stack([np.random.default_rng(11).normal(size=20), np.full(20, 4.0)])
    fitted = fit_sphering(controls, 0.1)
    assert (fitted.weights @ (np.array([0.0, 7.0]) - fitted.centre))[1] == pytest.approx(3.0)
