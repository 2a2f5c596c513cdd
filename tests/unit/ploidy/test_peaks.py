"""Peaks of known populations are found, and none where there are none."""

import numpy as np
import pytest
from populations import CONTENT_2N, UNTREATED, draw_nuclei
from scipy.integrate import quad

from platewise.ploidy.classes import CLASSES, boundaries, count_classes
from platewise.ploidy.peaks import FEWEST_NUCLEI, Peaks, fit_peaks, mixture_density


@pytest.mark.parametrize(("variation", "unit"), [(0.05, 1.0), (0.1, 1e-4), (0.15, 1e6)])
def test_peaks_of_known_populations_are_found_in_any_unit(variation, unit):
    rng = np.random.default_rng(0)
    peaks = fit_peaks(unit * draw_nuclei(20_000, UNTREATED, rng, variation))
    assert peaks.found
    assert peaks.content_2n == pytest.approx(unit * CONTENT_2N, rel=0.01)
    assert peaks.spread * np.log(2) == pytest.approx(variation, rel=0.05)
    assert peaks.shares == pytest.approx((0.56, 0.17, 0.24, 0.03), abs=0.015)


@pytest.mark.parametrize("seed", range(5))
def test_a_hundred_nuclei_are_enough_for_clean_peaks(seed):
    peaks = fit_peaks(draw_nuclei(100, UNTREATED, np.random.default_rng(seed)))
    assert peaks.found
    assert peaks.content_2n == pytest.approx(CONTENT_2N, rel=0.06)


def test_mostly_4n_cells_are_not_taken_for_2n():
    """Of a culture that is held in G2 the larger peak is not the first."""
    shares = {"2N": 0.2, "S": 0.1, "4N": 0.65, "8N": 0.03, "debris": 0.02}
    peaks = fit_peaks(draw_nuclei(3000, shares, np.random.default_rng(0)))
    assert peaks.content_2n == pytest.approx(CONTENT_2N, rel=0.02)
    assert peaks.shares[2] == pytest.approx(0.65, abs=0.03)


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (np.exp2(np.random.default_rng(0).normal(3, 0.2, 3000)), "no 4N peak in negative controls: 0.0% of the nuclei"),
        (np.exp2(np.random.default_rng(0).normal(3, 0.6, 3000)), "the peaks of negative controls run into one another"),
        (np.random.default_rng(0).uniform(1, 20, 3000), None),
        (np.random.default_rng(0).gamma(5, 1, 3000), None),
        (np.full(FEWEST_NUCLEI - 1, 3.0), "49 nuclei in negative controls, 50 are needed"),
        (np.full(200, 3.0), None),
        (np.zeros(0), "0 nuclei in negative controls, 50 are needed"),
        (np.full(200, -1.0), "0 nuclei in negative controls, 50 are needed"),
    ],
    ids=["narrow", "wide", "even", "gamma", "few", "alike", "none", "below 0"],
)
def test_without_two_peaks_a_plate_is_marked(content, note):
    peaks = fit_peaks(content)
    assert not peaks.found
    assert np.isnan(peaks.content_2n)
    assert note is None or peaks.note == note
    assert np.isnan(count_classes(np.array([1.0, 2.0]), peaks)).all()


def test_one_broad_peak_is_seldom_taken_for_two():
    """Samples of one log-normal population of any width, small enough for chance to make humps."""
    rng = np.random.default_rng(1)
    found = [fit_peaks(np.exp2(rng.normal(0, rng.uniform(0.2, 0.8), 150))).found for _ in range(30)]
    assert np.mean(found) <= 0.1


def test_densities_of_all_components_hold_one_nucleus_each():
    for kind in range(3):
        whole, _ = quad(lambda at, kind=kind: mixture_density(np.array([at]), 5.0, 0.17)[kind, 0], 1, 10, limit=200)
        assert whole == pytest.approx(1, abs=1e-6)


def test_density_of_replicating_cells_is_that_of_simulated_ones():
    rng = np.random.default_rng(0)
    drawn = np.log2(rng.uniform(2, 4, 400_000)) + rng.normal(0, 0.15, 400_000)
    counts, edges = np.histogram(drawn, np.linspace(0.4, 2.6, 45))
    expected = mixture_density((edges[1:] + edges[:-1]) / 2, 1.0, 0.15)[1]
    assert counts / len(drawn) / np.diff(edges) == pytest.approx(expected, abs=0.02)


def test_boundaries_and_counts_by_hand():
    peaks = Peaks(content_2n=100.0, spread=0.1, shares=(0.5, 0.2, 0.2, 0.1), nuclei=500)
    at = 100 * 2 ** np.array([-0.2, 0.2, 0.8, 1.2])
    assert boundaries(peaks) == pytest.approx(at)
    content = [-5.0, 0.0, at[0] - 1e-6, at[0], 100.0, 140.0, 200.0, 220.0, at[3], 400.0, 1e9]
    assert dict(zip(CLASSES, count_classes(np.array(content), peaks), strict=True)) == {
        "<2N": 3,
        "2N": 2,
        "S": 1,
        "4N": 2,
        ">4N": 3,
    }
    wide = boundaries(Peaks(content_2n=1.0, spread=0.3, shares=(0.5, 0.2, 0.2, 0.1), nuclei=500))
    assert np.log2(wide) == pytest.approx([-0.45, 0.45, 0.55, 1.45])


def test_fractions_of_a_known_population_are_those_that_the_boundaries_imply():
    """5 % of each peak lie outside of it: a known share of 2N, 4N and 8N comes back with that, and nothing else."""
    rng = np.random.default_rng(0)
    peaks = fit_peaks(draw_nuclei(20_000, UNTREATED, rng))
    shares = {"2N": 0.3, "S": 0.0, "4N": 0.3, "8N": 0.4, "debris": 0.0}
    found = count_classes(draw_nuclei(20_000, shares, rng), peaks) / 20_000
    tail = 0.0228
    expected = [0.3 * tail, 0.3 * (1 - 2 * tail), 0.6 * tail, 0.3 * (1 - 2 * tail), 0.4 + 0.3 * tail]
    assert found == pytest.approx(expected, abs=0.012)
