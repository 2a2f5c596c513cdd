"""Hits of two runs: which perturbations are active and which treatments replicate, as the evaluation counts them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from platewise.columns import DOSE, PERTURBATION, PLATE
from platewise.compare.results import Pair, Results, Variant
from platewise.compare.section import Listing, Section, name_few
from platewise.config.evaluation import EvaluationConfig
from platewise.evaluation.inference import benjamini_hochberg
from platewise.evaluation.items import CannotScoreError
from platewise.evaluation.precision import PrecisionNull, mean_precision, precision_p_values, replicate_precision
from platewise.evaluation.replicating import percent_replicating
from platewise.evaluation.similarity import Cosine, Pearson
from platewise.profiles.frame import is_negcon, split_profiles, treatment_codes
from platewise.report.numbers import count, dose, plural, significant
from platewise.tables import read_provenance, read_table

_SETTINGS = ("null_size", "max_q", "seed")
_MOVED = ("lost", "gained", "only in OLD", "only in NEW")
_KINDS = {"active": "Active", "replicating": "Replicates"}


@dataclass(frozen=True)
class Hits:
    """What a run found.

    Attributes
    ----------
    active
        A row a perturbation: ``Perturbation``, ``Precision`` (replicate mAP), ``QValue``, ``Active``.
    replicating
        A row a treatment that has replicates: ``Perturbation``, ``Dose``, ``Replicates``.
    note
        Why one of them is empty, in words.
    """

    active: pd.DataFrame
    replicating: pd.DataFrame
    note: str = ""


def find_hits(wells: pd.DataFrame, config: EvaluationConfig) -> Hits:
    """Find the hits among well profiles.

    The scores tables store the shares only, so that each perturbation's own result is computed again, as
    `evaluation.evaluate` does and with its seed.

    Parameters
    ----------
    wells
        Level 4c.
    config
        ``null_size``, ``max_q`` and ``seed`` are used.
    """
    metadata, values, _ = split_profiles(wells)
    controls = is_negcon(metadata)
    names, labels = np.unique(metadata[PERTURBATION].to_numpy(dtype=str), return_inverse=True)
    active = pd.DataFrame(columns=["Perturbation", "Precision", "QValue", "Active"])
    replicating, notes = pd.DataFrame(columns=["Perturbation", "Dose", "Replicates"]), []
    try:
        precision = replicate_precision(Cosine(values), labels, metadata[PLATE].to_numpy(dtype=str), controls)
        means = mean_precision(precision)
        null = PrecisionNull(config.null_size, config.seed)
        q = benjamini_hochberg(precision_p_values(precision, means, null))
        columns = {"Perturbation": names[means.clusters], "Precision": means.values, "QValue": q}
        active = pd.DataFrame(columns | {"Active": q < config.max_q})
    except CannotScoreError as reason:
        notes.append(f"activity is not known ({reason})")
    try:
        codes, treatments = treatment_codes(metadata[~controls].reset_index(drop=True))
        clusters = np.unique(treatments[PERTURBATION].to_numpy(dtype=str), return_inverse=True)[1].ravel()
        items = percent_replicating(Pearson(values[~controls]), codes, clusters, config.seed)
        columns = {"Perturbation": treatments[PERTURBATION], "Dose": treatments[DOSE], "Replicates": items.values == 1}
        replicating = pd.DataFrame(columns)[np.isfinite(items.values)].reset_index(drop=True)
    except CannotScoreError as reason:
        notes.append(f"replication is not known ({reason})")
    return Hits(active, replicating, "; ".join(notes))


def read_hits(results: Results, variant: Variant) -> Hits | None:
    """Find the hits of one kind of profiles with the settings its scores were made with; None without profiles."""
    if not results.profiles(variant).is_file():
        return None
    path = results.evaluation(variant, "scores")
    stored = read_provenance(path).get("parameters", {}) if path.is_file() else {}
    config = EvaluationConfig(**{name: stored[name] for name in _SETTINGS if name in stored})
    return find_hits(read_table(results.profiles(variant)), config)


def compare_hits(pair: Pair, hits: dict[Variant, tuple[Hits | None, Hits | None]]) -> Section:
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
            sentences.append(f"{name}: no corrected well profiles in {'OLD' if old is None else 'NEW'}.")
            continue
        facts[name] = {}
        for kind, column in _KINDS.items():
            keys = ["Perturbation"] if kind == "active" else ["Perturbation", "Dose"]
            table = match_hits(getattr(old, kind), getattr(new, kind), keys, column)
            found = _count(table, column)
            facts[name][kind] = found
            moved += [bool(table["Change"].isin(_MOVED).any())] if found["compared"] else []
            words = _words(table, keys)
            sentences.append(_sentence(name, kind, found, words))
            listings.append(Listing(f"{name}.{kind}", f"{name}: {_title(kind)}", table))
        notes = [f"{name}: in {side}, {hit.note}." for side, hit in (("OLD", old), ("NEW", new)) if hit.note]
        sentences += notes
    if not moved:
        sentences.append("No hits could be compared: corrected profiles are missing.")
    return Section("hits", "Hits", any(moved) if moved else None, sentences, facts, listings)


def match_hits(old: pd.DataFrame, new: pd.DataFrame, keys: list[str], column: str) -> pd.DataFrame:
    """Match the hits of two runs.

    Returns
    -------
    table
        The keys, then the other columns of both with ``Old`` and ``New``, then ``Change``: ``gained``, ``lost``,
        ``hit in both``, ``hit in neither``, ``only in OLD`` or ``only in NEW``; what changed first.
    """
    table = old.merge(new, on=keys, how="outer", suffixes=("Old", "New"), indicator="In")
    before, after = (table[f"{column}{side}"].eq(True).to_numpy() for side in ("Old", "New"))
    both = np.select([before & after, before, after], ["hit in both", "lost", "gained"], "hit in neither")
    inside = table.pop("In").astype(str)
    table["Change"] = np.where(inside == "both", both, inside.map({"left_only": "only in OLD"}).fillna("only in NEW"))
    order = [*_MOVED, "hit in both", "hit in neither"]
    return table.sort_values(
        ["Change", *keys],
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


def _words(table: pd.DataFrame, keys: list[str]) -> dict[str, str]:
    found = {}
    for change in ("gained", "lost"):
        rows = table.loc[table["Change"] == change, keys].to_dict("records")
        names = [
            row["Perturbation"] + (f" at {dose(row['Dose'])}" if np.isfinite(row.get("Dose", np.nan)) else "")
            for row in rows
        ]
        found[change] = name_few(names)
    return found


def _title(kind: str) -> str:
    return "active perturbations" if kind == "active" else "replicating treatments"


def _sentence(name: str, kind: str, found: dict[str, Any], words: dict[str, str]) -> str:
    what = ("perturbation", "active") if kind == "active" else ("treatment", "replicating")
    start = f"{name}: {count(found['old'])} {what[1]} in OLD, {count(found['new'])} in NEW"
    start += f" (of {plural(found['compared'], what[0])} in both)"
    if not found["compared"]:
        return f"{name}: no {what[0]} can be compared for being {what[1]}."
    changes = [f"{count(found[c])} {c} ({words[c]})" for c in ("gained", "lost") if found[c]]
    start += f"; {' and '.join(changes)}" if changes else "; none gained or lost"
    if found.get("largest_change"):
        start += f"; precision changed by {significant(found['largest_change'], 2)} at most"
    return f"{start}."
