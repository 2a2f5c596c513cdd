"""The same wells before and after correction, side by side: which panels there are, and how they are drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from plotly.subplots import make_subplots

from platewise.columns import BATCH, CELL_COUNT, CONTROL_TYPE, DOSE, MOA, NEGCON, PERTURBATION, PLATE, WELL
from platewise.report.colours import QUALITATIVE, category_marks
from platewise.report.figures import CONTROLS, NO_MECHANISM, Figure, finish, label, marker, plain_list
from platewise.report.numbers import dose, percent, plural
from platewise.report.scores import UNCORRECTED

# Each colour in three shapes: as many perturbations as can be told apart in a picture.
MOST_PERTURBATIONS = 3 * len(QUALITATIVE)
# From this many wells on, marks are smaller.
_MANY_POINTS = 1000


def choose_panels(
    features: Sequence[str], methods: Mapping[str, str], preset: tuple[str, str]
) -> list[tuple[str, str]]:
    """Return (features, correction) of each panel: every kind of features before and after correction.

    Parameters
    ----------
    features
        All kinds.
    methods
        Correction to its method.
    preset
        (features, correction) that are judged.

    Returns
    -------
    list
        Before is level 3 (``uncorrected``), profiles as they left the microscope: level 4b would hide what
        normalisation has done for the plates already. After is the preset's correction or, where that leaves profiles
        as they are, the first that does not. The preset itself is always there, once, and last.
    """
    doing = [name for name, method in methods.items() if method != "none"]
    after = preset[1] if preset[1] in doing or not doing else doing[0]
    order = sorted(features, key=lambda name: name == preset[0])
    panels = [(name, correction) for name in order for correction in (UNCORRECTED, after)]
    return [*(panel for panel in panels if panel != preset), preset]


def projection_figure(
    panels: Mapping[str, tuple[pd.DataFrame, np.ndarray, np.ndarray]],
    colour_by: str,
    shape_controls: bool,
    most: int = 40,
) -> Figure:
    """Panels of wells in two principal components, two in a row, with one legend.

    Parameters
    ----------
    panels
        Title to (metadata of the wells, (well, 2) scores, explained shares).
    colour_by
        Metadata column whose values are told apart.
    shape_controls
        Draw negative controls in grey, whatever their value.
    most
        Values that get a colour and shape, those with most wells (by name where these are as many). The others are
        grey, and the legend says how many they are.
    """
    titles = [label(title) for title in panels]
    rows, columns = (len(panels) + 1) // 2, min(len(panels), 2)
    figure = make_subplots(
        rows=rows, cols=columns, subplot_titles=titles, horizontal_spacing=0.08, vertical_spacing=0.2 / rows
    )
    size = 7 if max(len(wells) for wells, _, _ in panels.values()) < _MANY_POINTS else 5
    values = [value for wells, _, _ in panels.values() for value in _groups(wells, colour_by, shape_controls)]
    special = (CONTROLS, NO_MECHANISM)
    marks = category_marks([value for value in values if value not in special], most)
    hidden = {*values} - {*marks, *special}
    others = plural(len(hidden), "other")
    named: set[str] = set()
    for place, (wells, scores, explained) in enumerate(panels.values()):
        cell = {"row": place // 2 + 1, "col": place % 2 + 1}
        groups = np.array(_groups(wells, colour_by, shape_controls), object)
        groups = np.array([others if name in hidden else name for name in groups], object)
        words = np.array([_well_words(row) for row in wells.to_dict("records")], object)
        for name in [CONTROLS, NO_MECHANISM, others, *marks]:
            mine = groups == name
            if not mine.any():
                continue
            figure.add_scatter(
                x=plain_list(scores[mine, 0]),
                y=plain_list(scores[mine, 1]),
                mode="markers",
                name=label(name),
                legendgroup=label(name),
                showlegend=name not in named,
                marker=marker(name, marks, size),
                text=list(words[mine]),
                hovertemplate="%{text}<extra></extra>",
                **cell,
            )
            named.add(name)
        figure.update_xaxes(title=f"PC 1 ({percent(explained[0])} of variance)", **cell)
        figure.update_yaxes(title=f"PC 2 ({percent(explained[1])})", **cell)
    return finish(figure, 80 + 440 * rows)


def _groups(wells: pd.DataFrame, colour_by: str, shape_controls: bool) -> list[str]:
    groups = wells[colour_by].fillna("").astype(str).replace("", NO_MECHANISM if colour_by == MOA else "none")
    return groups.mask(wells[CONTROL_TYPE] == NEGCON, CONTROLS).tolist() if shape_controls else groups.tolist()


def _well_words(row: Mapping[str, Any]) -> str:
    words = f"<b>{label(row[PERTURBATION])}</b>"
    if np.isfinite(row.get(DOSE, np.nan)):
        words += f" at {dose(row[DOSE])}"
    words += f"<br>{label(row[PLATE])} {label(row[WELL])}, batch {label(row[BATCH])}"
    if row.get(MOA):
        words += f"<br>{label(row[MOA])}"
    cells = row.get(CELL_COUNT, np.nan)
    return words + (f"<br>{int(cells):,} cells" if np.isfinite(cells) else "")
