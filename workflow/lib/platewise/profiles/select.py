"""Which features are kept for the whole campaign (level 4b)."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd

from platewise.algorithms import ALGORITHMS
from platewise.columns import feature_columns, metadata_columns
from platewise.config.profiles import SelectConfig
from platewise.errors import DataError
from platewise.profiles.frame import join_profiles, split_profiles
from platewise.tables import read_columns, read_table, read_tables, write_parts, write_table

log = logging.getLogger(__name__)

ReadColumns = Callable[[list[str]], pd.DataFrame]

IMPUTED = "Metadata_ImputedFeatures"
_ALIKE = "correlated with another feature"
# Features judged at a time: of 10,000 wells, 20 MB.
_CHUNK = 250
# More features of a plate say nothing new.
_MOST_NAMES = 5


def run_select_features(
    normalised_paths: Mapping[str, str],
    out: str,
    selection_out: str,
    config: SelectConfig,
    fitted_on: Collection[str] | None = None,
) -> None:
    """Write the chosen features of all plates, and why each feature was kept or dropped.

    One plate is held in memory at a time, or some features of all plates.

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
    fitted_on
        Plates that features are chosen on; all for None.

    Raises
    ------
    DataError
        If no well or no feature is left, or a plate that features were not chosen on lacks too many of them.
    """
    paths = list(normalised_paths.values())
    metadata = read_tables(paths, metadata_columns(read_columns(paths[0])))
    if metadata.empty:
        raise DataError(
            "profiles: no plate has a well left, so that there is nothing to choose features on. "
            "Hint: P/profiles/{features}.wells.dropped.parquet says why each well was left out."
        )
    features = feature_columns(read_columns(paths[0]))
    plates = {plate: partial(read_table, path) for plate, path in normalised_paths.items()}
    fitted = [plate for plate in plates if fitted_on is None or plate in fitted_on]
    selection = choose_features(plates, features, config, fitted)
    facts = {"stage": "profiles", "algorithm": ALGORITHMS["profiles"], "parameters": config.model_dump()}
    facts["fitted_on"] = fitted
    chosen = chosen_features(selection)
    columns = [*metadata.columns, *chosen]
    parts = (apply_selection(read(columns).astype(metadata.dtypes), selection) for read in plates.values())
    empty = pd.DataFrame(columns=chosen, dtype=np.float32)
    like = metadata.assign(**{IMPUTED: np.int32(0)}).join(empty)
    for plate in plates:
        if plate not in fitted:
            check_later_plate(plate, plates[plate](chosen), config)
    write_table(selection, selection_out, facts)
    write_parts(parts, like, out, facts)


def choose_features(
    plates: Mapping[str, ReadColumns],
    features: Sequence[str],
    config: SelectConfig,
    fitted_on: Collection[str] | None = None,
) -> pd.DataFrame:
    """Judge every feature.

    In this order, each on what the steps before left: missing values, a plate that has none, too large values,
    near-zero variance, correlation.

    Parameters
    ----------
    plates
        How to read columns of level 4a, by plate: a function of a list of columns, such as a table's ``__getitem__``.
    features
        The columns to judge.
    config
        The limits.
    fitted_on
        Plates that are looked at; all for None.

    Returns
    -------
    selection
        A row a feature in their order: ``Feature``, ``Kept`` (bool), ``Reason`` (empty when kept), ``Missing`` (wells
        of all plates without a value: of a kept feature they are filled by `apply_selection`).
    """
    fitted = [plate for plate in plates if fitted_on is None or plate in fitted_on]
    reasons: dict[str, str] = {}
    gaps, means = (np.zeros(len(features)) for _ in range(2))
    for start in range(0, len(features), _CHUNK):
        names = list(features[start : start + _CHUNK])
        read = {plate: _values(read_columns(names)) for plate, read_columns in plates.items()}
        gaps[start : start + len(names)] = sum(np.isnan(values).sum(axis=0) for values in read.values())
        looked_at = {plate: read[plate] for plate in fitted}
        stacked = np.concatenate(list(looked_at.values()))
        absent = {
            name: [plate for plate, v in looked_at.items() if len(v) and np.isnan(v[:, at]).all()]
            for at, name in enumerate(names)
        }
        for at, (name, column) in enumerate(zip(names, stacked.T, strict=True)):
            reasons[name] = judge_feature(column, config, absent[name]) if len(column) else ""
            means[start + at] = column[~np.isnan(column)].mean() if not reasons[name] and len(column) else 0.0
    left = [index for index, name in enumerate(features) if not reasons[name]]
    names = [features[index] for index in left]
    matrix = correlations((_values(plates[plate](names)) for plate in fitted), means[left])
    for dropped, kept, value in correlated_features(matrix, config.max_correlation):
        reasons[names[dropped]] = f"{_ALIKE} ({value:.3f} with {names[kept]})"
    return pd.DataFrame(
        {
            "Feature": list(features),
            "Kept": [not reasons[name] for name in features],
            "Reason": [reasons[name] for name in features],
            "Missing": gaps.astype(np.int64),
        }
    )


def judge_feature(values: np.ndarray, config: SelectConfig, absent: Sequence[str] = ()) -> str:
    """Return why a feature is dropped for itself, or an empty string.

    Parameters
    ----------
    values
        Level 4a of all wells that are looked at, ``(wells,)``, one at least.
    config
        The limits.
    absent
        Plates on which no well has a value.
    """
    missing = np.isnan(values).mean()
    if missing > config.max_missing:
        return f"missing in too many wells ({missing:.1%}, limit {config.max_missing:.1%})"
    if absent:
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        # Filled with the controls' centre, a whole plate would seem not to have moved.
        return f"missing on a whole plate ({absent[0]}{more})"
    # A feature that is missing everywhere has no largest value.
    largest = np.max(np.abs(np.nan_to_num(values)))
    if largest > config.max_value:
        return f"too large after normalisation ({largest:.4g}, limit {config.max_value:g})"
    return low_variance(values[~np.isnan(values)], config)


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


def correlations(parts: Iterable[np.ndarray], means: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation of every two columns, ``(features, features)``; missing values count as the mean.

    Parameters
    ----------
    parts
        Rows, part by part, ``(rows, features)``.
    means
        Mean of each column over all parts, missing values left out, ``(features,)``.
    """
    products = np.zeros((len(means), len(means)))
    for values in parts:
        centred = np.nan_to_num(values - means)
        products += centred.T @ centred
    length = np.sqrt(np.diag(products))
    length[length == 0] = 1.0
    products /= length[:, None]
    products /= length
    return products


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
    """Keep the chosen features. What is still missing becomes 0, the controls' centre, and is counted by well."""
    metadata, values, features = split_profiles(table)
    place = {name: index for index, name in enumerate(features)}
    chosen = chosen_features(selection)
    kept = values[:, [place[name] for name in chosen]]
    metadata = metadata.assign(**{IMPUTED: np.isnan(kept).sum(axis=1).astype(np.int32)})
    return join_profiles(metadata, np.nan_to_num(kept), chosen)


