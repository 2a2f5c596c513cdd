"""What moved under each treatment, and what learned features have to do with engineered ones, as the page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from platewise.columns import DOSE, PERTURBATION
from platewise.config.campaign import CLASSICAL
from platewise.explanation.movers import MAX_Q
from platewise.profiles.frame import treatment_keys
from platewise.report.numbers import dose, fixed, is_number, p_value, significant

# More treatments than this are in the tables only.
MOST_TREATMENTS = 300
_LARGEST = 3
_MOST_FEATURES = 20
_WELL_PREDICTED = 0.5


@dataclass(frozen=True)
class MovedRow:
    """A treatment: how many features of each kind moved, in words, and the largest effects."""

    name: str
    dose: str
    wells: int
    moved: list[str]
    words: str
    largest: list[str]
    note: str


@dataclass(frozen=True)
class Predicted:
    """How well engineered features predict those of one embedding."""

    name: str
    sentence: str
    rows: list[tuple[str, str, str]]


def moved_rows(treatments: Mapping[str, pd.DataFrame], movers: Mapping[str, pd.DataFrame]) -> list[MovedRow]:
    """Return a row a treatment, those under which most moved first.

    Parameters
    ----------
    treatments, movers
        Kind of features to its tables.
    """
    keyed = {kind: table.set_index(treatment_keys(table)) for kind, table in treatments.items()}
    largest = {kind: _largest(table) for kind, table in movers.items()}
    total: dict[tuple[str, float], int] = {}
    for table in keyed.values():
        for key, count in table["Moved"].items():
            total[key] = total.get(key, 0) + int(count)
    rows = []
    for key in sorted(total, key=lambda key: (-total[key], key))[:MOST_TREATMENTS]:
        found = {kind: table.loc[key] for kind, table in keyed.items() if key in table.index}
        first = next(iter(found.values()))
        classical = found.get(CLASSICAL)
        rows.append(
            MovedRow(
                name=str(first[PERTURBATION]),
                dose=dose(first[DOSE]) if is_number(first[DOSE]) else "",
                wells=int(first["Wells"]),
                moved=[
                    f"{int(found[kind]['Moved']):,} of {int(found[kind]['Tested']):,}" if kind in found else "no wells"
                    for kind in keyed
                ],
                words=_words(classical),
                largest=[text for kind in keyed for text in largest.get(kind, {}).get(key, [])],
                note=str(first["Note"] or ""),
            )
        )
    return rows


def predicted_features(tables: Mapping[str, pd.DataFrame]) -> list[Predicted]:
    """Return for each embedding how many of its features are predicted, and from what those that are best."""
    found = []
    for name, table in tables.items():
        known = table[np.isfinite(table["R2"].to_numpy(float))]
        if known.empty:
            reason = next((note for note in table["Note"] if note), "no feature varies")
            found.append(Predicted(name, f"Not computed: {reason}.", []))
            continue
        well = int((known["R2"] > _WELL_PREDICTED).sum())
        sentence = (
            f"Of {len(known):,} features {well:,} are predicted with an R² above {_WELL_PREDICTED:g} (median "
            f"{fixed(float(known['R2'].median()), 2)}): by a ridge regression on the engineered features, in wells of "
            "perturbations that it was not fitted on (the network may have seen them). What is not predicted is not in "
            "the engineered features, not in a straight line, or noise."
        )
        best = known.sort_values(["R2", "Feature"], ascending=[False, True]).head(_MOST_FEATURES)
        rows = [
            (row["Feature"], fixed(row["R2"], 2), _alike(row["Alike"], row["Correlation"]))
            for row in best.to_dict("records")
        ]
        found.append(Predicted(name, sentence, rows))
    return found


def _words(classical: pd.Series | None) -> str:
    if classical is None or not classical["Moved"]:
        return "nothing that is sure"
    return str(classical["Words"] or "") or "features that have no words here"


def _largest(movers: pd.DataFrame) -> dict[tuple[str, float], list[str]]:
    """Return the largest effects of each treatment that are sure."""
    sure = movers[movers["QValue"] < MAX_Q]
    top = sure.iloc[sure["Effect"].abs().argsort(kind="stable")[::-1]].copy()
    top["Key"] = list(treatment_keys(top))
    return {
        key: [
            f"{row['Feature']} {'+' if row['Effect'] > 0 else '−'}{significant(abs(row['Effect']), 2)} "
            f"({p_value(row['QValue']).replace('p', 'q', 1)})"
            for row in rows.head(_LARGEST).to_dict("records")
        ]
        for key, rows in top.groupby("Key", sort=False)
    }


def _alike(names: str, correlations: str) -> str:
    pairs = zip(names.split("|"), correlations.split("|"), strict=True)
    return ", ".join(f"{name} ({value})" for name, value in pairs if name)
