"""The ways to correct BBBC021 that were tried: what is fitted, and how it is applied to wells that it has not seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import f as fisher

from platewise.columns import BATCH, PLATE
from platewise.config.correction import CombatCorrection, CorrectionMethod, HarmonyCorrection, MnnCorrection
from platewise.config.profiles import SelectConfig
from platewise.correction.correct import METHODS
from platewise.correction.replicates import contrasts, mean_treatment, nuisance_rows, reliable_directions
from platewise.correction.sphering import fit_sphering, left_out_likelihood, likeliest
from platewise.profiles.consensus import combine
from platewise.profiles.frame import is_negcon, split_profiles, treatment_codes
from platewise.profiles.select import choose_features

Values = Callable[[np.ndarray], np.ndarray]

TRANSFORMS: dict[str, Values] = {"as is": lambda values: values, "asinh": np.arcsinh}
SELECTIONS = ("uncorrelated", "all", "reproducible")
# Numbers of factors that are tried in place of a shrinkage.
FACTORS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96)
REPRODUCIBLE_P = 0.05


@dataclass(frozen=True)
class Sphere:
    """A sphering.

    Attributes
    ----------
    rows
        What it is fitted on: ``controls``, ``replicates`` or ``both``; ``none`` for no sphering.
    folds
        What is left out to choose its strength.
    even
        Every row at unit length.
    factors
        A few factors and equal noise in place of shrinkage.
    reliability
        Directions weighed by the reliability of the treatments.
    treated
        Origin at the mean treatment in place of the mean control.
    """

    rows: str
    folds: str = BATCH
    even: bool = False
    factors: bool = False
    reliability: bool = False
    treated: bool = False

    def fit(self, metadata: pd.DataFrame, values: np.ndarray) -> Values:
        """Return what corrects further wells."""
        control = is_negcon(metadata)
        codes, _ = treatment_codes(metadata[~control].reset_index(drop=True))
        origin, weights = values[control].mean(axis=0), np.eye(values.shape[1])
        if self.rows != "none":
            weights = self._weights(metadata, values)
        if self.reliability:
            weights = reliable_directions((values[~control] - origin) @ weights.T, codes)[0] @ weights
        if self.treated:
            origin = mean_treatment(values[~control], codes, metadata.loc[~control, BATCH].to_numpy(dtype=str))
        elif self.rows == "none":
            # As normalisation left them: the controls' median at 0.
            origin = np.zeros(values.shape[1])
        return lambda other: (other - origin) @ weights.T

    def _weights(self, metadata: pd.DataFrame, values: np.ndarray) -> np.ndarray:
        if self.rows == "controls":
            control = is_negcon(metadata)
            rows, folds = values[control], metadata.loc[control, self.folds].to_numpy(dtype=str)
            return fit_sphering(rows, likeliest(left_out_likelihood(rows, folds))).weights
        rows, folds = nuisance_rows(metadata, values, self.rows)
        if self.even:
            rows = rows / np.sqrt((rows**2 / (rows**2).mean(axis=0)).mean(axis=1, keepdims=True))
        if self.factors:
            return factor_weights(rows, folds)
        zero = np.zeros(values.shape[1])
        return fit_sphering(rows, likeliest(left_out_likelihood(rows, folds, mean=zero)), zero).weights


def factor_weights(rows: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Return W of a sphering by probabilistic PCA of the correlations (Tipping and Bishop 1999).

    The number of factors is that under which the rows of folds left out are likeliest.
    """
    likelihood = dict.fromkeys(FACTORS, 0.0)
    for fold in np.unique(folds):
        out = folds == fold
        deviation, sizes, axes = _spectrum(rows[~out])
        scores = ((rows[out] / deviation @ axes) ** 2).sum(axis=0)
        for count in FACTORS:
            own = _factored(sizes, count)
            likelihood[count] -= 0.5 * float((scores / own).sum()) + out.sum() * float(
                0.5 * np.log(own).sum() + np.log(deviation).sum()
            )
    deviation, sizes, axes = _spectrum(rows)
    chosen = max(FACTORS, key=lambda count: likelihood[count])
    return (axes / np.sqrt(_factored(sizes, chosen))) @ axes.T / deviation


