"""Which features are kept for the whole campaign (level 4b)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from platewise.algorithms import ALGORITHMS
from platewise.config.profiles import SelectConfig
from platewise.errors import DataError
from platewise.profiles.frame import join_profiles, split_profiles
from platewise.tables import read_tables, write_table

IMPUTED = "Metadata_ImputedFeatures"
_ALIKE = "correlated with another feature"


def run_select_features(normalised_paths: Sequence[str], out: str, selection_out: str, config: SelectConfig) -> None:
    """Write the chosen features of all plates, and why each feature was kept or dropped.

    Parameters
    ----------
    normalised_paths
        ``{features}.normalised.parquet`` of every plate (level 4a), stacked in this order.
    out
        ``{features}.selected.parquet``: every row of the inputs.
    selection_out
        ``{features}.selection.parquet``: ``Feature``, ``Kept``, ``Reason``, ``Missing``.
    config
        Section ``profiles.select``.
    """
    table = read_tables(normalised_paths)
    selection = choose_features(table, config)
    facts = {"stage": "profiles", "algorithm": ALGORITHMS["profiles"], "parameters": config.model_dump()}
    write_table(selection, selection_out, facts)
    write_table(apply_selection(table, selection), out, facts)


def choose_features(table: pd.DataFrame, config: SelectConfig) -> pd.DataFrame:
    """Judge every feature.

    In this order, each on what the steps before left: missing values, too large values, near-zero variance,
    correlation.

    Parameters
    ----------
    table
        Level 4a of all plates.
    config
        The limits.

    Returns
    -------
    selection
        A row a feature in their order: ``Feature``, ``Kept`` (bool), ``Reason`` (empty when kept), ``Missing`` (wells
        without a value: of a kept feature they are filled by `apply_selection`).
    """
    _, values, features = split_profiles(table)
    reasons = dict.fromkeys(features, "")
    gaps = np.isnan(values).sum(axis=0)
    if len(values) == 0:
        return _selection(reasons, gaps)
    missing = gaps / len(values)
    # A feature that is missing everywhere has no largest value.
    largest = np.max(np.abs(np.nan_to_num(values)), axis=0)
    for name, share, top, column in zip(features, missing, largest, values.T, strict=True):
        if share > config.max_missing:
            reasons[name] = f"missing in too many wells ({share:.1%}, limit {config.max_missing:.1%})"
        elif top > config.max_value:
            reasons[name] = f"too large after normalisation ({top:.4g}, limit {config.max_value:g})"
        else:
            reasons[name] = low_variance(column[~np.isnan(column)], config)
    left = [index for index, name in enumerate(features) if not reasons[name]]
    matrix = correlations(values[:, left])
    for dropped, kept, value in correlated_features(matrix, config.max_correlation):
        reasons[features[left[dropped]]] = f"{_ALIKE} ({value:.3f} with {features[left[kept]]})"
    return _selection(reasons, gaps)


def low_variance(values: np.ndarray, config: SelectConfig) -> str:
    """Return why a feature is as good as constant, or an empty string.

    The rule on frequencies is that of ``nearZeroVar`` in R's caret: the second most frequent value is rare beside the
    most frequent one, and few values are distinct.
    """
    variance = float(values.var()) if len(values) else 0.0
    if variance <= config.min_variance:
        return f"near-zero variance ({variance:.2g})"
    distinct, counts = np.unique(values, return_counts=True)
    counts = np.sort(counts)[::-1]
    if counts[1] / counts[0] < config.frequency_cut and len(distinct) / len(values) < config.unique_cut:
        return f"near-zero variance (one value in {counts[0] / len(values):.1%} of wells)"
    return ""


def correlations(values: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation of every two columns, ``(features, features)``; missing values count as the mean."""
    centred = values - np.nanmean(values, axis=0) if len(values) else values
    centred = np.nan_to_num(centred)
    length = np.sqrt((centred**2).sum(axis=0))
    length[length == 0] = 1.0
    scaled = centred / length
    return scaled.T @ scaled


def correlated_features(matrix: np.ndarray, limit: float) -> list[tuple[int, int, float]]:
    """Choose which features to drop so that no two that are left correlate above ``limit``.

    Features are taken in the order of the sum of their absolute correlations, smallest first, and each is kept unless
    it correlates above the limit with one already kept. (pycytominer drops the later one of every pair in the same
    order, also when the earlier one is dropped itself: this keeps more and leaves no pair either.)

    Parameters
    ----------
    matrix
        Correlations, ``(features, features)``. Negative ones count by their size.
    limit
        Largest correlation allowed.

    Returns
    -------
    dropped
        (feature dropped, kept feature it correlates with most, their correlation), by feature.
    """
    size = np.abs(matrix)
    kept: list[int] = []
    dropped = []
    for index in np.argsort(size.sum(axis=0), kind="stable"):
        close = size[index, kept]
        if len(kept) and close.max() > limit:
            partner = kept[int(close.argmax())]
            dropped.append((int(index), partner, float(matrix[index, partner])))
        else:
            kept.append(int(index))
    return sorted(dropped)


def apply_selection(table: pd.DataFrame, selection: pd.DataFrame) -> pd.DataFrame:
    """Keep the chosen features. What is still missing becomes 0, the controls' centre, and is counted for every well.

    Raises
    ------
    DataError
        If no feature is left.
    """
    metadata, values, features = split_profiles(table)
    chosen = selection.loc[selection["Kept"], "Feature"].tolist()
    if not chosen:
        common = selection["Reason"].str.split("(").str[0].value_counts()
        found = f"most often: {common.index[0].strip()}" if len(common) else "there were none"
        raise DataError(
            f"profiles.select: none of {len(features)} features is left ({found}). "
            "Hint: look at the reasons in .selection.parquet and loosen the limits in profiles.select."
        )
    place = {name: index for index, name in enumerate(features)}
    kept = values[:, [place[name] for name in chosen]]
    metadata = metadata.assign(**{IMPUTED: np.isnan(kept).sum(axis=1).astype(np.int32)})
    return join_profiles(metadata, np.nan_to_num(kept), chosen)


def telling_features(selection: pd.DataFrame) -> list[str]:
    """Return the features that tell something: the kept ones, and those left out because another says the same.

    Of two features that say the same, the one that was left out may be the one with a name for it.
    """
    alike = selection["Reason"].str.startswith(_ALIKE)
    return selection.loc[selection["Kept"] | alike, "Feature"].tolist()


def _selection(reasons: dict[str, str], gaps: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Feature": list(reasons),
            "Kept": [not reason for reason in reasons.values()],
            "Reason": list(reasons.values()),
            "Missing": gaps.astype(np.int64),
        }
    )
