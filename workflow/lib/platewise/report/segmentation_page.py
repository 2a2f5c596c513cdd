"""The page that compares segmentation engines on annotated images: one file, in the looks of the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from platewise.report.figures import Figure
from platewise.report.html import render_page, write_page
from platewise.report.numbers import fixed, p_value, significant
from platewise.report.pngs import data_uri
from platewise.report.segmentation_contenders import Contender
from platewise.report.segmentation_figures import (
    class_words,
    engine_marks,
    figure_ablation,
    figure_classes,
    figure_cost,
    figure_thresholds,
    figure_training,
    measure_words,
)
from platewise.report.segmentation_gallery import (
    BOTH_OUTLINE,
    FOUND_OUTLINE,
    TRUE_OUTLINE,
    WORST,
    choose_examples,
    draw_example,
)
from platewise.segmentation.scoring import ERRORS, SCORES
from platewise.segmentation.summary import ALL, ENOUGH_IMAGES, MEMORY, SPEED

# What the figures show, and the text compares: the lecture's threshold first.
MAIN, SECOND = "f1@0.7", "f1@0.5"
COMPARED = (MAIN, SECOND, "dsb_score")
_SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Gallery:
    """Where pictures come from, by the names in the column ``Image``.

    Attributes
    ----------
    engines
        Whose images are shown.
    read_image, read_truth
        Name to image (c, y, x) and to its label image (y, x).
    read_prediction
        Engine and name to label image (y, x).
    """

    engines: Sequence[str]
    read_image: Callable[[str], np.ndarray]
    read_truth: Callable[[str], np.ndarray]
    read_prediction: Callable[[str, str], np.ndarray]


@dataclass(frozen=True)
class EvaluationTables:
    """What the page is made from.

    Attributes
    ----------
    rows
        A row an engine and image (``evaluation.score_images``).
    summary, differences
        Of these rows (``summary.summarise``, ``summary.compare_engines`` with the reference). Parts of ensembles may be
        in them; the figures draw contenders only.
    ablations
        Ensemble to its table (``summary.ablate``).
    curves
        Segmenter to fold to training curves.
    """

    rows: pd.DataFrame
    summary: pd.DataFrame
    differences: pd.DataFrame
    ablations: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    curves: Mapping[str, Mapping[str, pd.DataFrame]] = field(default_factory=dict)


def write_segmentation_page(
    target: str | Path,
    *,
    campaign: str,
    tables: EvaluationTables,
    contenders: Sequence[Contender],
    reference: str,
    gallery: Gallery | None = None,
    home: str | None = None,
) -> None:
    """Write the page, whole or not at all.

    Parameters
    ----------
    target
        The HTML file.
    campaign
        Its name, for the heading.
    tables
        What the page shows.
    contenders
        Engines in the order of figures and tables.
    reference
        Name of the contender that the others are compared with.
    gallery
        Where pictures come from; without, none are shown.
    home
        Link to the campaign's page, where there is one.
    """
    names = [one.name for one in contenders]
    figures: dict[str, Figure] = {
        "figure-classes": figure_classes(tables.summary, names, (MAIN, SECOND)),
        "figure-cost": figure_cost(
            tables.summary,
            {one.name: one.annotated for one in contenders},
            {one.name: one.parameters for one in contenders},
            MAIN,
        ),
        "figure-thresholds": figure_thresholds(tables.summary, names),
    }
    for place, ablation in enumerate(tables.ablations.values()):
        figures[f"figure-ablation-{place}"] = figure_ablation(ablation, COMPARED)
    if tables.curves:
        figures["figure-training"] = figure_training(tables.curves)
    values = _values(tables.summary)
    page = render_page(
        "segmentation.html.j2",
        figures=figures,
        campaign=campaign,
        home=home,
        reference=reference,
        counts=_counts(tables),
        claims=[_claim(tables.differences, name, reference) for name in names if name != reference],
        headline=_headline(values, reference),
        few=[class_words(name) for name in _few(tables.summary)],
        enough=ENOUGH_IMAGES,
        burden=[_burden(one, values) for one in contenders],
        brought={one.name: one.brought for one in contenders if one.brought},
        unknown=any(one.annotated is None for one in contenders),
        measures=[measure_words(name) for name in SCORES],
        groups=_score_groups(values, names, reference),
        differences=_difference_rows(tables.differences, names),
        ablations=[_ablation_rows(ensemble, table) for ensemble, table in tables.ablations.items()],
        training=bool(tables.curves),
        pictures=_pictures(tables.rows, gallery),
        outlines={"truth": TRUE_OUTLINE, "prediction": FOUND_OUTLINE, "both": BOTH_OUTLINE},
        compared=[measure_words(name) for name in COMPARED],
        main=measure_words(MAIN),
        marks=engine_marks(names),
    )
    write_page(page, target)


def _values(summary: pd.DataFrame) -> Mapping[tuple[str, str, str], Mapping[str, Any]]:
    """Engine, class, measure to the row."""
    return {(row["Engine"], row["Class"], row["Measure"]): row for row in summary.to_dict("records")}


def _counts(tables: EvaluationTables) -> dict[str, int]:
    images = tables.rows.drop_duplicates("Image")
    return {
        "images": len(images),
        "objects": int(images["Objects"].sum()),
        "groups": int(images["Group"].nunique()),
        "folds": int(images["Fold"].nunique()),
    }


def _few(summary: pd.DataFrame) -> list[str]:
    few = summary[(summary["Note"] != "") & (summary["Class"] != ALL)]
    return list(dict.fromkeys(few["Class"]))


def _headline(values: Mapping[tuple[str, str, str], Mapping[str, Any]], reference: str) -> str:
    parts = []
    for measure in COMPARED:
        row = values[reference, ALL, measure]
        interval = f" ({_interval(row)})" if _interval(row) else ""
        parts.append(f"{measure_words(measure)} {fixed(row['Value'])}{interval}")
    return ", ".join(parts)


def _claim(differences: pd.DataFrame, engine: str, reference: str) -> str:
    """Say in a sentence how the reference stands to an engine, and in which classes the order is otherwise."""
    mine = differences[(differences["Engine"] == engine) & (differences["Measure"] == MAIN)].set_index("Class")
    row = mine.loc[ALL]
    if row["PValue"] >= _SIGNIFICANT:
        said = f"no difference to {engine} is shown"
    else:
        said = f"{reference} is {'better' if row['Difference'] < 0 else 'worse'} than {engine}"
    # The table tells engine minus reference; the sentence speaks of the reference.
    numbers = f"{-row['Difference']:+.3f} in {measure_words(MAIN)}"
    if np.isfinite(row["Low"]):
        numbers += f" ({-row['High']:+.3f} to {-row['Low']:+.3f})"
    claim = f"{said}: {numbers}, {p_value(row['PValue'])}"
    classes = mine.drop(index=ALL)
    sides = {
        "better": classes[(classes["Difference"] < 0) & (classes["PValue"] < _SIGNIFICANT)],
        "worse": classes[(classes["Difference"] > 0) & (classes["PValue"] < _SIGNIFICANT)],
    }
    found = [
        f"{words} on {', '.join(map(class_words, rows.index[rows['Note'] == '']))}"
        for words, rows in sides.items()
        if (rows["Note"] == "").any()
    ]
    return claim + (f"; class by class, {' and '.join(found)}" if found else "")


def _burden(one: Contender, values: Mapping[tuple[str, str, str], Mapping[str, Any]]) -> dict[str, str]:
    return {
        "name": one.name,
        "words": one.words,
        "annotated": "not known" if one.annotated is None else f"{one.annotated:,}",
        "parameters": f"{one.parameters:,}",
        "notes": one.notes or "none",
        "speed": significant(values[one.name, ALL, SPEED]["Value"], 2),
        "memory": f"{values[one.name, ALL, MEMORY]['Value']:,.0f}",
        "score": fixed(values[one.name, ALL, MAIN]["Value"]),
        "interval": _interval(values[one.name, ALL, MAIN]),
    }


def _interval(row: Mapping[str, Any], decimals: int = 3) -> str:
    return f"{fixed(row['Low'], decimals)} to {fixed(row['High'], decimals)}" if np.isfinite(row["Low"]) else ""


def _score_groups(
    values: Mapping[tuple[str, str, str], Mapping[str, Any]], names: Sequence[str], reference: str
) -> list[dict[str, Any]]:
    """Rows of scores class by class, the best of each measure marked where a difference can be seen at all."""
    groups = []
    for kind in dict.fromkeys(name for _, name, _ in values):
        best = {}
        for measure in SCORES:
            column = {name: values[name, kind, measure]["Value"] for name in names}
            best[measure] = (min if measure in ERRORS else max)(column.values())
        rows = [
            {
                "engine": name,
                "reference": name == reference,
                "cells": [
                    {
                        "value": fixed(values[name, kind, measure]["Value"]),
                        "interval": _interval(values[name, kind, measure], decimals=2),
                        "best": len(names) > 1 and values[name, kind, measure]["Value"] == best[measure],
                    }
                    for measure in SCORES
                ],
            }
            for name in names
        ]
        one = values[names[0], kind, MAIN]
        groups.append(
            {
                "label": class_words(kind),
                "images": int(one["Images"]),
                "groups": int(one["Groups"]),
                "note": one["Note"],
                "rows": rows,
            }
        )
    return groups


def _difference_rows(differences: pd.DataFrame, names: Sequence[str]) -> list[dict[str, str]]:
    rows = differences[differences["Engine"].isin(names) & differences["Measure"].isin(COMPARED)]
    return [
        {
            "engine": row["Engine"],
            "class": class_words(row["Class"]),
            "measure": measure_words(row["Measure"]),
            "difference": f"{row['Difference']:+.3f}",
            "interval": f"{row['Low']:+.3f} to {row['High']:+.3f}" if np.isfinite(row["Low"]) else "none: one group",
            "p": p_value(row["PValue"]),
            "note": row["Note"] or "none",
        }
        for row in rows.to_dict("records")
    ]


def _ablation_rows(ensemble: str, ablation: pd.DataFrame) -> dict[str, Any]:
    overall = ablation[ablation["Class"] == ALL].set_index(["Engine", "Measure"])
    rows = []
    for engine in dict.fromkeys(ablation["Engine"]):
        cells = []
        for measure in COMPARED:
            row = overall.loc[(engine, measure)]
            known = np.isfinite(row["Difference"])
            small = f"{row['Difference']:+.3f}, {p_value(row['PValue'])}" if known else _interval(row)
            cells.append({"value": fixed(row["Value"]), "small": small})
        rows.append(
            {
                "engine": engine,
                "members": overall.loc[(engine, MAIN), "Members"].replace("|", ", "),
                "cells": cells,
                "speed": significant(overall.loc[(engine, SPEED), "Value"], 2),
            }
        )
    return {"ensemble": ensemble, "rows": rows}


def _pictures(rows: pd.DataFrame, gallery: Gallery | None) -> list[dict[str, Any]]:
    """Engine by engine, the pictures of its worst and median images."""
    if gallery is None:
        return []
    shown = []
    for engine in gallery.engines:
        pictures = [
            {
                "source": data_uri(
                    draw_example(
                        gallery.read_image(row["Image"]),
                        gallery.read_truth(row["Image"]),
                        gallery.read_prediction(engine, row["Image"]),
                    )
                ),
                "title": f"{class_words(row['Class'])}, {'worst' if row['Which'] == WORST else 'median'} image",
                "image": row["Image"],
                "words": f"{measure_words(MAIN)} {fixed(row[MAIN])}, {int(row['Objects'])} true and "
                f"{int(row['Predicted'])} found",
            }
            for row in choose_examples(rows, engine, MAIN).to_dict("records")
        ]
        shown.append({"engine": engine, "pictures": pictures})
    return shown
