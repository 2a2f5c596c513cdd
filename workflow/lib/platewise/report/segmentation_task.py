"""Stage task over files: contenders held against each other, as tables and as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from platewise.algorithms import ALGORITHMS
from platewise.config.segmentation import ClassicalNuclei, EnsembleNuclei
from platewise.config.segmentation_evaluation import ContenderConfig, PerClassNuclei, SegmentationEvaluationConfig
from platewise.config.segmenters import SegmenterConfig
from platewise.plan.engines import ablations, all_contenders, networks_in, shown_contenders
from platewise.report.segmentation_page import Contender, EvaluationTables, Gallery, write_segmentation_page
from platewise.segmentation.annotated import load_annotated
from platewise.segmentation.evaluation import Annotated, read_prediction
from platewise.segmentation.summary import ablate, compare_engines, summarise
from platewise.segmentation.tuning import read_parameters
from platewise.tables import read_table, read_tables, write_table

# Segmenter to fold to file.
ByFold = Mapping[str, Mapping[str, str | Path]]


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


_WORDS = {
    "unet": "U-Net with classes for inside and boundary",
    "fpn": "feature pyramid with distances and directions",
    "flow": "U-Net with flows to the centre",
    "maskrcnn": "Mask R-CNN",
    "cellpose": "the tool Cellpose",
    "stardist": "the tool StarDist",
    "instanseg": "the tool InstanSeg",
    "mesmer": "the tool Mesmer",
}


def describe_contender(
    name: str,
    engine: ContenderConfig,
    segmenters: Mapping[str, SegmenterConfig],
    images: pd.DataFrame,
    evaluation: SegmentationEvaluationConfig,
    parameters: ByFold,
) -> Contender:
    """Say what a contender is, and what a person had to do for it.

    Annotated images are counted in the fold that has most of them; those of a segmenter that learned from other images
    than the evaluation's are not known here.
    """
    used = [segmenters[one] for one in networks_in(engine)]
    learned = [one for one in used if one.annotations == evaluation.annotations]
    seen = pd.Series(False, index=images.index)
    for one in learned:
        seen |= images["Class"].isin(one.classes or list(images["Class"]))
    annotated = max((int((seen & (images["Fold"] != fold)).sum()) for fold in images["Fold"].unique()), default=0)
    notes = "" if len(learned) == len(used) else "learned from other images, which are not counted"
    if isinstance(engine, ClassicalNuclei):
        usual = ClassicalNuclei().model_dump()
        keys = [key for key, value in engine.model_dump().items() if value != usual[key]]
        return Contender(name, f"classical engine, {'default settings' if not keys else 'set by hand'}", 0, len(keys))
    if engine.engine == "tuned":
        found = [read_parameters(Path(path)) for one in networks_in(engine) for path in parameters[one].values()]
        return Contender(
            name,
            "classical engine, parameters for each type of image",
            max((one.annotated for one in found), default=0),
            0,
            "parameters are set by a search on these images, in place of an expert",
        )
    if isinstance(engine, EnsembleNuclei):
        kinds = ", ".join(one.engine for one in used)
        return Contender(name, f"ensemble of {len(used) + len(engine.members)} networks ({kinds})", annotated, 0, notes)
    if isinstance(engine, PerClassNuclei):
        kinds = " and ".join(dict.fromkeys(_WORDS.get(one.engine, one.engine) for one in used))
        return Contender(
            name, f"{kinds}, one for each type of image", annotated, 0, "a person names the type of an image"
        )
    return Contender(name, _WORDS[engine.engine], annotated, 0, notes)


def _stacked(ablated: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Put the ablations of all ensembles in one table; without any it has its columns and no row."""
    empty = pd.DataFrame(columns=["Ensemble", "Engine", "Members", "Class", "Measure", "Value"])
    tables = [table.assign(Ensemble=name) for name, table in ablated.items()]
    return pd.concat(tables, ignore_index=True) if tables else empty


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
