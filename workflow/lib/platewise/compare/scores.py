"""Every score of two runs beside each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from platewise.compare.results import Pair, Results
from platewise.compare.section import Listing, Section
from platewise.config.report import ReportConfig
from platewise.report.headline import judge
from platewise.report.metrics import Metric, baseline_words, batch_metric, score_metric
from platewise.report.numbers import is_number, plural
from platewise.report.scores import describe_change, score_groups
from platewise.tables import read_tables

_KEYS = {"scores": ["Features", "Correction", "Metric", "Baseline"], "batches": ["Features", "Correction", "Metric"]}
_NUMBERS = ["Value", "Low", "High"]
_TITLES = {"scores": "Scores", "batches": "Batch metrics"}
_WORDS: dict[str, Callable[[str], Metric]] = {"scores": score_metric, "batches": batch_metric}


def compare_scores(pair: Pair) -> Section:
    """Compare all rows of the scores and batches tables, and what the report concludes from them."""
    sentences, facts, listings, moved = [], {}, [], []
    for kind in _KEYS:
        old, new = (_read(results, kind) for results in (pair.old, pair.new))
        lacking = [side for side, table in (("OLD", old), ("NEW", new)) if table is None]
        if old is None or new is None:
            sentences.append(f"No {_TITLES[kind].lower()} in {' and '.join(lacking)}.")
            continue
        table = match_scores(old, new, kind)
        found = _count(table)
        facts[kind] = found
        both = found["rows"] - found.get("only in OLD", 0) - found.get("only in NEW", 0)
        moved += [found["the same"] != both] if both else []
        sentences.append(_sentence(kind, found))
        listings.append(Listing(kind, f"{_TITLES[kind]}, old and new", table))
        changed = table[table["Change"].isin(["worse", "better", "no longer computed", "now computed"])]
        if kind == "scores":
            changed = changed[changed["Baseline"] == ""]
        shown = changed[["Metric", "Features", "Correction", "Old", "New", "Change"]].reset_index(drop=True)
        listings.append(Listing(f"{kind}_changed", f"{_TITLES[kind]} that clearly changed", shown, 6))
        if kind == "scores":
            verdicts = compare_verdicts(pair, old, new)
            facts["verdicts_changed"] = int((verdicts["Old"] != verdicts["New"]).sum())
            sentences += _verdict_sentences(verdicts)
            listings.append(Listing("verdicts", "Do profiles bring perturbations of one mechanism together?", verdicts))
    if not moved:
        sentences.append("No scores could be compared.")
    return Section("scores", "Scores", any(moved) if moved else None, sentences, facts, listings)


def match_scores(old: pd.DataFrame, new: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Match the rows of two scores or batches tables.

    Parameters
    ----------
    old, new
        Tables of the workflow.
    kind
        ``scores`` or ``batches``.

    Returns
    -------
    table
        Features, correction, metric (in words), baseline (scores only), ``Old``, ``New``, ``Difference``,
        ``IntervalOld``, ``IntervalNew``, ``Overlap`` (``yes``, ``no`` or empty) and ``Change``. A change is ``better``
        or ``worse`` where the 95 % intervals part, else ``no clear change``; that of a baseline is ``higher`` or
        ``lower``. Without intervals nothing is claimed. Both runs score the same wells, so that intervals overlap
        sooner than they would had a real change been tested for.
    """
    keys = _KEYS[kind]
    table = old.merge(new, on=keys, how="outer", suffixes=("Old", "New"), indicator="In", sort=False)
    # The order of the tables, which is that of the report; rows of NEW only come last.
    place = {key: number for number, key in enumerate(old[keys].itertuples(index=False, name=None))}
    table["Place"] = [place.get(key, len(place)) for key in table[keys].itertuples(index=False, name=None)]
    table = table.sort_values("Place", kind="stable", ignore_index=True)
    rows = [_row(row, kind) for row in table.to_dict("records")]
    columns = ["Features", "Correction", "Metric", *(["Baseline"] if kind == "scores" else [])]
    columns += ["Old", "New", "Difference", "IntervalOld", "IntervalNew", "Overlap", "Change", "Note"]
    return pd.DataFrame(rows, columns=columns)


