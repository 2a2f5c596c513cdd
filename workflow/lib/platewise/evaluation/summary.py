"""The scores of a finished campaign as lines of text."""

from __future__ import annotations

from pathlib import Path

from platewise.config.campaign import CampaignConfig
from platewise.errors import DataError
from platewise.tables import read_table


def nsc_lines(config: CampaignConfig) -> list[str]:
    """Return ``{correction} NSC 0.903 NSCB 0.728`` for each correction of the preset features, and the preset's last.

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
        values = table[table["Baseline"] == ""].set_index("Metric")["Value"]
        lines[correction] = f"NSC {values['nsc']:.3f} NSCB {values['nscb']:.3f}"
    return [f"{name} {line}" for name, line in lines.items()] + [f"preset {lines[config.correction.preset]}"]
