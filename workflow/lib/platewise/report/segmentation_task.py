"""Stage task over files: contenders held against each other, as tables and as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from platewise.algorithms import ALGORITHMS
from platewise.config.segmentation import EnsembleNuclei
from platewise.config.segmentation_evaluation import SegmentationEvaluationConfig
from platewise.config.segmenters import SegmenterConfig
from platewise.plan.engines import ablations, all_contenders, shown_contenders
from platewise.report.segmentation_contenders import ByFold, describe_contender
from platewise.report.segmentation_page import EvaluationTables, Gallery, write_segmentation_page
from platewise.segmentation.annotated import load_annotated
from platewise.segmentation.evaluation import Annotated, read_prediction
from platewise.segmentation.summary import ABLATION_COLUMNS, ablate, compare_engines, summarise
from platewise.tables import read_table, read_tables, write_table


@dataclass(frozen=True)
class EvaluationFiles:
    """What the comparison is made from.

    Attributes
    ----------
    folds
        The table of annotated images.
    scores
        Tables of ``predict_held_out``, of every contender and fold.
    predictions
        Contender to the ZIP files of its labels, in the order of the folds; of those that the page shows.
    curves, parameters
        Training curves of networks, and searched parameters, by segmenter and fold.
    """

    folds: str | Path
    scores: Sequence[str | Path]
    predictions: Mapping[str, Sequence[str | Path]]
    curves: ByFold = field(default_factory=dict)
    parameters: ByFold = field(default_factory=dict)


def evaluate_segmentation(
    files: EvaluationFiles,
    evaluation: SegmentationEvaluationConfig,
    segmenters: Mapping[str, SegmenterConfig],
    folder: str | Path,
    page: str | Path,
    *,
    campaign: str,
    home: str | None,
    seed: int,
) -> None:
    """Write ``scores``, ``summary``, ``differences`` and ``ablation`` as tables, and the page.

    Parameters
    ----------
    files
        What it is made from.
    evaluation, segmenters
        Sections of the config.
    folder
        Of the tables, ``C/segmentation``.
    page
        ``R/report/segmentation.html``.
    campaign
        Its name.
    home
        Where the campaign's page lies, seen from this one; None if it has none.
    seed
        Of bootstrap and permutations.

    Raises
    ------
    DataError
        If contenders were tested on different images.
    """
    folder, images = Path(folder), read_table(files.folds)
    order = {name: place for place, name in enumerate(all_contenders(evaluation))}
    rows = read_tables(files.scores)
    rows = rows.sort_values(
        ["Engine", "Image"], key=lambda column: column.map(order) if column.name == "Engine" else column
    )
    rows = rows.reset_index(drop=True)
    summary = summarise(rows, seed, evaluation.resamples)
    differences = compare_engines(rows, evaluation.reference, seed, evaluation.resamples)
    parts = {
        name: {name: engine.segmenters, **ablations(name, engine.segmenters)}
        for name, engine in (evaluation.contenders.items() if evaluation.ablation else ())
        if isinstance(engine, EnsembleNuclei) and ablations(name, engine.segmenters)
    }
    ablated = {name: ablate(rows, members, seed, evaluation.resamples) for name, members in parts.items()}
    facts = {"stage": "segmentation", "algorithm": ALGORITHMS["segmentation_evaluation"], "seed": seed}
    tables = {"scores": rows, "summary": summary, "differences": differences, "ablation": _stacked(ablated)}
    for name, table in tables.items():
        write_table(table, folder / f"{name}.parquet", facts)
    write_segmentation_page(
        page,
        campaign=campaign,
        tables=EvaluationTables(
            rows,
            summary,
            differences,
            ablated,
            {name: {fold: read_table(path) for fold, path in made.items()} for name, made in files.curves.items()},
        ),
        contenders=[
            describe_contender(name, engine, segmenters, images, evaluation, files.parameters)
            for name, engine in evaluation.contenders.items()
        ],
        reference=evaluation.reference,
        gallery=_gallery(files, evaluation, images),
        home=home,
    )


def _stacked(ablated: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Put the ablations of all ensembles in one table; without any it has its columns and no row."""
    tables = [table.assign(Ensemble=name) for name, table in ablated.items()]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=[*ABLATION_COLUMNS, "Ensemble"])


def _gallery(files: EvaluationFiles, evaluation: SegmentationEvaluationConfig, images: pd.DataFrame) -> Gallery:
    known = images.set_index("Name", drop=False)

    def annotated(name: str) -> Annotated:
        return next(load_annotated(known.loc[[name]]))

    def found(engine: str, name: str) -> np.ndarray:
        fold = int(known.loc[name, "Fold"])
        return read_prediction(Path(files.predictions[engine][fold]), name)

    return Gallery(
        shown_contenders(evaluation),
        read_image=lambda name: annotated(name).image,
        read_truth=lambda name: annotated(name).label,
        read_prediction=found,
    )