def _row(row: dict[str, Any], kind: str) -> dict[str, Any]:
    words = _WORDS[kind](row["Metric"])
    sides = [{name: row[f"{name}{side}"] for name in _NUMBERS} for side in ("Old", "New")]
    notes = [row.get(f"Note{side}") for side in ("New", "Old")]
    baseline = row.get("Baseline", "")
    better = "higher"
    if kind == "batches":
        better = row["BetterNew"] if isinstance(row["BetterNew"], str) else row["BetterOld"]
    bounds = [_interval(side) for side in sides]
    overlap = "" if "" in bounds else ("yes" if _overlap(*sides) else "no")
    return {
        "Features": row["Features"],
        "Correction": row["Correction"],
        "Metric": words.label,
        "Baseline": baseline_words(baseline) if baseline else "",
        "Old": sides[0]["Value"],
        "New": sides[1]["Value"],
        "Difference": sides[1]["Value"] - sides[0]["Value"],
        "IntervalOld": bounds[0],
        "IntervalNew": bounds[1],
        "Overlap": overlap,
        "Change": _change(*sides, better, bool(baseline), str(row["In"])),
        "Note": next((note for note in notes if isinstance(note, str) and note), ""),
    }


def _change(old: dict[str, float], new: dict[str, float], better: str, baseline: bool, inside: str) -> str:
    if inside != "both":
        return "only in OLD" if inside == "left_only" else "only in NEW"
    known = [is_number(side["Value"]) for side in (old, new)]
    if not all(known):
        return {(True, False): "no longer computed", (False, True): "now computed"}.get(tuple(known), "the same")
    if all(old[name] == new[name] or (np.isnan(old[name]) and np.isnan(new[name])) for name in _NUMBERS):
        return "the same"
    if not _interval(old) or not _interval(new):
        return "no interval to judge by"
    found = describe_change(new, old, better)
    return {"better": "higher", "worse": "lower"}.get(found, found) if baseline else found


def _overlap(old: dict[str, float], new: dict[str, float]) -> bool:
    return old["Low"] <= new["High"] and new["Low"] <= old["High"]


def _interval(side: dict[str, float]) -> str:
    if not (is_number(side["Low"]) and is_number(side["High"])):
        return ""
    return f"{side['Low']:.3g} to {side['High']:.3g}"


def compare_verdicts(pair: Pair, old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Return the report's answer of each kind of profiles in both runs: ``Features``, ``Correction``, ``Old``, ``New``.

    The answer is that of the first of the report's default headline metrics that could be computed.
    """
    metrics = ReportConfig().headline_metrics
    rows = []
    for variant in pair.shared("variants"):
        answers = []
        for scores in (old, new):
            mine = scores[(scores["Features"] == variant[0]) & (scores["Correction"] == variant[1])]
            verdict = judge(score_groups(mine, variant), metrics)
            answers.append(f"{verdict.state}: {verdict.limit}" if verdict.limit else verdict.state)
        rows.append([*variant, *answers])
    return pd.DataFrame(rows, columns=["Features", "Correction", "Old", "New"])


def _verdict_sentences(verdicts: pd.DataFrame) -> list[str]:
    question = "Whether profiles bring perturbations of one mechanism together"
    changed = verdicts[verdicts["Old"] != verdicts["New"]].to_dict("records")
    if changed:
        return [
            f"{question}, {row['Features']}.{row['Correction']}: {row['Old']} in OLD, {row['New']} in NEW."
            for row in changed
        ]
    return [f"{question} has the same answer in both."] if len(verdicts) else []


def _read(results: Results, kind: str) -> pd.DataFrame | None:
    paths = [path for variant in results.variants if (path := results.evaluation(variant, kind)).is_file()]
    if not paths:
        return None
    table = read_tables(paths)
    words = [name for name in ("Baseline", "Note") if name in table]
    table = table.assign(**{name: table[name].fillna("").astype(str) for name in words})
    # The batches tables of all corrections repeat the uncorrected profiles.
    return table.drop_duplicates(_KEYS[kind], ignore_index=True)


def _count(table: pd.DataFrame) -> dict[str, int]:
    counts = {str(name): int(number) for name, number in table["Change"].value_counts().items()}
    return {"rows": len(table), "the same": 0, "better": 0, "worse": 0} | counts


def _sentence(kind: str, found: dict[str, int]) -> str:
    rows = plural(found["rows"], "row")
    if found["rows"] == found["the same"]:
        return f"{_TITLES[kind]}: {rows}, all the same."
    others = {name: number for name, number in found.items() if name not in ("rows",) and number}
    return f"{_TITLES[kind]}: {rows}; {', '.join(f'{number} {name}' for name, number in others.items())}."
