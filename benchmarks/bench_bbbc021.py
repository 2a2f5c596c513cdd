"""Choose the preset of BBBC021 without its mechanisms, and only then score every candidate.

    python benchmarks/bench_bbbc021.py             # what is chosen on: the mechanisms are not even read
    python benchmarks/bench_bbbc021.py --scores    # NSC, NSCB and MOA mAP of all candidates besides

The data are in PLATEWISE_DATA. docs/methods.md has the figures and the story.

First round, written down before any candidate of it was scored. (Known beforehand, from earlier tries with the labels in
sight: `none` 0.903 / 0.728, sphering with its shrinkage by plates 0.893 / 0.717, by batches 0.913 / 0.739, fixed at 0.5
0.922 / 0.750, and a hint of 0.93 / 0.80 for a pooled scale, 0.5 and mean consensus.)

- Numbers within a method are chosen by likelihood: how much a plate's scale is pulled to the campaign's, by held-out
  controls; the shrinkage of a sphering by its own kind of rows (controls, differences of replicates) on what is left
  out (plates or batches).
- Methods are held against each other by retrieval of replicates. For each treated well, wells of its treatment on other
  plates rank against wells of other treatments of the same batch on other plates (average precision; mean over the
  wells of a treatment, then over treatments). Other doses of the same compound count for neither side. All that is
  fitted is fitted without the batch that is judged, and so without its treatments. The batch has to be the same: each
  treatment lies in one batch, so against other batches the batch alone would find the partners. Each treatment lies in
  one well position too: position helps every candidate, and nothing in this screen can take that apart.
- All combinations: values as they are or asinh of them; features without those that correlate (limit 0.9), all, or of
  the first those that differ between treatments of one batch (F test at 0.05); correction none, sphering by controls
  (shrinkage by plates, by batches), by replicates, by both, by both and then weighed by reliability. ComBat and
  Harmony, which need all batches at once and cannot be held out, are beside them and not eligible.
- The highest mean is chosen; within 0.005 of it the one that comes first in the list, which goes from simple to
  involved. If more than one exceed 0.99, the mean distance between the cosines of partners and others, in standard
  deviations of the others, decides instead.
- Not decidable: mean, median or MODZ of replicates. With three replicates, one held out leaves two, of which all three
  are the same. It stays the mean, as before.

Outcome, before any score of it was known: values as they are, uncorrelated features, sphering by both weighed by
reliability (0.8163); next sphering by replicates (0.8108), which misses the 0.005 by a hair; none 0.7803.

Continued, still before any score was known, by the same rule, with values as they are and uncorrelated features:

- Controls lie in columns 2 and 11, treated wells in 3 to 10: what all treated wells have in common may be position. So
  each correction also with the mean of the treated wells (of other batches) as the origin of cosines.
- Strong treatments have the largest differences between replicates: each difference at unit length (`even`).
- A few factors and equal noise (probabilistic PCA of the correlations) in place of shrinkage, as many as are likeliest
  on batches left out.
- Then, what helped most joined: replicates or both, weighed by reliability, centred on treated wells.

Chosen, before any score of it was known: values as they are, uncorrelated features, sphering by both, weighed by
reliability, centred on treated wells (0.8330; the same by replicates alone 0.8316).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy.stats import f as fisher

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "lib"))

from platewise.columns import BATCH, MOA, PERTURBATION, PLATE
from platewise.config.profiles import NormaliseConfig, SelectConfig
from platewise.config.table import TableConfig
from platewise.correction.sphering import SHRINKAGES
from platewise.network.nodes import unit_rows
from platewise.profiles.frame import is_negcon, join_profiles, split_profiles, treatment_codes
from platewise.profiles.importing import read_profiles
from platewise.profiles.normalise import fit_campaign_scale, normalise_plate
from platewise.profiles.select import apply_selection, choose_features

Fit = Callable[[pd.DataFrame, np.ndarray], Callable[[np.ndarray], np.ndarray]]


def normalised_wells() -> pd.DataFrame:
    """Level 4a of all plates, without the mechanisms."""
    config = yaml.safe_load((ROOT / "config" / "bbbc021" / "config.yaml").read_text())
    wells = read_profiles(TableConfig.model_validate(config["table"]))[0].assign(**{MOA: ""})
    normalise = NormaliseConfig.model_validate(config["profiles"]["normalise"])
    plates = [table for _, table in wells.groupby(PLATE, sort=True)]
    controls = [values[is_negcon(metadata)] for metadata, values, _ in map(split_profiles, plates)]
    scale = fit_campaign_scale(controls, normalise)
    print("prior_controls", scale.prior_controls, {k: round(v, 4) for k, v in scale.likelihood.items()})
    return pd.concat([normalise_plate(table, scale, normalise) for table in plates], ignore_index=True)


# --- rows ---


def contrasts(values: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal differences within groups (Helmert), and the group of each."""
    rows, groups = [], []
    for code in np.unique(codes):
        own = values[codes == code]
        for k in range(1, len(own)):
            rows.append((own[:k].mean(axis=0) - own[k]) * np.sqrt(k / (k + 1)))
            groups.append(code)
    return np.array(rows), np.array(groups)


