"""Dose responses as the page shows them: small curves of the strongest ones, and a table of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from platewise.columns import CONTROL_TYPE, DOSE, NEGCON, PERTURBATION
from platewise.plan.doses import LEAST_DOSES
from platewise.report.colours import NEUTRAL, QUALITATIVE
from platewise.report.figures import Figure, finish, label, plain_list
from platewise.report.hits import layout_words
from platewise.report.numbers import dose, fixed, is_number, plural, significant
from platewise.screens.dose_curve import Curve
from platewise.screens.dose_response import NO_RESPONSE, NO_TREND, NOT_TESTED, RESPONSE
from platewise.screens.plate_quality import DISTANCE

# More rows than this are in the table only, and more curves are not drawn.
MOST_ROWS, MOST_CURVES = 200, 12
_COLUMNS = 3
_ROW_HEIGHT = 250
_ORDER = [RESPONSE, NO_TREND, NO_RESPONSE]


@dataclass(frozen=True)
class DoseRow:
    """A perturbation that was tested."""

    name: str
    doses: str
    wells: int
    answer: str
    ec50: str
    interval: str
    hill: str
    effect: str
    q: str
    note: str


@dataclass(frozen=True)
class DoseSection:
    """All that the section says; ``more`` rows are left out, ``drawn`` curves are shown of ``responses``."""

    sentences: list[str]
    rows: list[DoseRow]
    more: int
    drawn: int
    responses: int


def dose_section(table: pd.DataFrame, distances: pd.DataFrame) -> DoseSection:
    """Arrange the table of dose responses (`screens.dose_response`).

    Parameters
    ----------
    table
        A row a perturbation.
    distances
        A row a well, with its distance from the negative controls.
    """
    tested = _strongest_first(table)
    rows = [_row(row) for row in tested.head(MOST_ROWS).to_dict("records")]
    responses = int((tested["Answer"] == RESPONSE).sum())
    sentences = [_summary(table), *layout_words(distances)]
    return DoseSection(sentences, rows, len(tested) - len(rows), min(responses, MOST_CURVES), responses)


def dose_figure(table: pd.DataFrame, distances: pd.DataFrame) -> Figure | None:
    """Draw the strongest responses: wells, curve, EC50 with its interval, and where the controls lie.

    None without a response.
    """
    shown = _strongest_first(table)
    shown = shown[shown["Answer"] == RESPONSE].head(MOST_CURVES).to_dict("records")
    if not shown:
        return None
    rows = -(-len(shown) // _COLUMNS)
    figure = make_subplots(
        rows=rows,
        cols=min(_COLUMNS, len(shown)),
        subplot_titles=[f"{label(_short(row[PERTURBATION]))}<br><sub>{_ec50(row)}</sub>" for row in shown],
        horizontal_spacing=0.07,
        vertical_spacing=0.3 / rows,
    )
    control = distances[CONTROL_TYPE] == NEGCON
    typical, far = distances.loc[control, DISTANCE].quantile([0.5, 0.95])
    for place, row in enumerate(shown):
        wells = distances[~control & (distances[PERTURBATION] == row[PERTURBATION]) & (distances[DOSE] > 0)]
        cell = {"row": place // _COLUMNS + 1, "col": place % _COLUMNS + 1}
        _draw(figure, row, wells, (float(typical), float(far)), cell)
    drawn = finish(figure, 110 + _ROW_HEIGHT * rows)
    # Room for titles of two lines.
    drawn["layout"]["margin"]["t"] = 60
    return drawn


def _draw(
    figure: go.Figure,
    row: Mapping[str, float],
    wells: pd.DataFrame,
    controls: tuple[float, float],
    cell: Mapping[str, int],
) -> None:
    curve = Curve(row["Bottom"], row["Top"], row["Midpoint"], row["Hill"], row["Low"], row["High"], 0)
    doses = np.geomspace(row["LowestDose"], row["HighestDose"], 60)
    first = cell["row"] == cell["col"] == 1
    ends = [float(doses[0]), float(doses[-1])]
    for height, dash, name in zip(controls, ("solid", "dot"), ("controls: median", "controls: 95 %"), strict=True):
        line = {"color": NEUTRAL, "dash": dash, "width": 1.5}
        figure.add_scatter(
            x=ends,
            y=[height] * 2,
            mode="lines",
            line=line,
            name=name,
            legendgroup=name,
            showlegend=first,
            hoverinfo="skip",
            **cell,
        )
    figure.add_scatter(
        x=plain_list(wells[DOSE]),
        y=plain_list(wells[DISTANCE]),
        mode="markers",
        name="wells",
        legendgroup="wells",
        showlegend=first,
        marker={"color": QUALITATIVE[0], "size": 6, "opacity": 0.75},
        hovertemplate="dose %{x:.4g}: distance %{y:.3g}<extra></extra>",
        **cell,
    )
    drawn = {"mode": "lines", "line": {"color": QUALITATIVE[1], "width": 2}, "hoverinfo": "skip"}
    figure.add_scatter(
        x=plain_list(doses),
        y=plain_list(curve.at(doses)),
        name="curve",
        legendgroup="curve",
        showlegend=first,
        **drawn,
        **cell,
    )
    if is_number(row["EC50"]):
        figure.add_vline(x=row["EC50"], line={"color": QUALITATIVE[1], "width": 1, "dash": "dash"}, **cell)
    low, high = (float(np.clip(row[end], *ends)) for end in ("Low", "High"))
    if low < high:
        figure.add_vrect(x0=low, x1=high, fillcolor=QUALITATIVE[1], opacity=0.12, line_width=0, layer="below", **cell)
    figure.update_xaxes(type="log", dtick=1, **cell)
    figure.update_yaxes(rangemode="tozero", title="distance against dose" if cell["col"] == 1 else None, **cell)


def _strongest_first(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out what was not tested; responses come first, those that go farthest before others."""
    tested = table[table["Answer"] != NOT_TESTED]
    ranks = tested["Answer"].map(_ORDER.index)
    order = np.lexsort([tested[PERTURBATION], -tested["Effect"], ranks])
    return tested.iloc[order]