def _spectrum(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    deviation = np.sqrt((rows**2).mean(axis=0))
    return deviation, *np.linalg.eigh((rows / deviation).T @ (rows / deviation) / len(rows))


def _factored(sizes: np.ndarray, count: int) -> np.ndarray:
    rest = len(sizes) - count
    noise = sizes[:rest].mean()
    return np.concatenate([np.full(rest, noise), np.maximum(sizes[rest:], noise)])


# From simple to involved: of corrections that are as good, the first is taken.
FIRST = {
    "none": Sphere("none"),
    "controls, by plates": Sphere("controls", PLATE),
    "controls, by batches": Sphere("controls"),
    "replicates": Sphere("replicates"),
    "both": Sphere("both"),
    "both, reliability": Sphere("both", reliability=True),
}
CONTINUED = {
    "none, treated": Sphere("none", treated=True),
    "controls, by batches, treated": Sphere("controls", treated=True),
    "replicates, treated": Sphere("replicates", treated=True),
    "both, treated": Sphere("both", treated=True),
    "both, reliability, treated": Sphere("both", reliability=True, treated=True),
    "replicates, even": Sphere("replicates", even=True),
    "replicates, even, reliability": Sphere("replicates", even=True, reliability=True),
    "both, even": Sphere("both", even=True),
    "both, even, reliability": Sphere("both", even=True, reliability=True),
    "replicates, reliability": Sphere("replicates", reliability=True),
    "replicates, factors": Sphere("replicates", factors=True),
    "both, factors": Sphere("both", factors=True),
    "both, factors, reliability": Sphere("both", factors=True, reliability=True),
    "replicates, reliability, treated": Sphere("replicates", reliability=True, treated=True),
    "replicates, even, reliability, treated": Sphere("replicates", even=True, reliability=True, treated=True),
}
# These see all wells at once.
WHOLE: dict[str, CorrectionMethod] = {
    "combat": CombatCorrection(),
    "harmony": HarmonyCorrection(),
    "mnn": MnnCorrection(),
}


def corrected_whole(name: str, metadata: pd.DataFrame, values: np.ndarray) -> np.ndarray:
    """Return all wells after one of ``WHOLE``."""
    return METHODS[WHOLE[name].method](metadata, values, WHOLE[name]).values


def select(table: pd.DataFrame, selection: str) -> list[str]:
    """Choose features from level 4a by one of ``SELECTIONS``."""
    limits = SelectConfig(max_correlation=1.0) if selection == "all" else SelectConfig()
    found = choose_features(table, limits)
    kept = found.loc[found["Kept"], "Feature"].tolist()
    return reproducible(table, kept) if selection == "reproducible" else kept


def reproducible(table: pd.DataFrame, features: list[str]) -> list[str]:
    """Keep features that differ more between the treatments of a batch than within them (F test at 0.05)."""
    metadata, _, _ = split_profiles(table)
    treated = ~is_negcon(metadata)
    values = np.nan_to_num(table.loc[treated, features].to_numpy(dtype=float))
    own = metadata[treated].reset_index(drop=True)
    codes, treatments = treatment_codes(own)
    names, batch = np.unique(own[BATCH].to_numpy(dtype=str), return_inverse=True)
    means, batch_means = combine(values, codes, len(treatments), "mean"), combine(values, batch, len(names), "mean")
    between_degrees, within_degrees = len(treatments) - len(names), len(values) - len(treatments)
    between = ((means[codes] - batch_means[batch]) ** 2).sum(axis=0) / between_degrees
    within = (contrasts(values, codes)[0] ** 2).sum(axis=0) / within_degrees
    p = fisher.sf(between / within, between_degrees, within_degrees)
    return [name for name, value in zip(features, p, strict=True) if value < REPRODUCIBLE_P]
