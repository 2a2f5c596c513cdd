"""Which plates scale and features are fitted on: decided once, then kept while plates come.

A plate's scale leans on the campaign's, and features are chosen for the campaign: fitted on all plates of today, both
would move the profiles of old plates with every new one. So it is recorded which plates they were first fitted on, and
planned again as recorded, until the config asks for something else or the record is removed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from platewise.algorithms import ALGORITHMS
from platewise.errors import ConfigError, Problem
from platewise.files import whole_file
from platewise.plan.campaign import Campaign


def fitted_keys(campaign: Campaign) -> dict[str, Any]:
    """Return what the fit depends on but its plates: another answer asks for another fit."""
    profiles = campaign.config.profiles.model_dump(mode="json")
    sections = {name: profiles[name] for name in ("cells", "aggregate", "normalise", "select")}
    # As JSON has it, to be compared with what was recorded.
    return json.loads(json.dumps(sections, default=str)) | {"algorithm": ALGORITHMS["profiles"]}


def fitted_plates(campaign: Campaign, features: str) -> list[str]:
    """Return the plates that scale and features are, or were, fitted on; of those recorded, the ones still there.

    Raises
    ------
    ConfigError
        If the record of an earlier fit cannot be read.
    """
    recorded = _recorded(campaign, features)
    return [plate for plate in campaign.plate_names if plate in recorded] or list(campaign.plate_names)


def fit_path(campaign: Campaign, features: str) -> Path:
    """Return where it is recorded what was fitted on. No output of a rule: Snakemake removes those."""
    return fit_beside(campaign.folder / "campaign" / "profiles" / f"{features}.selection.parquet")


def fit_beside(selection: str | Path) -> Path:
    """Return the record that belongs to a selection of features, ``C/profiles/{features}.selection.parquet``."""
    return Path(str(selection).removesuffix(".selection.parquet") + ".plates.json")


def write_fit(selection: str | Path, keys: dict[str, Any], plates: Sequence[str]) -> None:
    """Record beside a selection which plates it was fitted on, and with what keys (`fitted_keys`)."""
    with whole_file(fit_beside(selection)) as temporary:
        temporary.write_text(json.dumps({"keys": keys, "plates": list(plates)}, indent=1) + "\n")


def _recorded(campaign: Campaign, features: str) -> set[str]:
    path = fit_path(campaign, features)
    try:
        text = path.read_text()
    except FileNotFoundError:
        return set()
    try:
        record = json.loads(text)
        plates, current = {str(name) for name in record["plates"]}, record["keys"] == fitted_keys(campaign)
    except (ValueError, KeyError, TypeError) as error:
        found = f"no record of a fit ({type(error).__name__}: {error})"
        remedy = "remove the file; scale and features are then fitted anew, on the plates of today"
        raise ConfigError([Problem(str(path), found, "what the last selection of features wrote", remedy)]) from error
    return plates if current else set()
