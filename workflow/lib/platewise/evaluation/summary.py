"""The scores of a finished campaign as lines of text."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from platewise.config.campaign import CampaignConfig
from platewise.errors import DataError
from platewise.tables import read_table


def nsc_lines(config: CampaignConfig) -> list[str]:
    """Return ``{correction} NSC 0.903 NSCB 0.728`` for each correction of the preset features, and the preset's last.

    A score that could not be computed is told with the reason.

    Raises
    ------
    DataError
        If the campaign has not been run.
    """
    folder = Path(config.results) / config.campaign / "campaign" / "evaluation"
    lines = {}
    for correction in config.correction.methods:
        path = folder / f"{config.preset_features}.{correction}.scores.parquet"
        if not path.is_file():
            raise DataError(f"{path}: there are no scores yet. Hint: run the campaign first.")
        table = read_table(path)
        rows = table[table["Baseline"] == ""].set_index("Metric")[["Value", "Note"]]
        lines[correction] = " ".join(f"{name.upper()} {_words(rows, name)}" for name in ("nsc", "nscb"))
    return [f"{name} {line}" for name, line in lines.items()] + [f"preset {lines[config.correction.preset]}"]


def _words(rows: pd.DataFrame, metric: str) -> str:
    """Return a score with three decimals, or why it could not be computed."""
    value, note = rows.loc[metric]
    if math.isnan(value):
        return f"not computed ({note or 'the scores table gives no reason'})"
    return f"{value:.3f}"
