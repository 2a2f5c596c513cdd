"""What learned features have to do with engineered ones: how well a linear model predicts each, and from what."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from platewise.algorithms import ALGORITHMS
from platewise.columns import PERTURBATION, PLATE, WELL
from platewise.profiles.frame import split_profiles
from platewise.profiles.select import telling_features
from platewise.tables import read_table, read_tables, write_table

PREDICTION_COLUMNS = ["Feature", "R2", "Alike", "Correlation", "Wells", "Note"]
# Engineered features that are named for each learned one.
MOST_ALIKE = 5
_FOLDS = 5
_PENALTIES = np.logspace(-1, 5, 13)


def run_explain_features(
    learned_paths: Sequence[str],
    engineered_paths: Sequence[str],
    engineered_selection: str,
    out: str,
) -> None:
    """Write what engineered features say of learned ones.

    Parameters
    ----------
    learned_paths, engineered_paths
        ``{features}.normalised.parquet`` of every plate (level 4a) of a learned and of the engineered kind.
    engineered_selection
        ``classical.selection.parquet``: features that tell nothing do not predict.
    out
        ``C/explanation/{model}.predicted.parquet``.
    """
    engineered = telling_features(read_table(engineered_selection))
    table = predict_features(read_tables(learned_paths), read_tables(engineered_paths), engineered)
    write_table(table, out, {"stage": "explanation", "algorithm": ALGORITHMS["explanation"]})


def predict_features(learned: pd.DataFrame, engineered: pd.DataFrame, predictors: Sequence[str]) -> pd.DataFrame:
    """Predict each learned feature of a well from its engineered ones.

    Ridge regression on standardised features; the penalty is chosen within each training part by leave-one-out. R2 is
    that of wells whose perturbation the regression was not fitted on (five parts): 1 - squared error over the variance
    around the mean of the wells learned from. A feature below 0 is predicted worse than by that mean.

    Parameters
    ----------
    learned, engineered
        Level 4a of all plates; wells that only one of them has are left out.
    predictors
        Engineered features to use; missing values count as the controls' centre.

    Returns
    -------
    table
        A row a learned feature: ``Feature``, ``R2``, ``Alike`` and ``Correlation`` (the engineered features that
        correlate most with it, and Pearson's correlations, joined by ``|``), ``Wells``, ``Note`` (why there is no R2).
    """
    metadata, values, names = split_profiles(learned)
    own = pd.MultiIndex.from_frame(metadata[[PLATE, WELL]])
    other = pd.MultiIndex.from_frame(engineered[[PLATE, WELL]])
    at = other.get_indexer(own)
    both = at >= 0
    targets = np.nan_to_num(values[both])
    inputs = np.nan_to_num(engineered[list(predictors)].to_numpy(dtype=np.float64)[at[both]])
    groups = metadata.loc[both, PERTURBATION].to_numpy(dtype=str)
    correlations = _correlations(targets, inputs)
    closest = np.argsort(-np.abs(correlations), axis=1, kind="stable")[:, :MOST_ALIKE]
    note = ""
    if len(np.unique(groups)) < _FOLDS or len(predictors) == 0:
        note = f"fewer than {_FOLDS} perturbations, or no engineered feature: nothing to learn from and to test on"
    r2 = np.full(len(names), np.nan) if note else _held_out_r2(inputs, targets, groups)
    return pd.DataFrame(
        {
            "Feature": names,
            "R2": r2,
            "Alike": ["|".join(predictors[index] for index in row) for row in closest],
            "Correlation": [
                "|".join(f"{value:.2f}" for value in row[order])
                for row, order in zip(correlations, closest, strict=True)
            ],
            "Wells": len(targets),
            "Note": note,
        }
    )


def _held_out_r2(inputs: np.ndarray, targets: np.ndarray, groups: np.ndarray) -> np.ndarray:
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import GroupKFold
    from sklearn.preprocessing import StandardScaler

    error, spread = np.zeros(targets.shape[1]), np.zeros(targets.shape[1])
    for train, test in GroupKFold(_FOLDS).split(inputs, groups=groups):
        scaler = StandardScaler().fit(inputs[train])
        centre = targets[train].mean(axis=0)
        model = RidgeCV(_PENALTIES, alpha_per_target=True).fit(scaler.transform(inputs[train]), targets[train] - centre)
        predicted = model.predict(scaler.transform(inputs[test])).reshape(len(test), -1) + centre
        error += ((targets[test] - predicted) ** 2).sum(axis=0)
        spread += ((targets[test] - centre) ** 2).sum(axis=0)
    # A feature that never changes has nothing to predict.
    return np.where(spread > 0, 1 - error / np.where(spread > 0, spread, 1), np.nan)


def _correlations(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation of every column of one with every column of the other; 0 for constant ones."""
    scaled = []
    for values in (first, second):
        centred = values - values.mean(axis=0) if len(values) else values
        length = np.sqrt((centred**2).sum(axis=0))
        scaled.append(centred / np.where(length > 0, length, 1))
    return scaled[0].T @ scaled[1]