def _summary(table: pd.DataFrame) -> str:
    counts = table["Answer"].value_counts()
    tested = len(table) - int(counts.get(NOT_TESTED, 0))
    words = f"Of {plural(tested, 'perturbation')} with enough doses, {counts.get(RESPONSE, 0):,} responded to the dose"
    if counts.get(NO_TREND, 0):
        words += f", {counts[NO_TREND]:,} acted without a trend that could be shown"
    words += f", and {counts.get(NO_RESPONSE, 0):,} had no response that could be shown."
    few = table["Doses"] < LEAST_DOSES
    if few.any():
        words += f" {plural(int(few.sum()), 'other')} had fewer than {LEAST_DOSES} doses with wells."
    for note, number in table.loc[(table["Answer"] == NOT_TESTED) & ~few, "Note"].value_counts().items():
        words += f" Not tested: {plural(int(number), 'perturbation')} ({note})."
    return words


def _row(row: Mapping[str, object]) -> DoseRow:
    fitted = row["Answer"] == RESPONSE
    return DoseRow(
        name=str(row[PERTURBATION]),
        doses=f"{int(row['Doses'])}, {dose(row['LowestDose'])} to {dose(row['HighestDose'])}",
        wells=int(row["Wells"]),
        answer=str(row["Answer"]),
        ec50=_ec50(row) if fitted else "",
        interval=_interval(row) if fitted else "",
        hill=fixed(row["Hill"], 1) if fitted else "",
        effect=fixed(row["Effect"], 1),
        q=significant(row["QValue"], 2),
        note=str(row["Note"]),
    )


def _ec50(row: Mapping[str, object]) -> str:
    return f"EC50 {significant(row['EC50'], 2)}" if is_number(row["EC50"]) else f"EC50 {row['Place']}"


def _interval(row: Mapping[str, object]) -> str:
    """The interval in words; where it leaves the doses, their ends are all that is known."""
    below, above = f"below {dose(row['LowestDose'])}", f"above {dose(row['HighestDose'])}"
    if row["High"] < row["LowestDose"] or row["Low"] > row["HighestDose"]:
        return below if row["High"] < row["LowestDose"] else above
    low = significant(row["Low"], 2) if row["Low"] >= row["LowestDose"] else below
    high = significant(row["High"], 2) if row["High"] <= row["HighestDose"] else above
    return f"{low} to {high}"


def _short(name: object, most: int = 30) -> str:
    text = str(name)
    return text if len(text) <= most else f"{text[: most - 1]}…"
