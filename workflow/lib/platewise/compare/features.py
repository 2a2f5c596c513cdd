"""How features moved, well by well: level 3, before normalisation and selection. Cells are never paired up."""

from __future__ import annotations

import json
import warnings

import numpy as np
import numpy.typing as npt
import pandas as pd

from platewise.columns import CONTROL_TYPE, NEGCON, PLATE, WELL, feature_columns, split_statistic
from platewise.compare.results import Pair, Results
from platewise.compare.section import Listing, Section, median, name_few
from platewise.report.numbers import count, fixed, percent, plural, significant
from platewise.tables import read_columns, read_table

Floats = npt.NDArray[np.float64]

# Features read at a time: of 10,000 wells, 8 MB a run.
_CHUNK = 100
# A feature below this ranks the wells otherwise than before.
_LOW = 0.9
# The median absolute deviation of normally distributed values, times this, is their standard deviation.
_NORMAL = 1.4826


def compare_features(pair: Pair) -> Section:
    """Compare every kind of features that both runs have."""
    sentences: list[str] = []
    facts, listings, moved = {}, [], []
    for features in pair.shared("features"):
        plates = [p for p in pair.plates if all(r.wells(p, features).is_file() for r in (pair.old, pair.new))]
        if not plates:
            sentences.append(f"{features}: no plate has well profiles in both.")
            continue
        old, new = (_feature_names(results, plates, features) for results in (pair.old, pair.new))
        shared = [name for name in old if name in set(new)]
        table, wells, controls = _compare_wells(pair, plates, features, shared)
        added, removed = [n for n in new if n not in set(old)], [n for n in old if n not in set(new)]
        found = summarise(table) | {"wells": wells, "added": len(added), "removed": len(removed)}
        facts[features] = found
        moved.append(bool(found["features"] - found["identical"] or added or removed))
        sentences += _sentences(features, found, added, removed, controls)
        if _other_weights(pair, features):
            sentences.append(
                f"{features}: the network has other weights, so that its features cannot be compared one by one; the "
                "profiles below can."
            )
        listings += [
            Listing(f"{features}_moved", f"{features}: features, those that moved most first", table),
            Listing(f"{features}_groups", f"{features}: feature groups", group_features(table)),
        ]
        if added or removed:
            rows = [[name, "NEW"] for name in added] + [[name, "OLD"] for name in removed]
            only = pd.DataFrame(rows, columns=["Feature", "Only"])
            listings.append(Listing(f"{features}_only", f"{features}: features of one run only", only))
        most = table[~table["Identical"]].head(5)[["Feature", "Correlation", "Shift", "Movement"]]
        listings.append(Listing(f"{features}_brief", f"{features}: moved most", most.reset_index(drop=True), 5))
    if not moved:
        sentences.append("No features could be compared: well profiles are missing.")
    return Section("features", "Features", any(moved) if moved else None, sentences, facts, listings)


def measure_movement(old: Floats, new: Floats, spread: Floats) -> pd.DataFrame:
    """Compare features across wells.

    Parameters
    ----------
    old, new
        ``(wells, features)``; the same wells and features. Wells where one of them is not finite are left out.
    spread
        Spread of each feature between old controls, ``(features,)``, in the unit of the feature.

    Returns
    -------
    table
        A row a feature: ``Correlation`` (Pearson, across wells; 1 if nothing differs, NaN if one run is constant),
        ``Shift`` (median of new - old) and ``Movement`` (median of abs(new - old)), both in units of ``spread``,
        ``Wells`` (compared), ``Lost`` and ``Gained`` (wells with a value in only one), ``Identical``.
    """
    known_old, known_new = np.isfinite(old), np.isfinite(new)
    both = known_old & known_new
    difference = np.where(both, new - np.where(both, old, 0), np.nan)
    lost, gained = (known_old & ~known_new).sum(axis=0), (known_new & ~known_old).sum(axis=0)
    identical = (np.nan_to_num(difference) == 0).all(axis=0) & (lost == 0) & (gained == 0)
    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a feature without any value
        shift, movement = np.nanmedian(difference, axis=0), np.nanmedian(np.abs(difference), axis=0)
        still = movement == 0
        shift, movement = (
            np.where(still, 0.0, value / np.where(spread > 0, spread, np.nan)) for value in (shift, movement)
        )
    return pd.DataFrame(
        {
            "Correlation": np.where(identical & both.any(axis=0), 1.0, _correlate(old, new, both)),
            "Shift": shift,
            "Movement": movement,
            "Wells": both.sum(axis=0),
            "Lost": lost,
            "Gained": gained,
            "Identical": identical,
        }
    )


