"""Where the 2N and the 4N peak of DNA content lie, from the cells of a plate's negative controls.

The 4N peak lies at twice the 2N one, so in log2 units one apart; what blurs content is proportional to it (stain,
segmentation), so both peaks have the same width there. Between them lie the cells that replicate, evenly over content
(Dean and Jett 1974, with a constant rate), and under all of it debris and polyploid cells, evenly over log content.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import ndtr

# Nuclei of controls without which no peaks are sought.
FEWEST_NUCLEI = 50
# Of log2 content: narrower peaks than the smallest are single cells, wider than the largest run into one another.
_SPREADS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
_SPREAD_RANGE = (0.03, 0.3)
# Each peak holds at least so much of the cells, and between the two their density falls to so much of the lower one.
_LEAST_SHARE = 0.03
_DEEPEST_VALLEY = 0.9
_BINS_PER_OCTAVE = 64
_OCTAVES = 8
_STARTS_PER_OCTAVE = 16
_COMPONENTS = ("2N", "S", "4N", "rest")


@dataclass(frozen=True)
class Peaks:
    """The peaks of a plate.

    Attributes
    ----------
    content_2n
        Content at the 2N peak, in the units of the cells; NaN where there are no two peaks.
    spread
        Standard deviation of log2 content in each peak; times ln 2 it is about the coefficient of variation.
    shares
        Of the controls' nuclei, in the order 2N, S, 4N, everything else.
    nuclei
        How many nuclei the fit is of.
    note
        Why there are no two peaks; empty where there are.
    """

    content_2n: float
    spread: float
    shares: tuple[float, float, float, float]
    nuclei: int
    note: str = ""

    @property
    def found(self) -> bool:
        """Whether the plate can be scored."""
        return not self.note


def fit_peaks(content: np.ndarray) -> Peaks:
    """Fit both peaks by maximum likelihood.

    Every place of the 2N peak is tried in steps of 1/16 octave with six widths, and the best improved (Nelder-Mead);
    shares are fitted at each by expectation and maximisation. Peaks count as found when each holds 3 % of the nuclei,
    the density between them falls to 90 % of the lower one or below, and they tell more than one peak of any width
    does (Bayesian information criterion).

    Parameters
    ----------
    content
        DNA content of the nuclei of negative controls, ``(nuclei,)``, any unit. What is not above 0 is left out.
    """
    values = np.log2(content[np.isfinite(content) & (content > 0)])
    if len(values) < FEWEST_NUCLEI:
        note = f"{len(values)} nuclei in negative controls, {FEWEST_NUCLEI} are needed"
        return Peaks(np.nan, np.nan, (np.nan,) * 4, len(values), note)
    low = float(np.median(values)) - _OCTAVES / 2
    edges = low + np.arange(_OCTAVES * _BINS_PER_OCTAVE + 1) / _BINS_PER_OCTAVE
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    middles = (edges[1:] + edges[:-1]) / 2
    first, last = np.quantile(values, [0.02, 0.95])
    starts = np.arange(first, last + 1 / _STARTS_PER_OCTAVE, 1 / _STARTS_PER_OCTAVE)
    _, start, spread = max((_fit_shares(middles, counts, m, s, 20)[0], m, s) for m in starts for s in _SPREADS)

    def loss(at: np.ndarray) -> float:
        inside = _SPREAD_RANGE[0] <= np.exp(at[1]) <= _SPREAD_RANGE[1]
        return -_fit_shares(middles, counts, at[0], float(np.exp(at[1])), 100)[0] if inside else np.inf

    begin = np.array([start, np.log(spread)])
    simplex = begin + np.array([[0, 0], [1 / _STARTS_PER_OCTAVE, 0], [0, -0.3]])
    found = minimize(loss, begin, method="Nelder-Mead", options={"initial_simplex": simplex, "xatol": 1e-3})
    place, spread = float(found.x[0]), float(np.exp(found.x[1]))
    likelihood, shares = _fit_shares(middles, counts, place, spread, 1000)
    note = _doubts(middles, counts, place, spread, likelihood, shares)
    return Peaks(np.nan if note else 2**place, spread, tuple(shares.tolist()), len(values), note)


def mixture_density(log_content: np.ndarray, place: float, spread: float) -> np.ndarray:
    """Return the densities of the 2N peak, of S and of the 4N peak per octave, ``(3, values)``.

    Parameters
    ----------
    log_content
        log2 of content, ``(values,)``.
    place
        Of the 2N peak.
    spread
        Standard deviation of both peaks, and of what blurs S.
    """
    distance = log_content - place
    peaks = [np.exp(-(((distance - at) / spread) ** 2) / 2) / (spread * np.sqrt(2 * np.pi)) for at in (0.0, 1.0)]
    # Even over content is 2^y over log content y; that times a Gaussian is a Gaussian again, cut at both ends.
    rate = np.log(2)
    shifted = distance + rate * spread**2
    cut = ndtr((1 - shifted) / spread) - ndtr(-shifted / spread)
    # Far beyond the ends the exponential would overflow where the cut is 0.
    blurred = rate * np.exp(np.minimum(rate * distance + (rate * spread) ** 2 / 2, 50.0)) * cut
    return np.stack([peaks[0], blurred, peaks[1]])


def _fit_shares(
    middles: np.ndarray, counts: np.ndarray, place: float, spread: float, rounds: int
) -> tuple[float, np.ndarray]:
    """Return the log-likelihood and the shares of the four components, of binned log2 content."""
    rest = np.full((1, len(middles)), 1 / _OCTAVES)
    densities = np.concatenate([mixture_density(middles, place, spread), rest])
    return _maximise(densities, counts, rounds)


def _maximise(densities: np.ndarray, counts: np.ndarray, rounds: int) -> tuple[float, np.ndarray]:
    """Fit the shares of components with known densities (components, bins) by expectation and maximisation."""
    filled = counts > 0
    densities, counts = densities[:, filled], counts[filled]
    shares = np.full(len(densities), 1 / len(densities))
    for _ in range(rounds):
        before = shares
        shares = shares * (densities @ (counts / (shares @ densities))) / counts.sum()
        if np.abs(shares - before).max() < 1e-6:
            break
    return float(counts @ np.log(shares @ densities)), shares


def _doubts(
    middles: np.ndarray, counts: np.ndarray, place: float, spread: float, likelihood: float, shares: np.ndarray
) -> str:
    """Say why the best fit shows no two peaks; empty where it does."""
    for name, share in zip(_COMPONENTS, shares, strict=True):
        if name in ("2N", "4N") and share < _LEAST_SHARE:
            return f"no {name} peak in negative controls: {share:.1%} of the nuclei"
    between = np.linspace(place, place + 1, 101)
    density = shares[:3] @ mixture_density(between, place, spread)
    # At the end of its range the width is not what fits best.
    wide = spread > 0.99 * _SPREAD_RANGE[1]
    if wide or density[20:81].min() > _DEEPEST_VALLEY * min(density[:20].max(), density[81:].max()):
        return "the peaks of negative controls run into one another"
    parameters = (5, 3)
    penalties = np.array(parameters) / 2 * np.log(counts.sum())
    if likelihood - penalties[0] <= _one_peak(middles, counts) - penalties[1]:
        return "negative controls show one peak, not two"
    return ""


def _one_peak(middles: np.ndarray, counts: np.ndarray) -> float:
    """Return the log-likelihood of one peak of any place and width, and the rest."""

    def loss(at: np.ndarray) -> float:
        spread = np.exp(at[1])
        peak = np.exp(-(((middles - at[0]) / spread) ** 2) / 2) / (spread * np.sqrt(2 * np.pi))
        return -_maximise(np.stack([peak, np.full(len(middles), 1 / _OCTAVES)]), counts, 100)[0]

    middle = float(counts @ middles / counts.sum())
    return -min(minimize(loss, [middle, np.log(spread)], method="Nelder-Mead").fun for spread in (0.1, 0.3, 0.6))
