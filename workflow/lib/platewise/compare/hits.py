"""Hits of two runs: which perturbations are active and which replicate, as their evaluations stored it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from platewise.columns import PERTURBATION
from platewise.compare.results import Pair, Results, Variant
from platewise.compare.section import Listing, Section, name_few
from platewise.config.evaluation import EvaluationConfig
from platewise.report.numbers import count, plural, significant
from platewise.tables import read_provenance, read_table

_MOVED = ("lost", "gained", "only in OLD", "only in NEW")
_KINDS = {"Active": "active", "Replicates": "replicating"}


def read_hits(results: Results, variant: Variant) -> pd.DataFrame | None:
    """Return what the evaluation of one kind of profiles found of each perturbation.

    Returns
    -------
    hits
        ``Perturbation``, ``Precision`` (replicate mAP), ``QValue``, ``Active`` (q below the ``max_q`` that the scores
        were made with), ``Replicates`` (at one dose at least) and ``Note``; a hit that could not be told is NA. None
        without the table.
    """
    path = results.evaluation(variant, "perturbations")
    if not path.is_file():
        return None
    table = read_table(path)
    stored = read_provenance(path).get("parameters", {})
    max_q = stored.get("max_q", EvaluationConfig().max_q)
    active, replicates = table["QValue"] < max_q, table["Replicating"] > 0
    return pd.DataFrame(
        {
            "Perturbation": table[PERTURBATION],
            "Precision": table["MapReplicate"],
            "QValue": table["QValue"],
            "Active": active.astype("boolean").mask(table["QValue"].isna()),
            "Replicates": replicates.astype("boolean").mask(table["Replicating"].isna()),
            "Note": table["Note"],
        }
    )


def compare_hits(pair: Pair, hits: dict[Variant, tuple[pd.DataFrame | None, pd.DataFrame | None]]) -> Section:
    """Say which hits were gained and lost.

    Parameters
    ----------
    pair
        The runs.
    hits
        Hits of OLD and NEW for each kind of profiles that both have.
    """
    sentences, facts, listings, moved = [], {}, [], []
    for variant, (old, new) in hits.items():
        name = ".".join(variant)
        if old is None or new is None:
            lacking = " and ".join(side for side, hit in (("OLD", old), ("NEW", new)) if hit is None)
            sentences.append(f"{name}: no table of perturbations in {lacking}; run the evaluation again.")
            continue
        facts[name] = {}
        for column, kind in _KINDS.items():
            table = match_hits(old, new, column)
            found = _count(table, column)
            facts[name][kind] = found
            moved += [bool(table["Change"].isin(_MOVED).any())] if found["compared"] else []
            sentences.append(_sentence(name, kind, found, _words(table)))
            listings.append(Listing(f"{name}.{kind}", f"{name}: {kind} perturbations", table))
        sides = {"OLD": old, "NEW": new}
        sentences += [f"{name}: in {side}, {note}." for side, table in sides.items() if (note := _note(table))]
    if not moved:
        sentences.append("No hits could be compared.")
    return Section("hits", "Hits", any(moved) if moved else None, sentences, facts, listings)


def match_hits(old: pd.DataFrame, new: pd.DataFrame, column: str) -> pd.DataFrame:
    """Match the hits of two runs.

    Parameters
    ----------
    old, new
        As of `read_hits`.
    column
        What a hit is: ``Active`` or ``Replicates``; perturbations of which that is not known are left out.

    Returns
    -------
    table
        ``Perturbation``, the hit and, for activity, ``Precision`` and ``QValue`` of both with ``Old`` and ``New``, then
        ``Change``: ``gained``, ``lost``, ``hit in both``, ``hit in neither``, ``only in OLD`` or ``only in NEW``; what
        changed first.
    """
    columns = ["Perturbation", *(["Precision", "QValue"] if column == "Active" else []), column]
    known = [table.loc[table[column].notna(), columns].astype({column: bool}) for table in (old, new)]
    table = known[0].merge(known[1], on="Perturbation", how="outer", suffixes=("Old", "New"), indicator="In")
    before, after = (table[f"{column}{side}"].eq(True).to_numpy() for side in ("Old", "New"))
    both = np.select([before & after, before, after], ["hit in both", "lost", "gained"], "hit in neither")
    inside = table.pop("In").astype(str)
    table["Change"] = np.where(inside == "both", both, inside.map({"left_only": "only in OLD"}).fillna("only in NEW"))
    order = [*_MOVED, "hit in both", "hit in neither"]
    return table.sort_values(
        ["Change", "Perturbation"],
        key=lambda c: c.map(order.index) if c.name == "Change" else c,
        kind="stable",
        ignore_index=True,
    )


def _count(table: pd.DataFrame, column: str) -> dict[str, Any]:
    change = table["Change"]
    found = {"largest_change": _largest_change(table)} if column == "Active" else {}
    return found | {
        "compared": int(change.isin(["gained", "lost", "hit in both", "hit in neither"]).sum()),
        "old": int(table[f"{column}Old"].eq(True).sum()),
        "new": int(table[f"{column}New"].eq(True).sum()),
        "gained": int((change == "gained").sum()),
        "lost": int((change == "lost").sum()),
    }


def _largest_change(table: pd.DataFrame) -> float:
    """Largest change of a replicate mAP: 0 if there is none to compare."""
    change = (table["PrecisionNew"].astype(float) - table["PrecisionOld"].astype(float)).abs()
    return float(np.nan_to_num(change.max()))


def _words(table: pd.DataFrame) -> dict[str, str]:
    return {
        change: name_few(table.loc[table["Change"] == change, "Perturbation"].tolist()) for change in ("gained", "lost")
    }


def _note(table: pd.DataFrame) -> str:
    """Return why no perturbation has an answer of one kind; empty where some have."""
    unknown = table["Active"].isna().all() or table["Replicates"].isna().all()
    return "; ".join(dict.fromkeys(table["Note"])) if unknown else ""


def _sentence(name: str, kind: str, found: dict[str, Any], words: dict[str, str]) -> str:
    if not found["compared"]:
        return f"{name}: no perturbation can be compared for being {kind}."
    start = f"{name}: {count(found['old'])} {kind} in OLD, {count(found['new'])} in NEW"
    start += f" (of {plural(found['compared'], 'perturbation')} in both)"
    changes = [f"{count(found[c])} {c} ({words[c]})" for c in ("gained", "lost") if found[c]]
    start += f"; {' and '.join(changes)}" if changes else "; none gained or lost"
    if found.get("largest_change"):
        start += f"; precision changed by {significant(found['largest_change'], 2)} at most"
    return f"{start}."