def chosen_features(selection: pd.DataFrame) -> list[str]:
    """Return the features that were kept.

    Raises
    ------
    DataError
        If none was.
    """
    chosen = selection.loc[selection["Kept"], "Feature"].tolist()
    if not chosen:
        common = Counter(reason.split(" (")[0] for reason in selection["Reason"])
        found = f"most often: {common.most_common(1)[0][0]}" if common else "there were none"
        raise DataError(
            f"profiles.select: none of {len(selection)} features is left ({found}). "
            "Hint: look at these features in .normalised.parquet, and loosen the limits in profiles.select."
        )
    return chosen


def check_later_plate(plate: str, chosen: pd.DataFrame, config: SelectConfig) -> None:
    """Refuse a plate that came after features were chosen and lacks too many of them.

    Parameters
    ----------
    plate
        Its name.
    chosen
        Level 4a of its wells, the chosen features only.
    config
        ``max_missing`` is also the share of features that may be missing on a whole plate.

    Raises
    ------
    DataError
        If more of them have no value in any of its wells.
    """
    absent = [name for name in chosen if chosen[name].isna().all()] if len(chosen) else []
    if not absent:
        return
    told = f"{', '.join(absent[:_MOST_NAMES])}{', ...' if len(absent) > _MOST_NAMES else ''}"
    if len(absent) > config.max_missing * chosen.shape[1]:
        raise DataError(
            f"plate {plate}: {len(absent)} of {chosen.shape[1]} features that were chosen before it came have no value "
            f"in any of its wells ({told}). Hint: take the plate out of the campaign, or remove the .plates.json "
            "beside the selection and run again: features are then chosen on all plates, which moves all profiles."
        )
    log.warning("plate %s: %s have no value in any well and are set to the controls' centre", plate, told)


def telling_features(selection: pd.DataFrame) -> list[str]:
    """Return the features that tell something: the kept ones, and those left out because another says the same.

    Of two features that say the same, the one that was left out may be the one with a name for it.
    """
    alike = selection["Reason"].str.startswith(_ALIKE)
    return selection.loc[selection["Kept"] | alike, "Feature"].tolist()


def _values(table: pd.DataFrame) -> np.ndarray:
    return table.to_numpy(dtype=np.float64)
