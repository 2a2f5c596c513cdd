"""The figures of the page that compares segmentation engines, as plotly data and layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from platewise.report.colours import NEUTRAL, QUALITATIVE, SYMBOLS, Mark
from platewise.report.figures import Figure, finish, label, plain_list
from platewise.report.numbers import fixed, significant
from platewise.segmentation.scoring import REPORTED
from platewise.segmentation.summary import ALL, SPEED

# Share of the room between two classes that the marks of one class take up.
_SPREAD = 0.72
_SMALLEST, _LARGEST = 8.0, 24.0
_PANELS_IN_A_ROW = 2
_ROW_HEIGHT = 300


def engine_marks(engines: Sequence[str]) -> dict[str, Mark]:
    """Give every engine its colour and shape, the same in all figures."""
    return {
        name: Mark(QUALITATIVE[place % len(QUALITATIVE)], SYMBOLS[(place + place // len(QUALITATIVE)) % len(SYMBOLS)])
        for place, name in enumerate(engines)
    }


def class_words(name: str) -> str:
    """Return the name of a class as axes and tables show it."""
    return "all images" if name == ALL else name.replace("_", " ")


def figure_classes(summary: pd.DataFrame, engines: Sequence[str], measures: Sequence[str]) -> Figure:
    """Score of each engine on each class of images, with 95 % intervals; a panel a measure.

    Parameters
    ----------
    summary
        As ``summary.summarise`` makes it.
    engines
        Those that are drawn, in this order.
    measures
        The panels, from top to bottom.
    """
    classes = list(dict.fromkeys(summary["Class"]))
    figure = make_subplots(rows=len(measures), cols=1, shared_xaxes=True, vertical_spacing=0.3 / len(measures) ** 2)
    offsets = np.linspace(-0.5, 0.5, len(engines) + 2)[1:-1] * _SPREAD
    for (name, mark), offset in zip(engine_marks(engines).items(), offsets, strict=True):
        for panel, measure in enumerate(measures, 1):
            rows = _rows(summary, name, measure).set_index("Class").loc[classes].reset_index()
            figure.add_scatter(
                x=plain_list(np.arange(len(classes)) + offset),
                y=plain_list(rows["Value"]),
                error_y=_bars(rows),
                mode="markers",
                marker={"color": mark.colour, "symbol": mark.symbol, "size": 9},
                name=label(name),
                legendgroup=name,
                showlegend=panel == 1,
                text=[_words(row) for row in rows.to_dict("records")],
                hovertemplate="%{text}<extra>%{fullData.name}</extra>",
                row=panel,
                col=1,
            )
    counts = summary.drop_duplicates("Class").set_index("Class")
    ticks = [
        f"{label(class_words(name))}<br>{counts.Images[name]} images{'*' if counts.Note[name] else ''}"
        for name in classes
    ]
    figure.update_xaxes(
        tickvals=list(range(len(classes))), ticktext=ticks, range=[-0.5, len(classes) - 0.5], showticklabels=True
    )
    for edge in range(len(classes) - 1):
        figure.add_vline(x=edge + 0.5, line={"color": NEUTRAL, "width": 1, "dash": "dot"})
    for panel, measure in enumerate(measures, 1):
        figure.update_yaxes(title=label(measure_words(measure)), range=[-0.02, 1.02], row=panel, col=1)
    finished = finish(figure, 120 + _ROW_HEIGHT * len(measures))
    # Grid lines at the places of the classes would look like measurements.
    for axis in (key for key in finished["layout"] if key.startswith("xaxis")):
        finished["layout"][axis]["showgrid"] = False
    return finished


def figure_cost(
    summary: pd.DataFrame, annotated: Mapping[str, int | None], parameters: Mapping[str, int], measure: str
) -> Figure:
    """Accuracy against cost: seconds to the right, score upwards, larger marks where a person annotated more images.

    Parameters
    ----------
    summary
        As ``summary.summarise`` makes it.
    annotated
        Engine to the number of images annotated to make it: 0 is drawn as an open mark, None (not known) as an open
        one with a dot.
    parameters
        Engine to the number of parameters set for it, said beside its name in the legend.
    measure
        Score to draw.
    """
    most = max([1, *(count or 0 for count in annotated.values())])
    figure = go.Figure()
    speeds = {name: _rows(summary, name, SPEED).set_index("Class").Value[ALL] for name in annotated}
    for name, mark in engine_marks(list(annotated)).items():
        row = _rows(summary, name, measure).set_index("Class").loc[[ALL]].reset_index()
        count = annotated[name]
        size = _SMALLEST + (_LARGEST - _SMALLEST) * np.sqrt((count or 0) / most)
        images = f"annotated images: {'not known' if count is None else f'{count:,}'}"
        by_hand = f"parameters set: {parameters[name]:,}"
        words = f"{_words(row.iloc[0])}<br>{significant(speeds[name])} CPU s per megapixel<br>{images}<br>{by_hand}"
        figure.add_scatter(
            x=plain_list([speeds[name]]),
            y=plain_list(row["Value"]),
            error_y=_bars(row),
            mode="markers",
            marker={
                "color": mark.colour if count else "#ffffff",
                "symbol": mark.symbol if count is not None else f"{mark.symbol}-dot",
                "opacity": 0.85,
                "size": round(float(size), 1),
                "line": {"color": mark.colour, "width": 2},
            },
            hovertext=[words],
            hovertemplate="%{hovertext}<extra>%{fullData.name}</extra>",
            name=label(name) + (f" ({parameters[name]:,} parameters)" if parameters[name] else ""),
        )
    known = [speed for speed in speeds.values() if np.isfinite(speed) and speed > 0] or [1.0]
    ends = [_log10(min(known)) - 0.3, _log10(max(known)) + 0.3]
    ticks = [digit * 10.0**power for power in range(-4, 5) for digit in (1, 2, 5)]
    figure.update_xaxes(
        title="CPU seconds per megapixel (log scale)",
        type="log",
        range=ends,
        tickvals=ticks,
        ticktext=[f"{tick:g}" for tick in ticks],
    )
    figure.update_yaxes(title=label(measure_words(measure)))
    finished = finish(figure, 440)
    # A mark's size says something in the figure only.
    finished["layout"]["legend"]["itemsizing"] = "constant"
    return finished


def figure_thresholds(summary: pd.DataFrame, engines: Sequence[str]) -> Figure:
    """F1 against the IoU that a match needs; a panel for all images and for each class, with the same axes."""
    classes = list(dict.fromkeys(summary["Class"]))
    rows = -(-len(classes) // _PANELS_IN_A_ROW)
    figure = make_subplots(
        rows=rows,
        cols=min(len(classes), _PANELS_IN_A_ROW),
        shared_yaxes=True,
        subplot_titles=[label(class_words(name)) for name in classes],
        horizontal_spacing=0.06,
        vertical_spacing=0.24 / rows,
    )
    measures = {f"f1@{threshold}": threshold for threshold in REPORTED}
    for name, mark in engine_marks(engines).items():
        mine = summary[(summary["Engine"] == name) & summary["Measure"].isin(measures)]
        for place, kind in enumerate(classes):
            some = mine[mine["Class"] == kind]
            figure.add_scatter(
                x=plain_list(some["Measure"].map(measures)),
                y=plain_list(some["Value"]),
                mode="lines+markers",
                line={"color": mark.colour, "width": 2},
                marker={"symbol": mark.symbol, "size": 7},
                name=label(name),
                legendgroup=name,
                showlegend=place == 0,
                text=[_words(row) for row in some.to_dict("records")],
                hovertemplate="%{text}<extra>%{fullData.name}</extra>",
                row=place // _PANELS_IN_A_ROW + 1,
                col=place % _PANELS_IN_A_ROW + 1,
            )
    figure.update_xaxes(tickvals=list(REPORTED), range=[0.48, 0.92])
    for column in range(1, min(len(classes), _PANELS_IN_A_ROW) + 1):
        figure.update_xaxes(title="IoU that a match must exceed", row=rows, col=column)
    figure.update_yaxes(range=[-0.02, 1.02])
    figure.update_yaxes(title="F1", col=1)
    return finish(figure, 90 + _ROW_HEIGHT * rows)


def figure_ablation(ablation: pd.DataFrame, measures: Sequence[str]) -> Figure:
    """What an ensemble loses without a member, or with one alone: differences with 95 % intervals, a colour a measure.

    Parameters
    ----------
    ablation
        As ``summary.ablate`` makes it; its part over all images is drawn.
    measures
        Scores to draw.
    """
    overall = ablation[(ablation["Class"] == ALL) & ablation["Difference"].notna()]
    names = list(dict.fromkeys(overall["Engine"]))
    figure = go.Figure()
    offsets = np.linspace(-0.5, 0.5, len(measures) + 2)[1:-1] * _SPREAD
    for place, (measure, offset) in enumerate(zip(measures, offsets, strict=True)):
        rows = overall[overall["Measure"] == measure].set_index("Engine").loc[names]
        figure.add_scatter(
            x=plain_list(rows["Difference"]),
            y=plain_list(np.arange(len(names)) + offset),
            error_x={
                "type": "data",
                "symmetric": False,
                "array": plain_list(rows["DifferenceHigh"] - rows["Difference"]),
                "arrayminus": plain_list(rows["Difference"] - rows["DifferenceLow"]),
                "thickness": 1.5,
                "width": 3,
            },
            mode="markers",
            marker={"color": QUALITATIVE[place], "symbol": SYMBOLS[place], "size": 9},
            name=label(measure_words(measure)),
            text=[
                f"{label(name)}: {value:+.3f} ({low:+.3f} to {high:+.3f})"
                for name, value, low, high in zip(
                    names, rows["Difference"], rows["DifferenceLow"], rows["DifferenceHigh"], strict=True
                )
            ],
            hovertemplate="%{text}<extra>%{fullData.name}</extra>",
        )
    figure.add_vline(x=0, line={"color": NEUTRAL, "width": 1})
    figure.update_xaxes(title="Difference from the whole ensemble")
    figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=[label(name) for name in names], range=[len(names) - 0.5, -0.5]
    )
    finished = finish(figure, 150 + 44 * len(names))
    finished["layout"]["yaxis"]["showgrid"] = False
    return finished


def figure_training(curves: Mapping[str, Mapping[str, pd.DataFrame]]) -> Figure:
    """Losses of every training against its steps: a panel a segmenter, a colour a fold, dashed on what it learns from.

    Parameters
    ----------
    curves
        Segmenter to fold to the table of ``train_segmenter`` (``step``, ``train_loss``, ``validation_loss``, ...).
    """
    rows = -(-len(curves) // _PANELS_IN_A_ROW)
    figure = make_subplots(
        rows=rows,
        cols=min(len(curves), _PANELS_IN_A_ROW),
        subplot_titles=[label(name) for name in curves],
        horizontal_spacing=0.1,
        vertical_spacing=0.3 / rows,
    )
    folds = list(dict.fromkeys(fold for tables in curves.values() for fold in tables))
    named: set[str] = set()
    for place, tables in enumerate(curves.values()):
        for fold, table in tables.items():
            for column, dash, words in (
                ("validation_loss", "solid", "held out"),
                ("train_loss", "dot", "learned from"),
            ):
                if not table[column].notna().any():
                    continue
                figure.add_scatter(
                    x=plain_list(table["step"]),
                    y=plain_list(table[column]),
                    # A short training has one point, which makes no line.
                    mode="lines+markers",
                    marker={"size": 4},
                    line={
                        "color": QUALITATIVE[folds.index(fold) % len(QUALITATIVE)],
                        "dash": dash,
                        "width": 1.2 if dash == "dot" else 2,
                    },
                    name=label(_fold_words(fold)),
                    legendgroup=fold,
                    showlegend=fold not in named,
                    hovertext=[words] * len(table),
                    hovertemplate="%{hovertext}, step %{x}: %{y:.3f}<extra>%{fullData.name}</extra>",
                    row=place // _PANELS_IN_A_ROW + 1,
                    col=place % _PANELS_IN_A_ROW + 1,
                )
                named.add(fold)
    figure.update_xaxes(title="Step", rangemode="tozero")
    figure.update_yaxes(title="Loss")
    return finish(figure, 90 + _ROW_HEIGHT * rows)


def measure_words(measure: str) -> str:
    """Return the name of a measure as axes and tables show it."""
    words = {"mean_f1": "mean F1", "dsb_score": "DSB score", "aji": "AJI", "pq": "PQ"}
    return words.get(measure, measure.replace("f1@", "F1@"))


def _log10(value: float) -> float:
    """Where plotly puts a value on a logarithmic axis, in ranges; far left what cannot be shown."""
    return round(float(np.log10(max(value, 1e-6))), 6)


def _fold_words(fold: str) -> str:
    return f"fold {fold}" if fold.isdecimal() else fold


def _rows(summary: pd.DataFrame, engine: str, measure: str) -> pd.DataFrame:
    return summary[(summary["Engine"] == engine) & (summary["Measure"] == measure)]


def _bars(rows: pd.DataFrame) -> dict[str, object]:
    return {
        "type": "data",
        "symmetric": False,
        "array": plain_list(rows["High"] - rows["Value"]),
        "arrayminus": plain_list(rows["Value"] - rows["Low"]),
        "thickness": 1.5,
        "width": 3,
    }


def _words(row: Mapping[str, object] | pd.Series) -> str:
    """What hovering over a score tells."""
    interval = f" ({fixed(row['Low'])} to {fixed(row['High'])})" if np.isfinite(row["Low"]) else ""
    note = f", {row['Note']}" if row["Note"] else ""
    return (
        f"{label(class_words(row['Class']))}: {measure_words(row['Measure'])} {fixed(row['Value'])}{interval}"
        f"<br>{row['Images']} images{note}"
    )
