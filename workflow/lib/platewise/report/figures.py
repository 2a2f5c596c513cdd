"""The interactive figures of the campaign's page, as plotly data and layout."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from platewise.columns import MOA, PERTURBATION
from platewise.report.colours import NEUTRAL, QUALITATIVE, Mark, category_marks, rgb
from platewise.report.metrics import baseline_words
from platewise.report.numbers import is_number, plural, significant

Figure = dict[str, Any]
NO_MECHANISM = "no known mechanism"
CONTROLS = "negative controls"
_INK = "#1f2a33"
_GRID = "#e3e7ea"
# With more nodes, names would cover one another; they are shown on hovering in any case.
_MOST_NAMES = 60
# Nodes nearer than this share of the drawing would have their names on one another.
_CROWDED = 0.05
# Training curves of wells that are named so are of plates that are trained on.
_HELD_OUT = "held_out_wells_"
_DASHES = ("dash", "dot", "dashdot", "longdash")


def label(text: object) -> str:
    """Escape a name for plotly, which reads a kind of HTML in its labels."""
    return html.escape(str(text), quote=False)


def enrichment_figure(enrichment: pd.DataFrame, preset: tuple[str, str]) -> Figure:
    """Odds ratio of a shared mechanism against the share of top connections, with 95 % intervals.

    Every kind of features at the preset's correction is a curve; the baselines of the preset are grey; other
    corrections wait in the legend.
    """
    figure = go.Figure()
    features = list(dict.fromkeys([preset[0], *enrichment["Features"]]))
    for (feature, correction), rows in enrichment[enrichment["Baseline"] == ""].groupby(
        ["Features", "Correction"], sort=False
    ):
        colour = QUALITATIVE[features.index(feature) % len(QUALITATIVE)]
        shown = True if correction == preset[1] else "legendonly"
        _curve(figure, rows.sort_values("Share"), f"{feature}, {correction}", colour, shown)
    mine = enrichment[(enrichment["Features"] == preset[0]) & (enrichment["Correction"] == preset[1])]
    for place, (name, rows) in enumerate(mine[mine["Baseline"] != ""].groupby("Baseline", sort=True)):
        rows = rows.sort_values("Share")
        if not np.isfinite(rows["OddsRatio"]).any():
            continue
        figure.add_scatter(
            x=plain_list(rows["Share"]),
            y=plain_list(rows["OddsRatio"]),
            name=label(baseline_words(name)),
            mode="lines+markers",
            line={"color": "#6b7680", "dash": _DASHES[place % len(_DASHES)], "width": 1.5},
            marker={"size": 5},
            hovertemplate="top %{x} %: odds ratio %{y:.3g}<extra>%{fullData.name}</extra>",
        )
    figure.add_hline(y=1, line={"color": _INK, "width": 1})
    # On a log axis annotations count in powers of ten: 0 is an odds ratio of 1.
    figure.add_annotation(xref="paper", x=1, y=0, text="chance", showarrow=False, xanchor="right", yanchor="bottom")
    figure.update_xaxes(title="Share of top connections (%, log scale)", **_log_axis())
    figure.update_yaxes(title="Odds ratio of a shared mechanism (log scale)", **_log_axis())
    return finish(figure, 460)


def _log_axis() -> dict[str, Any]:
    ticks = [digit * 10.0**power for power in range(-3, 5) for digit in (1, 2, 5)]
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}


def _curve(figure: go.Figure, rows: pd.DataFrame, name: str, colour: str, shown: bool | str) -> None:
    banded = rows[np.isfinite(rows["Low"]) & np.isfinite(rows["High"]) & (rows["Low"] > 0)]
    if len(banded):
        figure.add_scatter(
            x=plain_list(banded["Share"]) + plain_list(banded["Share"][::-1]),
            y=plain_list(banded["High"]) + plain_list(banded["Low"][::-1]),
            fill="toself",
            fillcolor="rgba({},{},{},0.15)".format(*rgb(colour)),
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            showlegend=False,
            legendgroup=name,
            visible=shown,
        )
    figure.add_scatter(
        x=plain_list(rows["Share"]),
        y=plain_list(rows["OddsRatio"]),
        name=label(name),
        legendgroup=name,
        mode="lines+markers",
        line={"color": colour, "width": 2.5},
        # Open marks rest on few pairs.
        marker={
            "size": 8,
            "color": ["#ffffff" if note else colour for note in rows["Note"]],
            "line": {"color": colour, "width": 2},
        },
        customdata=[
            [significant(row["Low"]), significant(row["High"]), rests_on(row)] for row in rows.to_dict("records")
        ],
        hovertemplate="top %{x} %: odds ratio %{y:.3g}, 95 % interval %{customdata[0]} to %{customdata[1]}"
        "<br>%{customdata[2]}<extra>%{fullData.name}</extra>",
        visible=shown,
    )


def rests_on(row: Mapping[str, Any]) -> str:
    """Say what the odds ratio of a row of the enrichment table rests on, or why there is none."""
    if not is_number(row["Pairs"]):
        return str(row["Note"])
    few = "few: " if row["Note"] else ""
    pairs = plural(int(row["Pairs"]), "pair")
    return f"{few}{pairs}, {row['Matching']:g} of a shared mechanism ({significant(row['Expected'], 2)} by chance)"


def network_figure(nodes: pd.DataFrame, edges: pd.DataFrame, max_nodes: int) -> Figure:
    """The network: a node a perturbation, coloured and shaped by mechanism; dark edges join a shared mechanism."""
    nodes = nodes.sort_values(["Degree", PERTURBATION], ascending=[False, True]).head(max_nodes)
    place = nodes.set_index(PERTURBATION)[["X", "Y"]]
    edges = edges[edges["Source"].isin(place.index) & edges["Target"].isin(place.index)]
    figure = go.Figure()
    for shared, colour, name in ((False, "#c9d0d6", "other connection"), (True, "#37474f", "shared mechanism")):
        rows = edges[edges["SharedMOA"].astype(bool) == shared]
        x, y = (_segments(rows, place[axis]) for axis in ("X", "Y"))
        line = {"color": colour, "width": 1.6 if shared else 0.8}
        figure.add_scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", name=name)
    named = len(nodes) <= _MOST_NAMES
    marks = category_marks(nodes[MOA])
    groups = nodes[MOA].map(lambda moa: moa if moa in marks else (NO_MECHANISM if not moa else "other mechanisms"))
    sides = _label_sides(nodes[["X", "Y"]].to_numpy(float))
    for name in [*marks, "other mechanisms", NO_MECHANISM]:
        rows = nodes[groups == name]
        if rows.empty:
            continue
        figure.add_scatter(
            x=plain_list(rows["X"]),
            y=plain_list(rows["Y"]),
            mode="markers+text" if named else "markers",
            name=label(name),
            marker=marker(name, marks, 11),
            text=[label(_short(name)) for name in rows[PERTURBATION]] if named else None,
            textposition=list(sides[groups == name]) if named else None,
            textfont={"size": 11},
            cliponaxis=False,
            hovertext=[_node_words(row) for row in rows.to_dict("records")],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, scaleanchor="x")
    return finish(figure, 640)


def _node_words(row: Mapping[str, Any]) -> str:
    return (
        f"<b>{label(row[PERTURBATION])}</b><br>{label(row[MOA] or NO_MECHANISM)}<br>"
        f"{int(row['Degree'])} connections, community {int(row['Community'])}"
    )


def _label_sides(places: np.ndarray) -> np.ndarray:
    """Put the names of nodes that lie on one another on different sides."""
    sides = ("top center", "bottom center", "middle right", "middle left")
    near = _CROWDED * max(float(np.ptp(places, axis=0).max()), 1e-9) if len(places) else 0.0
    chosen = []
    for row, place in enumerate(places):
        before = (np.abs(places[:row] - place) < near).all(axis=1).sum()
        chosen.append(sides[int(before) % len(sides)])
    return np.array(chosen, object)


def _short(name: str, most: int = 22) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _segments(edges: pd.DataFrame, place: pd.Series) -> list[float | None]:
    """Ends of all edges in one line, parted by gaps."""
    points: list[float | None] = []
    for source, target in zip(edges["Source"], edges["Target"], strict=True):
        points += [_round(place[source]), _round(place[target]), None]
    return points


def curves_figure(curves: pd.DataFrame) -> Figure:
    """Training curves: every numeric column against the table's first (the epoch); losses left, shares right."""
    steps = curves.columns[0]
    measures = [
        name
        for name in curves.columns[1:]
        if pd.api.types.is_numeric_dtype(curves[name]) and curves[name].notna().any()
    ]
    losses = [name for name in measures if "loss" in name.lower()]
    others = [name for name in measures if name not in losses and not _is_setting(name)]
    rows = [group for group in (losses, others) if group]
    figure = make_subplots(rows=1, cols=max(len(rows), 1), horizontal_spacing=0.1)
    for column, group in enumerate(rows, 1):
        for place, name in enumerate(group):
            figure.add_scatter(
                x=plain_list(curves[steps]),
                y=plain_list(curves[name]),
                name=label(_curve_name(name)),
                mode="lines+markers",
                marker={"size": 4},
                line={"color": QUALITATIVE[place % len(QUALITATIVE)], "dash": ("solid", *_DASHES)[place % 5]},
                row=1,
                col=column,
            )
        figure.update_xaxes(title=label(_spaced(steps)), row=1, col=column)
        figure.update_yaxes(title="Loss" if group is losses else "Share (0 to 1)", row=1, col=column)
    return finish(figure, 380)