def noise_rows(metadata: pd.DataFrame, values: np.ndarray, kind: str, fold: str) -> tuple[np.ndarray, np.ndarray]:
    control = is_negcon(metadata)
    rows, folds = [], []
    if kind in ("controls", "both"):
        rows.append(values[control] - values[control].mean(axis=0))
        folds.append(metadata.loc[control, fold].to_numpy(dtype=str))
    if kind in ("replicates", "both"):
        treated = metadata[~control].reset_index(drop=True)
        codes, _ = treatment_codes(treated)
        found, groups = contrasts(values[~control], codes)
        batch = pd.Series(treated[BATCH].to_numpy(dtype=str)).groupby(codes).first().to_numpy()
        rows.append(found)
        folds.append(batch[groups])
    return np.concatenate(rows), np.concatenate(folds)


def correlation(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    deviation = np.sqrt((rows**2).mean(axis=0))
    deviation = np.where(deviation > 0, deviation, 1.0)
    standard = rows / deviation
    matrix = standard.T @ standard / len(rows)
    np.fill_diagonal(matrix, 1.0)
    return deviation, matrix


FACTORS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96)


def factored(sizes: np.ndarray, count: int) -> np.ndarray:
    """Eigenvalues (ascending) with all but the largest ``count`` replaced by their mean."""
    rest = len(sizes) - count
    return np.concatenate([np.full(rest, sizes[:rest].mean()), np.maximum(sizes[rest:], sizes[:rest].mean())])


def choose_factors(rows: np.ndarray, folds: np.ndarray) -> int:
    totals = dict.fromkeys(FACTORS, 0.0)
    for fold in np.unique(folds):
        out = folds == fold
        deviation, matrix = correlation(rows[~out])
        sizes, axes = np.linalg.eigh(matrix)
        scores = (rows[out] / deviation @ axes) ** 2
        for count in FACTORS:
            own = factored(sizes, count)
            totals[count] += float((-0.5 * ((scores / own).sum(1) + np.log(own).sum()) - np.log(deviation).sum()).sum())
    return max(FACTORS, key=lambda count: totals[count])


def choose_shrinkage(rows: np.ndarray, folds: np.ndarray) -> tuple[float, dict[float, float]]:
    totals = dict.fromkeys(SHRINKAGES, 0.0)
    for fold in np.unique(folds):
        out = folds == fold
        deviation, matrix = correlation(rows[~out])
        sizes, axes = np.linalg.eigh(matrix)
        scores = (rows[out] / deviation @ axes) ** 2
        for share in SHRINKAGES:
            shrunk = np.maximum((1 - share) * sizes + share, 1e-300)
            totals[share] += float(
                (-0.5 * ((scores / shrunk).sum(1) + np.log(shrunk).sum()) - np.log(deviation).sum()).sum()
            )
    return max(reversed(SHRINKAGES), key=lambda share: totals[share]), {k: v / len(rows) for k, v in totals.items()}


