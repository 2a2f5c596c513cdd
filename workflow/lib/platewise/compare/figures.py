"""The figures of a comparison's page, as plotly data and layout."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from platewise.columns import PLATE, WELL
from platewise.compare.labels import draw
from platewise.compare.section import signed_percent
from platewise.report.colours import NEUTRAL, QUALITATIVE
from platewise.report.figures import Figure, finish, label, plain_list
from platewise.report.numbers import fixed, significant

# More marks than this are not told apart, and slow the page down.
_MOST_POINTS = 3000
_OLD, _NEW = NEUTRAL, QUALITATIVE[0]


def counts_figure(wells: pd.DataFrame) -> Figure:
    """Cell count of every well, NEW against OLD, and the line where nothing changed.

    Parameters
    ----------
    wells
        Plate, well, ``CellsOld``, ``CellsNew``, ``CellsChange``.
    """
    wells = wells[wells[["CellsOld", "CellsNew"]].notna().all(axis=1)]
    most = float(wells[["CellsOld", "CellsNew"]].to_numpy().max(initial=1))
    chosen = wells.iloc[draw(len(wells), _MOST_POINTS, 0)]
    figure = go.Figure()
    line = {"color": NEUTRAL, "width": 1}
    figure.add_scatter(x=[0, most], y=[0, most], mode="lines", line=line, name="no change", hoverinfo="skip")
    for place, (plate, rows) in enumerate(chosen.groupby(PLATE, sort=True)):
        figure.add_scatter(
            x=plain_list(rows["CellsOld"]),
            y=plain_list(rows["CellsNew"]),
            mode="markers",
            name=label(plate),
            marker={"size": 6, "opacity": 0.7, "color": QUALITATIVE[place % len(QUALITATIVE)]},
            text=[
                f"{label(plate)} {label(row[WELL])}: {signed_percent(row['CellsChange'])}"
                for row in rows.to_dict("records")
            ],
            hovertemplate="%{text}<br>%{x} to %{y} cells<extra></extra>",
        )
    figure.update_xaxes(title="Cells of a well, OLD", rangemode="tozero")
    figure.update_yaxes(title="Cells of a well, NEW", rangemode="tozero")
    return finish(figure, 480)


def features_figure(table: pd.DataFrame) -> Figure:
    """Correlation across wells of every feature, a line a group; 1 is on the right.

    Parameters
    ----------
    table
        ``Feature``, ``Group``, ``Correlation``, ``Shift``, ``Movement``.
    """
    groups = sorted(table["Group"].unique(), reverse=True)
    known = table[table["Correlation"].notna()]
    # Marks of a group lie beside one another: the same offsets every time.
    offsets = np.random.default_rng(0).uniform(-0.3, 0.3, len(known))
    places = known["Group"].map(groups.index).to_numpy() + offsets
    figure = go.Figure()
    figure.add_scatter(
        x=plain_list(known["Correlation"]),
        y=plain_list(places),
        mode="markers",
        marker={"size": 5, "opacity": 0.6, "color": _NEW},
        text=[
            f"<b>{label(row['Feature'])}</b><br>correlation {fixed(row['Correlation'])}, "
            f"shift {significant(row['Shift'], 2)}, movement {significant(row['Movement'], 2)}"
            for row in known.to_dict("records")
        ],
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )
    figure.add_vline(x=1, line={"color": NEUTRAL, "width": 1})
    # Where all are 1, plotly would choose a range around it.
    lowest = min(0.0, float(known["Correlation"].min()))
    figure.update_xaxes(title="Correlation across wells, OLD with NEW", range=[lowest - 0.03, 1.03])
    figure.update_yaxes(tickvals=list(range(len(groups))), ticktext=[label(name) for name in groups])
    return finish(figure, 140 + 24 * len(groups))


def scores_figure(rows: pd.DataFrame) -> Figure:
    """Scores from 0 to 1 that stand for themselves: OLD and NEW joined by a line, a row a metric and correction.

    Parameters
    ----------
    rows
        ``Features``, ``Correction``, ``Metric``, ``Old``, ``New``; at least one row has both.
    """
    rows = rows[rows["Old"].notna() & rows["New"].notna()]
    names = [
        f"{label(row['Metric'])}, {label(row['Features'])}.{label(row['Correction'])}"
        for row in rows.to_dict("records")
    ]
    ends = [value for row in rows.to_dict("records") for value in (*plain_list([row["Old"], row["New"]]), None)]
    lines = [name for own in names for name in (own, own, None)]
    figure = go.Figure()
    line = {"color": NEUTRAL, "width": 2}
    figure.add_scatter(x=ends, y=lines, mode="lines", line=line, hoverinfo="skip", showlegend=False)
    for side, colour, symbol in (("Old", _OLD, "circle-open"), ("New", _NEW, "diamond")):
        figure.add_scatter(
            x=plain_list(rows[side]),
            y=names,
            mode="markers",
            name=side.upper(),
            marker={"size": 9, "color": colour, "symbol": symbol, "line": {"width": 1.5}},
            hovertemplate="%{y}: %{x}<extra>%{fullData.name}</extra>",
        )
    figure.update_xaxes(title="Score", rangemode="tozero")
    figure.update_yaxes(autorange="reversed")
    return finish(figure, 140 + 22 * len(names))