def _curve_name(name: str) -> str:
    if name.startswith(_HELD_OUT):
        return f"held-out wells of training plates: {_spaced(name.removeprefix(_HELD_OUT))}"
    return _spaced(name)


def _is_setting(name: str) -> bool:
    return any(word in name.lower() for word in ("rate", "lr", "seed", "seconds", "step"))


def _spaced(name: str) -> str:
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name.replace("_", " ")).strip()


def marker(name: str, marks: Mapping[str, Mark], size: int) -> dict[str, Any]:
    """Return how points of a category are drawn; those without a mark are grey and open."""
    mark = marks.get(name)
    if mark is None:
        symbol = "circle-open" if name == CONTROLS else "diamond-open" if name == NO_MECHANISM else "x-thin-open"
        return {"color": NEUTRAL, "symbol": symbol, "size": size - 1}
    return {"color": mark.colour, "symbol": mark.symbol, "size": size, "line": {"color": "#ffffff", "width": 0.6}}


def _round(value: float) -> float | None:
    """Six digits are more than a screen shows, and hide the last bits that differ between processors."""
    return float(f"{value:.6g}") if np.isfinite(value) else None


def plain_list(values: Sequence[float] | np.ndarray | pd.Series) -> list[float | None]:
    """Return numbers as plotly takes them: rounded, None for what is not finite."""
    return [_round(float(value)) for value in values]


def finish(figure: go.Figure, height: int) -> Figure:
    """Give a figure the page's looks and return it as plain values."""
    axes = {"gridcolor": _GRID, "linecolor": "#8a949c", "zeroline": False, "ticks": "outside", "automargin": True}
    axes["title"] = {"standoff": 8}
    figure.update_xaxes(**axes)
    figure.update_yaxes(**axes)
    figure.update_layout(
        template="none",
        height=height,
        margin={"l": 60, "r": 20, "t": 40, "b": 60},
        font={"family": "system-ui, sans-serif", "size": 13, "color": _INK},
        paper_bgcolor="#ffffff",
        plot_bgcolor="#ffffff",
        hoverlabel={"bgcolor": "#ffffff", "font": {"color": _INK}},
        # Below the axes whatever their titles need; plotly makes room for it.
        legend={
            "orientation": "h",
            "yref": "container",
            "yanchor": "bottom",
            "y": 0,
            "x": 0,
            "font": {"size": 12},
        },
        hovermode="closest",
    )
    return json.loads(figure.to_json())