def no_fit(metadata: pd.DataFrame, values: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: x


CHOSEN: dict[str, float] = {}


def sphering_fit(
    kind: str,
    fold: str,
    reliability: bool = False,
    shrinkage: float | None = None,
    even: bool = False,
    factors: bool = False,
    centred: bool = False,
) -> Fit:
    def fit(metadata: pd.DataFrame, values: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        rows, folds = noise_rows(metadata, values, kind, fold)
        if even:
            length = np.sqrt(((rows / np.sqrt((rows**2).mean(axis=0))) ** 2).mean(axis=1, keepdims=True))
            rows = rows / length
        share = choose_shrinkage(rows, folds)[0] if shrinkage is None else shrinkage
        CHOSEN[f"{kind} {fold}"] = share
        deviation, matrix = correlation(rows)
        sizes, axes = np.linalg.eigh(matrix)
        shrunk = (1 - share) * sizes + share
        if factors:
            CHOSEN[f"{kind} {fold}"] = count = choose_factors(rows, folds)
            shrunk = factored(sizes, count)
        weights = (axes / np.sqrt(shrunk)) @ axes.T / deviation
        centre = values[is_negcon(metadata)].mean(axis=0)
        if reliability:
            weights = reliable(metadata, (values - centre) @ weights.T) @ weights
        if centred:
            centre = treated_mean(metadata, values)
        return lambda x: (x - centre) @ weights.T

    return fit


def treated_mean(metadata: pd.DataFrame, values: np.ndarray) -> np.ndarray:
    """Mean over batches of the mean over their treatments, so that no batch counts for more."""
    treated = ~is_negcon(metadata)
    own = metadata[treated].reset_index(drop=True)
    codes, _ = treatment_codes(own)
    means = pd.DataFrame(values[treated]).groupby(codes).mean()
    batch = pd.Series(own[BATCH].to_numpy(dtype=str)).groupby(codes).first()
    return means.groupby(batch.to_numpy()).mean().mean().to_numpy()


def centred_fit(metadata: pd.DataFrame, values: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    centre = treated_mean(metadata, values)
    return lambda x: x - centre


def reliable(metadata: pd.DataFrame, sphered: np.ndarray) -> np.ndarray:
    """Weights B (B + W / n)^-1 of the treatments' means, B estimated by moments around the controls, W within."""
    control = is_negcon(metadata)
    treated = metadata[~control].reset_index(drop=True)
    codes, _ = treatment_codes(treated)
    values = sphered[~control]
    sums = pd.DataFrame(values).groupby(codes).mean().to_numpy()
    count = np.bincount(codes)
    within = contrasts(values, codes)[0]
    w = within.T @ within / len(within)
    # Means of treatments: second moment about the controls = B + mean(1/n) W; only directions in the means' span count.
    total = sums.T @ sums / len(sums)
    inverse_n = (1 / count).mean()
    sizes, axes = np.linalg.eigh(total)
    noise = np.einsum("ij,ik,kj->j", axes, w, axes) * inverse_n
    share = np.clip(1 - noise / np.maximum(sizes, 1e-12), 0, 1)
    return (axes * share) @ axes.T


# --- candidates ---

TRANSFORMS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"as is": lambda x: x, "asinh": np.arcsinh}
SELECTIONS = ("uncorrelated", "all", "reproducible")
CORRECTIONS: dict[str, Fit] = {
    "none": no_fit,
    "sphering, controls, plates": sphering_fit("controls", PLATE),
    "sphering, controls, batches": sphering_fit("controls", BATCH),
    "sphering, replicates": sphering_fit("replicates", BATCH),
    "sphering, both": sphering_fit("both", BATCH),
    "sphering, both, reliability": sphering_fit("both", BATCH, reliability=True),
}


BOTH, REPLICATES = "sphering, both", "sphering, replicates"
CONTINUED: dict[str, Fit] = {
    "none, centred": centred_fit,
    "sphering, controls, batches, centred": sphering_fit("controls", BATCH, centred=True),
    f"{REPLICATES}, centred": sphering_fit("replicates", BATCH, centred=True),
    f"{BOTH}, centred": sphering_fit("both", BATCH, centred=True),
    f"{BOTH}, reliability, centred": sphering_fit("both", BATCH, reliability=True, centred=True),
    f"{REPLICATES}, even": sphering_fit("replicates", BATCH, even=True),
    f"{REPLICATES}, even, reliability": sphering_fit("replicates", BATCH, even=True, reliability=True),
    f"{BOTH}, even": sphering_fit("both", BATCH, even=True),
    f"{BOTH}, even, reliability": sphering_fit("both", BATCH, even=True, reliability=True),
    f"{REPLICATES}, reliability": sphering_fit("replicates", BATCH, reliability=True),
    f"{REPLICATES}, reliability, centred": sphering_fit("replicates", BATCH, reliability=True, centred=True),
    f"{REPLICATES}, even, reliability, centred": sphering_fit(
        "replicates", BATCH, even=True, reliability=True, centred=True
    ),
    f"{REPLICATES}, factors": sphering_fit("replicates", BATCH, factors=True),
    f"{BOTH}, factors": sphering_fit("both", BATCH, factors=True),
    f"{BOTH}, factors, reliability": sphering_fit("both", BATCH, factors=True, reliability=True),
}


def chosen_features(table: pd.DataFrame, selection: str) -> list[str]:
    limit = 1.0 if selection == "all" else 0.9
    found = choose_features(table, SelectConfig(max_correlation=limit))
    kept = found.loc[found["Kept"], "Feature"].tolist()
    return reproducible(table, kept) if selection == "reproducible" else kept


def reproducible(table: pd.DataFrame, kept: list[str]) -> list[str]:
    """Features that differ between the treatments of a batch more than within them (F test at 0.05)."""
    metadata, _, _ = split_profiles(table)
    treated = ~is_negcon(metadata)
    values = np.nan_to_num(table.loc[treated, kept].to_numpy(dtype=float))
    own = metadata[treated].reset_index(drop=True)
    codes, _ = treatment_codes(own)
    batch = own[BATCH].to_numpy(dtype=str)
    mean = pd.DataFrame(values).groupby(codes).transform("mean").to_numpy()
    batch_mean = pd.DataFrame(values).groupby(batch).transform("mean").to_numpy()
    groups, batches = len(np.unique(codes)), len(np.unique(batch))
    between = ((mean - batch_mean) ** 2).sum(axis=0) / (groups - batches)
    within = ((values - mean) ** 2).sum(axis=0) / (len(values) - groups)
    p = fisher.sf(between / within, groups - batches, len(values) - groups)
    return [name for name, value in zip(kept, p, strict=True) if value < 0.05]


# --- retrieval ---


def retrieval(metadata: pd.DataFrame, values: np.ndarray) -> pd.DataFrame:
    """Average precision and margin of each well, against other treatments of its batch on other plates."""
    treated = np.flatnonzero(~is_negcon(metadata))
    own = metadata.iloc[treated].reset_index(drop=True)
    codes, _ = treatment_codes(own)
    unit = unit_rows(values[treated])
    cosine = unit @ unit.T
    plate, batch, drug = (own[name].to_numpy(dtype=str) for name in (PLATE, BATCH, PERTURBATION))
    rows = []
    for well in range(len(own)):
        allowed = (batch == batch[well]) & (plate != plate[well])
        partners, others = allowed & (codes == codes[well]), allowed & (drug != drug[well])
        if not partners.any() or not others.any():
            continue
        good, bad = cosine[well, partners], cosine[well, others]
        rank = np.arange(1, len(good) + 1)
        above = (bad[None, :] > -np.sort(-good)[:, None]).sum(axis=1)
        rows.append((codes[well], (rank / (rank + above)).mean(), (good.mean() - bad.mean()) / bad.std()))
    return pd.DataFrame(rows, columns=["treatment", "precision", "margin"])


def held_out(table: pd.DataFrame, transform: str, selection: str, fit: Fit) -> tuple[float, float, int]:
    found, treatments = [], 0
    for batch in sorted(table[BATCH].unique()):
        inside = (table[BATCH] == batch).to_numpy()
        rest = table[~inside]
        features = FEATURES[batch, selection]
        metadata, _, _ = split_profiles(rest)
        values = TRANSFORMS[transform](np.nan_to_num(rest[features].to_numpy(dtype=float)))
        apply = fit(metadata, values)
        own, _, _ = split_profiles(table[inside])
        mine = apply(TRANSFORMS[transform](np.nan_to_num(table.loc[inside, features].to_numpy(dtype=float))))
        score = retrieval(own, mine)
        score["treatment"] += treatments
        treatments += 1000
        if len(score):
            found.append(score)
    means = pd.concat(found).groupby("treatment").mean()
    return float(means["precision"].mean()), float(means["margin"].mean()), len(means)


FEATURES: dict[tuple[str, str], list[str]] = {}


def scores(table: pd.DataFrame, transform: str, selection: str, fit: Fit) -> pd.Series:
    from platewise.config.evaluation import EvaluationConfig
    from platewise.config.network import NetworkConfig
    from platewise.evaluation.evaluate import _annotation_families, _nearest_families
    from platewise.evaluation.levels import SCORE, describe, read_levels
    from platewise.profiles.consensus import consensus

    config = yaml.safe_load((ROOT / "config" / "bbbc021" / "config.yaml").read_text())
    named = read_profiles(TableConfig.model_validate(config["table"]))[0].set_index([PLATE, "Metadata_Well"])[MOA]
    features = chosen_features(table, selection)
    metadata, _, _ = split_profiles(table)
    values = TRANSFORMS[transform](np.nan_to_num(table[features].to_numpy(dtype=float)))
    corrected = fit(metadata, values)(values)
    metadata[MOA] = named.loc[list(zip(metadata[PLATE], metadata["Metadata_Well"]))].to_numpy()
    wells = join_profiles(metadata, corrected, [f"Deep_{k:03d}" for k in range(corrected.shape[1])])
    campaign = read_levels(wells, consensus(wells, "mean"), NetworkConfig())
    families = [*_nearest_families(campaign, describe(campaign)), *_annotation_families(campaign, EvaluationConfig())]
    return pd.Series(
        {
            name: items.score
            for family in families
            for name, items in family.compute(family.similarities[SCORE], family.labels).items()
        }
    )


def main() -> None:
    table = normalised_wells()
    for batch in sorted(table[BATCH].unique()):
        for selection in SELECTIONS:
            FEATURES[batch, selection] = chosen_features(table[table[BATCH] != batch], selection)
    print({key: len(value) for key, value in FEATURES.items() if key[0] == "Week1"})
    everything = {**CORRECTIONS, **CONTINUED}
    if "--all" in sys.argv:
        tried = list(product(TRANSFORMS, SELECTIONS, CORRECTIONS))
    else:
        tried = [("as is", "uncorrelated", name) for name in CONTINUED if not sys.argv[1:] or sys.argv[1] in name]
    for transform, selection, correction in tried:
        precision, margin, count = held_out(table, transform, selection, everything[correction])
        if "--scores" in sys.argv:
            print(scores(table, transform, selection, everything[correction]).round(3).to_dict())
        print(f"{transform:8} {selection:14} {correction:38} {precision:.4f} {margin:.3f} {count} {CHOSEN}", flush=True)
        CHOSEN.clear()


if __name__ == "__main__":
    main()
