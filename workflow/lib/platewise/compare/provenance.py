"""Versions, algorithms and parameters of two runs, from what their tables, models and report pages store."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from platewise.compare.results import Pair, Results
from platewise.compare.section import Listing, Section, name_few
from platewise.report.numbers import plural
from platewise.tables import read_provenance

# The campaign's name and folder differ because there are two of them.
_OTHER_BY_DESIGN = ("campaign", "results")
# Stages by the folder of their block tables, and by the end of their plates' tables' names.
_BLOCK_TABLES = {"inventory": "inventory", "segment": "fields", "measure": "cells"}
_PLATE_TABLES = {"aggregate": ".wells.parquet", "normalise": ".normalised.parquet"}
_ABSENT = "not there"
_COLUMNS = ["Key", "Kind", "Old", "New"]
_ORDER = ["config", "version", "algorithm", "library", "parameter", "result"]

Facts = dict[str, str]


def compare_provenance(pair: Pair) -> Section:
    """Say which versions, algorithms and parameters differ."""
    pages = [page_facts(results.page) for results in (pair.old, pair.new)]
    stored = [table_facts(results) for results in (pair.old, pair.new)]
    parts = [changed_facts(*join_absent(*pages))] if all(pages) else []
    parts += [changed_facts(stored[0][stage], stored[1][stage], stage) for stage in stored[0] if stage in stored[1]]
    changes = join_versions(pd.concat(parts, ignore_index=True) if parts else changed_facts({}, {}))
    changes = changes.sort_values("Kind", key=lambda kinds: kinds.map(_ORDER.index), kind="stable", ignore_index=True)
    counts = {kind: int((changes["Kind"] == kind).sum()) for kind in _ORDER}
    asked = changes["Kind"] != "result"
    if all(pages):
        # The whole config says what the parameters of single stages repeat.
        asked &= changes["Kind"] != "parameter"
    sentences = [_sentence(counts, whole=all(pages))]
    for place, side in enumerate(("OLD", "NEW")):
        only = [stage for stage in stored[place] if stage not in stored[1 - place]]
        if only:
            sentences.append(f"Only {side} has tables of {name_few(only)}.")
        if not pages[place]:
            words = "its config is not known as a whole, only the parameters that tables store"
            sentences.append(f"{side} has no report: {words}.")
    listings = [
        Listing("asked", "What was asked for or computed with", changes[asked].reset_index(drop=True), 12),
        Listing("stored", "What the tables store of parameters and choices", changes[~asked].reset_index(drop=True)),
    ]
    return Section("provenance", "Provenance", bool(len(changes)), sentences, counts, listings)


def _sentence(counts: Mapping[str, int], whole: bool) -> str:
    words = {
        "config": "key of the config, keys of the config",
        "version": "version of platewise, versions of platewise",
        "algorithm": "algorithm number, algorithm numbers",
        "library": "library version, library versions",
    }
    if not whole:
        words["parameter"] = "stored parameter, stored parameters"
    found = [plural(counts[kind], *text.split(", ")) for kind, text in words.items() if counts[kind]]
    if not found:
        return "Config, versions and algorithms are the same." if whole else "Versions and parameters are the same."
    differ = "differs" if len(found) == 1 and found[0].startswith("1 ") else "differ"
    return f"{' and '.join([', '.join(found[:-1]), found[-1]] if len(found) > 1 else found)} {differ}."


def page_facts(page: Path) -> Facts:
    """Return the config and the versions that a campaign's page shows, by dotted key; empty without a page.

    The page is the one place where a run leaves its whole config, defaults filled in.
    """
    if not page.is_file():
        return {}
    text = page.read_text(encoding="utf-8")
    found: Facts = {}
    config = re.search(r"<summary>Show the config</summary><pre><code>(.*?)</code></pre>", text, re.DOTALL)
    if config:
        values = yaml.safe_load(html.unescape(config.group(1)))
        found |= flatten({key: value for key, value in values.items() if key not in _OTHER_BY_DESIGN}, "config ")
    versions = re.search(r'<table id="table-versions">.*?</table>', text, re.DOTALL)
    if versions:
        rows = re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td>', versions.group())
        found |= {f"library {html.unescape(name)}": html.unescape(version) for name, version in rows}
    return found


def table_facts(results: Results) -> dict[str, Facts]:
    """Return what the tables and models of a run store of how they were made, by stage, then kind and dotted key.

    Of the block tables of a plate the first is read: a run that finished made all of them alike. A value that differs
    between plates is the list of its values.
    """
    found: dict[str, dict[str, set[str]]] = {}
    for stage, facts in _stages(results):
        mine = found.setdefault(stage, {})
        for key, value in flatten(facts).items():
            # How likely each choice was, and what a device could hold, are no choices.
            if key != "stage" and "likelihood" not in key and "halvings" not in key:
                mine.setdefault(f"{_kind(key)} {key}", set()).add(value)
    return {stage: {key: " | ".join(sorted(values)) for key, values in mine.items()} for stage, mine in found.items()}


def _stages(results: Results) -> Iterable[tuple[str, dict[str, Any]]]:
    for plate in results.plates:
        folder = results.folder / "plates" / plate
        tables = {stage: results.blocks(plate, kind) for stage, kind in _BLOCK_TABLES.items()}
        for model in sorted((folder / "embeddings").glob("*")):
            tables[f"embed.{model.name}"] = results.blocks(plate, f"embeddings/{model.name}")
        for stage, end in _PLATE_TABLES.items():
            for path in sorted((folder / "profiles").glob(f"*{end}")):
                tables[f"{stage}.{path.name.removesuffix(end)}"] = [path]
        tables["qc"] = sorted((folder / "qc").glob("fields.parquet"))
        yield from ((stage, read_provenance(paths[0])) for stage, paths in tables.items() if paths)
    campaign = results.folder / "campaign"
    tables = {f"select.{name}": campaign / "profiles" / f"{name}.selected.parquet" for name in results.features}
    for variant in results.variants:
        name = ".".join(variant)
        tables[f"correct.{name}"] = results.profiles(variant)
        tables[f"consensus.{name}"] = results.consensus(variant)
        tables[f"network.{name}"] = results.network(variant) / "edges.parquet"
        tables[f"evaluate.{name}"] = results.evaluation(variant, "scores")
        tables[f"batches.{name}"] = results.evaluation(variant, "batches")
    yield from ((stage, read_provenance(path)) for stage, path in tables.items() if path.is_file())
    for path in sorted(campaign.glob("embedding/*/model.json")):
        yield f"embedding.{path.parent.name}", json.loads(path.read_text(encoding="utf-8"))


def _kind(key: str) -> str:
    first = key.split(".")[0]
    if first in ("version", "algorithm"):
        return first
    return "parameter" if first in ("parameters", "config", "architecture", "channels", "reader", "seed") else "result"


def changed_facts(old: Facts, new: Facts, stage: str = "") -> pd.DataFrame:
    """Return the facts that differ: ``Key``, ``Kind``, ``Old``, ``New``; what one run lacks is ``not there``."""
    rows = []
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            kind, key = name.split(" ", 1)
            rows.append([f"{stage}.{key}" if stage else key, kind, old.get(name, _ABSENT), new.get(name, _ABSENT)])
    return pd.DataFrame(rows, columns=_COLUMNS)


def join_absent(old: Facts, new: Facts) -> tuple[Facts, Facts]:
    """Make one key of each part of the config that only one run has: ``embeddings.deep`` with all its settings."""
    return _join_absent(old, new), _join_absent(new, old)


def _join_absent(mine: Facts, other: Facts) -> Facts:
    present = {".".join(key.split(".")[:depth]) for key in other for depth in range(1, key.count(".") + 2)}
    found: dict[str, list[str]] = {}
    for key, value in mine.items():
        parts = key.split(".")
        prefixes = [".".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
        root = next((prefix for prefix in prefixes if prefix not in present), key)
        found.setdefault(root, []).append(f"{key.removeprefix(f'{root}.')}: {value}" if root != key else value)
    return {key: ", ".join(values) for key, values in found.items()}


def join_versions(changes: pd.DataFrame) -> pd.DataFrame:
    """Make one row of all stages whose tables changed from one version of platewise to another."""
    versions = changes[changes["Kind"] == "version"]
    rows = [
        [f"platewise ({plural(len(stages), 'stage')})", "version", old, new]
        for (old, new), stages in versions.groupby(["Old", "New"], sort=True)
    ]
    return pd.concat([changes.drop(versions.index), pd.DataFrame(rows, columns=_COLUMNS)], ignore_index=True)


def flatten(facts: Mapping[str, Any], prefix: str = "") -> Facts:
    """Return nested facts as dotted keys, values other than words as JSON; a list of feature groups by their names."""
    found: Facts = {}
    for key, value in facts.items():
        name = f"{prefix}{key}"
        if isinstance(value, list) and value and all(isinstance(item, dict) and "group" in item for item in value):
            value = {item["group"]: {k: v for k, v in item.items() if k != "group"} or "on" for item in value}
        if isinstance(value, Mapping):
            found |= flatten(value, f"{name}.")
        else:
            found[name] = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    return found
