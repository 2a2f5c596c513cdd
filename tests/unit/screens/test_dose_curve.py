"""The curve is found exactly without noise, is scipy's with it; its interval holds the truth as often as it says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import curve_fit, lsq_linear

from platewise.screens.dose_curve import HILL, Curve, _plateaus, fit_curve, rise

DOSES = np.repeat([0.1, 0.3, 1.0, 3.0, 10.0, 30.0], 3)


def distances(bottom: float, top: float, ec50: float, hill: float, doses: np.ndarray = DOSES) -> np.ndarray:
    return bottom + (top - bottom) * rise(doses, ec50, hill)


@pytest.mark.parametrize(
    ("bottom", "top", "ec50", "hill"), [(5, 25, 1.7, 1.3), (3, 60, 0.25, 0.8), (6, 9, 12, 2.5), (0.5, 100, 4.0, 4.0)]
)
def test_without_noise_the_parameters_are_found(bottom: float, top: float, ec50: float, hill: float) -> None:
    found = fit_curve(DOSES, distances(bottom, top, ec50, hill), bottom)
    np.testing.assert_allclose([found.bottom, found.top, found.ec50, found.hill], [bottom, top, ec50, hill], rtol=1e-3)
    assert found.residual == pytest.approx(0, abs=1e-8)
    assert found.low <= found.ec50 * 1.05
    assert found.high >= found.ec50 * 0.95
    np.testing.assert_allclose(found.at(DOSES), distances(bottom, top, ec50, hill), rtol=1e-4)


def test_the_share_of_the_rise_by_hand() -> None:
    # At the EC50 half; at three times it, with a slope of 2, nine tenths.
    np.testing.assert_allclose(rise(np.array([2.0, 6.0]), 2.0, 2.0), [0.5, 0.9])


def test_it_is_the_least_squares_fit_of_scipy() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        data = distances(5, 25, 2, 1.5) + rng.normal(0, 1.5, len(DOSES))
        found = fit_curve(DOSES, data, 5.0)

        def model(doses: np.ndarray, bottom: float, top: float, log_ec50: float, hill: float) -> np.ndarray:
            # A dose of 0 stands for the controls.
            return bottom + (top - bottom) * np.where(
                doses > 0, rise(np.maximum(doses, 1e-9), np.exp(log_ec50), hill), 0
            )

        # Three wells at each dose, so three controls.
        peer, _ = curve_fit(
            model, np.append(DOSES, [0] * 3), np.append(data, [5.0] * 3), (5, 25, 0.5, 1.2), maxfev=20000
        )
        np.testing.assert_allclose(
            [found.bottom, found.top, found.ec50, found.hill], [*peer[:2], np.exp(peer[2]), peer[3]], rtol=2e-3
        )


def test_plateaus_are_those_of_bounded_least_squares() -> None:
    rng = np.random.default_rng(1)
    data = rng.uniform(0, 10, 8)
    shapes = rng.uniform(size=(40, 8)) * rng.choice([1, 0.1], (40, 1))
    bottoms, spans, residuals = _plateaus(shapes, data, 2.0, 2.0, 15.0)
    for shape, bottom, span, residual in zip(shapes, bottoms, spans, residuals, strict=True):
        design = np.column_stack([np.append(np.ones(8), np.sqrt(2.0)), np.append(shape, 0)])
        peer = lsq_linear(design, np.append(data, np.sqrt(2.0) * 2.0), bounds=(0, 15), tol=1e-14)
        assert residual == pytest.approx(2 * peer.cost, rel=1e-6)
        np.testing.assert_allclose([bottom, span], peer.x, atol=1e-4)


@pytest.mark.parametrize(("ec50", "hill"), [(1.7, 1.3), (8.0, 2.0)])
def test_the_interval_holds_the_truth_as_often_as_it_says(ec50: float, hill: float) -> None:
    rng = np.random.default_rng(2)
    inside = []
    for _ in range(300):
        data = distances(5, 20, ec50, hill) + rng.normal(0, 1.5, len(DOSES))
        found = fit_curve(DOSES, data, 5 + rng.normal(0, 0.3))
        assert found.low <= found.ec50 <= found.high
        inside.append(found.low <= ec50 <= found.high)
    # 95 %, give or take three standard errors.
    assert 0.91 <= np.mean(inside) <= 0.99


def test_an_ec50_beyond_the_doses_has_an_open_interval() -> None:
    rng = np.random.default_rng(3)
    late = fit_curve(DOSES, distances(5, 80, 200, 1.2) + rng.normal(0, 0.3, 18), 5.0)
    assert late.ec50 > 30
    assert late.high == np.inf
    early = fit_curve(DOSES, distances(5, 25, 0.001, 1.2) + rng.normal(0, 0.3, 18), 5.0)
    assert early.ec50 < 0.1
    assert early.low == 0


def test_more_wells_make_the_interval_narrower() -> None:
    rng = np.random.default_rng(4)

    def width(wells: int) -> float:
        doses = np.repeat(DOSES[::3], wells)
        found = [fit_curve(doses, distances(5, 20, 2, 1.5, doses) + rng.normal(0, 1, len(doses)), 5) for _ in range(10)]
        return float(np.median([np.log(curve.high / curve.low) for curve in found]))

    assert width(12) < 0.6 * width(2)


def test_a_falling_series_is_flat() -> None:
    found = fit_curve(DOSES, distances(20, 5, 2, 1.5), 5.0)
    assert isinstance(found, Curve)
    assert found.top >= found.bottom >= 0
    assert HILL[0] <= found.hill <= HILL[1] + 1e-9
    assert (np.diff(found.at(np.unique(DOSES))) >= 0).all()