def control_spread(values: Floats, plates: npt.NDArray[np.object_], controls: npt.NDArray[np.bool_]) -> Floats:
    """Return how far controls lie from the median of their plate's: 1.4826 times the MAD, ``(features,)``.

    Parameters
    ----------
    values
        ``(wells, features)``.
    plates, controls
        Plate of each well and whether it is a negative control, ``(wells,)``. Without any, all wells count.
    """
    chosen = controls if controls.any() else np.ones(len(controls), dtype=bool)
    values, plates = np.where(np.isfinite(values), values, np.nan)[chosen], plates[chosen]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a feature without any value
        apart = [values[plates == p] - np.nanmedian(values[plates == p], axis=0) for p in dict.fromkeys(plates)]
        return _NORMAL * np.nanmedian(np.abs(np.concatenate(apart)), axis=0)


def summarise(table: pd.DataFrame) -> dict[str, float]:
    """Return the figures of a table of features."""
    return {
        "features": len(table),
        "identical": int(table["Identical"].sum()),
        "median_correlation": median(table["Correlation"]),
        "low_correlation": int((table["Correlation"] < _LOW).sum()),
        "median_movement": median(table["Movement"]),
    }


def group_features(table: pd.DataFrame) -> pd.DataFrame:
    """Return the figures of each feature group, the most moved first."""
    rows = []
    for group, mine in table.groupby("Group", sort=True):
        found = summarise(mine)
        rows.append(
            {
                "Group": group,
                "Features": found["features"],
                "Identical": found["identical"],
                "MedianCorrelation": found["median_correlation"],
                "LowestCorrelation": mine["Correlation"].min(),
                "MedianMovement": found["median_movement"],
                "MostMoved": mine["Feature"].iloc[0],
            }
        )
    return pd.DataFrame(rows).sort_values("MedianCorrelation", kind="stable", ignore_index=True)


def feature_group(name: str) -> str:
    """Return a feature's group: ``Nuclei_AreaShape_Area`` is of ``Nuclei AreaShape``, ``Deep_012`` of ``Deep``.

    A statistic of cells other than median and mean is a group of its own: ``Nuclei AreaShape MAD``, ``Deep Q10``.
    """
    measured, statistic = split_statistic(name)
    parts = measured.split("_")
    return " ".join([*parts[: 1 if len(parts) < 3 else 2], *([statistic] if statistic else [])])


def _correlate(old: Floats, new: Floats, both: npt.NDArray[np.bool_]) -> Floats:
    count = np.maximum(both.sum(axis=0), 1)
    old, new = (np.where(both, values, 0) for values in (old, new))
    old, new = (np.where(both, values - values.sum(axis=0) / count, 0) for values in (old, new))
    with np.errstate(divide="ignore", invalid="ignore"):
        # Scaled first: the squares of large values must not overflow, nor those of small ones vanish.
        old, new = (values / np.abs(values).max(axis=0, initial=0) for values in (old, new))
        correlation = (old * new).sum(axis=0) / np.sqrt((old**2).sum(axis=0) * (new**2).sum(axis=0))
    return np.clip(correlation, -1, 1)


