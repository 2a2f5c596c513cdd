"""What a correction takes of the batches against what it leaves of the biology, as one figure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from platewise.report.colours import QUALITATIVE, SYMBOLS
from platewise.report.figures import Figure, finish, label, plain_list
from platewise.report.metrics import batch_metric

# The first of each that can be computed for two points or more; of batches, less is better.
_OF_BATCHES = ("probe_batch", "silhouette_batch", "pcr_batch")
_OF_BIOLOGY = ("map_moa", "map_replicate_across_batches", "map_replicate")


# What is said of the dashed line where batches are scored by a probe; it is a linear one that is tried on other plates.
_BELOW_CHANCE = (
    " What lies left of it is no better than chance: batches were equalised between the plates that the probe learned "
    "from, and it reads them backwards."
)


@dataclass(frozen=True)
class Tradeoff:
    """The figure, and what its dashed line means (empty where there is none)."""

    figure: Figure
    chance: str


def tradeoff_figure(batches: pd.DataFrame, preset: tuple[str, str]) -> Tradeoff | None:
    """Draw a point for each kind of features after each correction: biology against batch, with 95 % intervals.

    Parameters
    ----------
    batches
        The tables ``batches`` of all variants.
    preset
        (features, correction) that are judged: its point is larger.

    Returns
    -------
    Tradeoff
        None where fewer than two points have both. The line is at the chance that all points share, or else at that of
        the preset.
    """
    values = batches.drop_duplicates(["Features", "Correction", "Metric"]).set_index(
        ["Features", "Correction", "Metric"]
    )
    wide = values["Value"].unstack("Metric")
    pairs = [(x, y) for y in _OF_BIOLOGY for x in _OF_BATCHES if {x, y} <= set(wide.columns)]
    chosen = next(((x, y) for x, y in pairs if wide[[x, y]].notna().all(axis=1).sum() > 1), None)
    if chosen is None:
        return None
    of_batches, of_biology = chosen
    points = wide[wide[[of_batches, of_biology]].notna().all(axis=1)].index
    features = list(dict.fromkeys([preset[0], *batches["Features"]]))
    corrections = list(dict.fromkeys(batches["Correction"]))
    figure = go.Figure()
    for feature, correction in sorted(points, key=lambda key: (features.index(key[0]), corrections.index(key[1]))):
        x, y = (values.loc[(feature, correction, metric)] for metric in chosen)
        colour = QUALITATIVE[features.index(feature) % len(QUALITATIVE)]
        figure.add_scatter(
            x=plain_list([x["Value"]]),
            y=plain_list([y["Value"]]),
            error_x=_bars(x, colour),
            error_y=_bars(y, colour),
            name=label(f"{feature}, {correction}"),
            mode="markers",
            marker={
                "color": colour,
                "symbol": SYMBOLS[corrections.index(correction) % len(SYMBOLS)],
                "size": 16 if (feature, correction) == preset else 10,
                "line": {"color": "#1f2a33", "width": 2 if (feature, correction) == preset else 0},
            },
            hovertemplate=f"{batch_metric(of_batches).label} %{{x:.3f}}, {batch_metric(of_biology).label} %{{y:.3f}}"
            "<extra>%{fullData.name}</extra>",
        )
    chances = values.xs(of_batches, level="Metric")["Chance"].reindex(points).dropna()
    shared = chances.nunique() == 1
    words = ""
    if shared or preset in chances.index:
        chance = chances.iloc[0] if shared else chances[preset]
        line = {"dash": "dash", "color": "#6b7780", "width": 1}
        figure.add_vline(x=float(chance), line=line, annotation_text="chance")
        words = f"Dashed: what the score would be by chance{'' if shared else ', for the preset'}."
        words += _BELOW_CHANCE if of_batches == "probe_batch" else ""
    figure.update_xaxes(title=f"{batch_metric(of_batches).label}: less is better")
    figure.update_yaxes(title=f"{batch_metric(of_biology).label}: more is better")
    return Tradeoff(finish(figure, 460), words)


def _bars(row: pd.Series, colour: str) -> dict[str, object]:
    reach = [row["High"] - row["Value"], row["Value"] - row["Low"]]
    above, below = ([max(float(value), 0.0)] if np.isfinite(value) else [0.0] for value in reach)
    return {
        "type": "data",
        "symmetric": False,
        "array": above,
        "arrayminus": below,
        "color": colour,
        "thickness": 1,
        "width": 3,
    }
