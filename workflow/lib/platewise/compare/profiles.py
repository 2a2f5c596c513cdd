"""How profiles moved, and whether what was alike is still alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from platewise.columns import DOSE, PERTURBATION, PLATE, WELL
from platewise.compare.results import Pair, Results, Variant
from platewise.compare.section import Listing, Section, median
from platewise.network.nodes import unit_rows
from platewise.profiles.frame import is_negcon, split_profiles
from platewise.report.numbers import count, fixed, plural
from platewise.tables import read_table

Floats = npt.NDArray[np.float64]

# Rows of the similarity matrices held at a time.
_BLOCK = 512
# Correlations of fewer similarities say nothing.
_FEWEST = 3
TREATMENT_COLUMNS = [PERTURBATION, DOSE, "Cosine", "Neighbourhood", "ActiveOld"]


def compare_profiles(pair: Pair, hits: dict[Variant, tuple[pd.DataFrame | None, pd.DataFrame | None]]) -> Section:
    """Compare the profiles of wells and treatments of every correction that both runs have.

    Parameters
    ----------
    pair
        The runs.
    hits
        Hits of OLD and NEW: a treatment without a phenotype has a profile of noise, which any change turns around.
    """
    sentences, facts, listings, moved = [], {}, [], []
    for variant in pair.shared("variants"):
        name = ".".join(variant)
        lacking = [
            side
            for side, results in (("OLD", pair.old), ("NEW", pair.new))
            if not (results.consensus(variant).is_file() and results.profiles(variant).is_file())
        ]
        if lacking:
            sentences.append(f"{name}: no corrected and consensus profiles in {' and '.join(lacking)}.")
            continue
        found, treatments = _compare_variant(pair, variant, hits.get(variant, (None, None))[0])
        facts[name] = found
        moved += [found["moved"]] if found["treatments"] else []
        sentences.append(_sentence(name, found))
        listings.append(Listing(f"{name}.treatments", f"{name}: treatments, those that moved most first", treatments))
        if found["moved"]:
            listings.append(Listing(f"{name}.worst", f"{name}: treatments that moved most", treatments.head(5), 5))
    if not moved:
        sentences.append("No profiles could be compared.")
    return Section("profiles", "Profiles", any(moved) if moved else None, sentences, facts, listings)


def row_cosines(old: Floats, new: Floats) -> Floats:
    """Return the cosine of each row of ``old`` with that of ``new``, ``(rows,)``.

    Exactly 1 where nothing differs; NaN where a profile is not finite or of length 0 in one of them only.
    """
    same = (old == new).all(axis=1)
    with np.errstate(invalid="ignore"):
        cosine = np.einsum("ij,ij->i", unit_rows(old), unit_rows(new))
    length = np.stack([np.linalg.norm(old, axis=1), np.linalg.norm(new, axis=1)])
    unknown = (~np.isfinite(length) | (length == 0)).any(axis=0)
    return np.where(same, 1.0, np.where(unknown, np.nan, np.clip(cosine, -1, 1)))


def compare_structure(old: Floats, new: Floats) -> tuple[float, Floats]:
    """Correlate the similarities of all pairs of items in two sets of profiles, which may have other features.

    Parameters
    ----------
    old, new
        Profiles of the same items, ``(items, features)``; the number of features may differ.

    Returns
    -------
    correlation
        Pearson's, of the cosines of all pairs; NaN with fewer than three pairs.
    neighbourhoods
        Of each item, the correlation of its cosines with all others, ``(items,)``; NaN with fewer than three others.
    """
    items = len(old)
    unit_old, unit_new = unit_rows(old), unit_rows(new)
    total = np.zeros(6)
    neighbourhoods = np.full(items, np.nan)
    for start in range(0, items, _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, items))
        a, b = unit_old[rows] @ unit_old.T, unit_new[rows] @ unit_new.T
        a[np.arange(len(rows)), rows] = b[np.arange(len(rows)), rows] = 0.0
        sums = np.stack([np.full(len(rows), items - 1.0), *_sums(a, b)])
        total += sums.sum(axis=1)
        if items - 1 >= _FEWEST:
            neighbourhoods[rows] = _pearson(sums)
    # Every pair was counted twice.
    correlation = _pearson(total[:, None])[0] if total[0] / 2 >= _FEWEST else float("nan")
    return float(correlation), neighbourhoods


def _sums(a: Floats, b: Floats) -> list[Floats]:
    return [a.sum(axis=1), b.sum(axis=1), (a * a).sum(axis=1), (b * b).sum(axis=1), (a * b).sum(axis=1)]


def _pearson(sums: Floats) -> Floats:
    n, a, b, aa, bb, ab = sums
    covariance, variance_a, variance_b = ab - a * b / n, aa - a * a / n, bb - b * b / n
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.clip(covariance / np.sqrt(variance_a * variance_b), -1, 1)


def _compare_variant(pair: Pair, variant: Variant, hits: pd.DataFrame | None) -> tuple[dict[str, Any], pd.DataFrame]:
    wells, same_wells, features = _match(pair, variant, Results.profiles, [PLATE, WELL])
    treated = ~is_negcon(wells[0])
    cosines = row_cosines(wells[1][:, features[0]], wells[2][:, features[1]])[treated] if len(features[0]) else []
    consensus, same_treatments, shared = _match(pair, variant, Results.consensus, [PERTURBATION, DOSE])
    chosen = ~is_negcon(consensus[0])
    metadata, old, new = consensus[0][chosen].reset_index(drop=True), consensus[1][chosen], consensus[2][chosen]
    structure, neighbourhoods = compare_structure(old, new)
    table = metadata[[PERTURBATION, DOSE]].assign(
        Cosine=row_cosines(old[:, shared[0]], new[:, shared[1]]) if len(shared[0]) else np.nan,
        Neighbourhood=neighbourhoods,
        ActiveOld="not known",
    )
    if hits is not None:
        words = hits.set_index("Perturbation")["Active"].map({True: "yes", False: "no"})
        table["ActiveOld"] = table[PERTURBATION].map(words).fillna("not known")
    # A treatment of noise points anywhere: what was active comes first.
    table = table.sort_values(
        ["ActiveOld", "Neighbourhood", "Cosine"],
        key=lambda column: column != "yes" if column.name == "ActiveOld" else column,
        kind="stable",
        ignore_index=True,
    )
    found = {
        "features_old": wells[1].shape[1],
        "features_new": wells[2].shape[1],
        "features_shared": len(features[0]),
        "wells": int(treated.sum()),
        "well_cosine": median(cosines),
        "treatments": len(table),
        "treatment_cosine": median(table["Cosine"]),
        "active": int((table["ActiveOld"] == "yes").sum()),
        "active_cosine": median(table.loc[table["ActiveOld"] == "yes", "Cosine"]),
        "structure": structure,
        "moved": not (same_wells and same_treatments),
    }
    return found, table


def _match(
    pair: Pair, variant: Variant, path: Any, keys: list[str]
) -> tuple[tuple[pd.DataFrame, Floats, Floats], bool, tuple[list[int], list[int]]]:
    """Return metadata and profiles of the rows of both, whether the tables are the same, and the shared features."""
    (meta_old, old, names_old), (meta_new, new, names_new) = (
        split_profiles(read_table(path(results, variant))) for results in (pair.old, pair.new)
    )
    left, right = (meta[keys].assign(Row=np.arange(len(meta))) for meta in (meta_old, meta_new))
    rows = left.merge(right, on=keys, suffixes=("Old", "New"))
    before, after = rows["RowOld"].to_numpy(), rows["RowNew"].to_numpy()
    place = {name: number for number, name in enumerate(names_new)}
    shared = [number for number, name in enumerate(names_old) if name in place]
    features = (shared, [place[names_old[number]] for number in shared])
    whole = len(rows) == len(meta_old) == len(meta_new) and names_old == names_new
    same = whole and np.array_equal(old[before], new[after], equal_nan=True)
    return (meta_old.iloc[before].reset_index(drop=True), old[before], new[after]), same, features


def _sentence(name: str, found: dict[str, Any]) -> str:
    if not found["moved"]:
        return f"{name}: {plural(found['wells'], 'well')} and {plural(found['treatments'], 'treatment')}, all the same."
    if not found["treatments"]:
        return f"{name}: no treatment is in both."
    words = f"{name}: similarities of {plural(found['treatments'], 'treatment')} correlate {fixed(found['structure'])}"
    if not found["features_shared"]:
        return f"{words}; no feature is in both, profiles cannot be compared one by one."
    cosines = f"wells {fixed(found['well_cosine'])}, treatments {fixed(found['treatment_cosine'])}"
    if found["active"]:
        cosines += f", the {count(found['active'])} active ones {fixed(found['active_cosine'])}"
    features = f"{count(found['features_shared'])} shared features"
    counts = f"{count(found['features_old'])} and {count(found['features_new'])}"
    return f"{words}; median cosine old to new on {features} (of {counts}): {cosines}."