def _feature_names(results: Results, plates: list[str], features: str) -> list[str]:
    """Features that every plate has: a run that goes on has plates of both kinds."""
    names = [feature_columns(read_columns(results.wells(plate, features))) for plate in plates]
    everywhere = set(names[0]).intersection(*map(set, names))
    return [name for name in names[0] if name in everywhere]


def _compare_wells(pair: Pair, plates: list[str], features: str, names: list[str]) -> tuple[pd.DataFrame, int, bool]:
    """Return the table of features, the number of wells, and whether there are negative controls."""
    keys = [_read(results, plates, features, [PLATE, WELL, CONTROL_TYPE]) for results in (pair.old, pair.new)]
    old, new = (table.assign(Row=np.arange(len(table))) for table in keys)
    wells = old.merge(new, on=[PLATE, WELL], suffixes=("Old", "New"))
    rows_old, rows_new = wells["RowOld"].to_numpy(), wells["RowNew"].to_numpy()
    controls = (keys[0][CONTROL_TYPE] == NEGCON).to_numpy()
    parts = [pd.DataFrame()]
    for start in range(0, len(names), _CHUNK):
        chunk = names[start : start + _CHUNK]
        before, after = (
            _read(results, plates, features, chunk).to_numpy(dtype=np.float64) for results in (pair.old, pair.new)
        )
        spread = control_spread(before, keys[0][PLATE].to_numpy(dtype=object), controls)
        table = measure_movement(before[rows_old], after[rows_new], spread)
        table.insert(0, "Feature", chunk)
        table.insert(1, "Group", [feature_group(name) for name in chunk])
        parts.append(table)
    table = pd.concat(parts[1:] or parts, ignore_index=True)
    if len(table):
        # What ranks wells otherwise matters most; a shift that all wells share is taken out by normalisation.
        # A feature that one run lacks altogether comes first, one that a run has constant last.
        gone = (table["Wells"] == 0) & (table["Lost"] + table["Gained"] > 0)
        correlation = table["Correlation"].mask(gone, -2).fillna(2)
        order = np.lexsort([table["Feature"], -table["Movement"].fillna(0), correlation])
        table = table.iloc[order].reset_index(drop=True)
    return table, len(wells), bool(controls.any())


def _read(results: Results, plates: list[str], features: str, columns: list[str]) -> pd.DataFrame:
    return pd.concat([read_table(results.wells(plate, features), columns) for plate in plates], ignore_index=True)


def _other_weights(pair: Pair, features: str) -> bool:
    models = [results.folder / "campaign" / "embedding" / features / "model.json" for results in (pair.old, pair.new)]
    if not all(path.is_file() for path in models):
        return False
    weights = [json.loads(path.read_text(encoding="utf-8")).get("weights_sha256") for path in models]
    return weights[0] != weights[1]


def _sentences(
    features: str, found: dict[str, float], added: list[str], removed: list[str], controls: bool
) -> list[str]:
    total, same = found["features"], found["identical"]
    words = f"{features}: {count(total)} features of {plural(found['wells'], 'well')}"
    if total and same == total:
        sentences = [f"{words}, every value the same."]
    elif not total or not found["wells"]:
        sentences = [f"{words} in both: nothing to compare."]
    else:
        unit = "the old controls' spread" if controls else "the old wells' spread (there are no negative controls)"
        correlation = found["median_correlation"]
        sentences = [
            f"{words}, {count(same)} of them the same ({percent(same / total)}); correlation across wells "
            f"{fixed(correlation)} in the median, below {_LOW} for {count(found['low_correlation'])}; moved by "
            f"{significant(found['median_movement'], 2)} of {unit} in the median."
        ]
    if added:
        sentences.append(f"{features}: {plural(len(added), 'feature')} added: {name_few(added, 3)}.")
    if removed:
        sentences.append(f"{features}: {plural(len(removed), 'feature')} removed: {name_few(removed, 3)}.")
    return sentences
