"""What a unit of work costs: seconds, bytes and files a job and a unit of its work, measured on finished campaigns.

A rate is a straight line through the jobs of a rule: an amount a job, whatever it does, and an amount a unit of its
work (``work.Work``). Of each rule there are seconds by the clock and on the processor (``seconds``, ``cpu``), and what
a job leaves behind: ``bytes``, ``files`` and ``folders``. The table that comes with the library (rates.tsv) is made by
benchmarks/measure_rates.py.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from platewise.errors import PlatewiseError
from platewise.preflight.work import Work

# Cells in a megapixel of a field: the one rate that is no rule's.
DENSITY = "cell_density"
# The time between the start of a SLURM job and that of its work, and what it keeps a processor busy.
JOB_START = "slurm_start"
SHIPPED = Path(__file__).with_name("rates.tsv")


@dataclass(frozen=True)
class Measure:
    """In which units of ``work.Work`` the jobs of a rule are measured, and which files they leave.

    ``times`` is for seconds, ``space`` for bytes, ``counts`` for files and folders; ``job`` where a job costs the same
    whatever it does. ``pattern`` matches paths below the results (those of folders end in a slash), with the groups
    ``plate``, ``block`` and ``features`` where they tell. With ``per_plate`` a job leaves that for each plate of its
    own. ``rule`` is the rule that leaves the files, where they are measured apart from its declared outputs.
    """

    name: str
    times: str
    space: str
    counts: str
    pattern: str
    per_plate: bool = False
    rule: str = ""

    def unit(self, quantity: str) -> str:
        """Return the unit in which a quantity is measured."""
        return {"seconds": self.times, "cpu": self.times, "bytes": self.space}.get(quantity, self.counts)


_PLATE = r"plates/(?P<plate>[^/]+)"
_BLOCK = r"(?P<block>[^/]+)"
_FEATURES = r"(?P<features>[^./]+)"
_SEGMENTER = r"campaign/segmenters/[^/]+/[^/]+"
_HITS = "activity|distances|plates"
_FIELD = rf"{_PLATE}/plate\.zarr/[A-Z]+/\d+/\d+"
_LABELS = r"labels/(zarr\.json|[a-z]+/(zarr\.json|0/.*)?)?"

# In this order: the first pattern that matches has the file.
MEASURES = {
    measure.name: measure
    for measure in (
        Measure("inventory_plate", "fields", "blocks", "blocks", rf"{_PLATE}/inventory/.+"),
        Measure("estimate_illumination", "flat", "frame", "job", rf"{_PLATE}/illumination\.zarr/.*"),
        Measure("labels", "", "area", "fields", rf"{_FIELD}/(zarr\.json|{_LABELS})?", rule="segment_block"),
        # With the levels of labels that go with images.
        Measure("stored_images", "", "megapixels", "fields", rf"{_FIELD}/.+", rule="segment_block"),
        Measure("prepare_store", "wells", "wells", "wells", rf"{_PLATE}/plate\.zarr/.*"),
        Measure("segment_block", "megapixels", "fields", "job", rf"{_PLATE}/fields/{_BLOCK}\.parquet"),
        Measure("measure_block", "cells", "cells", "job", rf"{_PLATE}/cells/{_BLOCK}\.parquet"),
        Measure("inventory_annotations", "annotated", "job", "job", r"campaign/annotations/.+\.folds\.parquet"),
        Measure("rank_annotations", "looked", "job", "job", r"campaign/annotations/.+"),
        Measure("tune_classical", "training", "job", "job", rf"{_SEGMENTER}/parameters\.json"),
        Measure("train_segmenter", "training", "job", "job", rf"{_SEGMENTER}/.*"),
        Measure("predict_held_out", "looked", "job", "job", r"campaign/segmentation/(?P<features>[^/]+)/.+"),
        Measure("evaluate_segmentation", "scored", "job", "job", r"campaign/segmentation/.+|report/segmentation\.html"),
        Measure("reference_plate", "cells", "blocks", "job", rf"{_PLATE}/crops/reference\.parquet"),
        Measure("crop_block", "megapixels", "crops", "job", rf"{_PLATE}/crops/{_BLOCK}\.zarr/.*"),
        Measure("train_embedding", "training", "job", "job", rf"campaign/embedding/{_FEATURES}/.*"),
        Measure("embed_block", "inner", "inner", "job", rf"{_PLATE}/embeddings/{_FEATURES}/{_BLOCK}\.parquet"),
        Measure("normalise_plates", "wells", "wells", "job", rf"{_PLATE}/profiles/{_FEATURES}\.normalised\..+", True),
        Measure("aggregate_plate", "cells", "wells", "job", rf"{_PLATE}/profiles/{_FEATURES}\..+"),
        Measure("import_profiles", "wells", "wells", "job", rf"{_PLATE}/profiles/{_FEATURES}\..+", True),
        Measure("select_features", "wells", "wells", "job", rf"campaign/profiles/{_FEATURES}\.select.+"),
        Measure("build_consensus", "wells", "wells", "job", rf"campaign/profiles/{_FEATURES}\.[^.]+\.consensus\..+"),
        Measure("correct_batches", "wells", "wells", "job", rf"campaign/profiles/{_FEATURES}\..+"),
        Measure(
            "shortlist_perturbations", "wells", "wells", "job", rf"campaign/network/{_FEATURES}\.[^/]+/shortlist\..+"
        ),
        Measure("build_network", "wells", "wells", "job", rf"campaign/network/{_FEATURES}\..+"),
        Measure("score_batches", "wells", "wells", "job", rf"campaign/evaluation/{_FEATURES}\.[^.]+\.batches\..+"),
        Measure("score_differences", "wells", "job", "job", r"campaign/evaluation/differences\.parquet"),
        Measure("fit_dose_response", "wells", "job", "job", r"campaign/screens/dose_response\.parquet"),
        Measure("call_hits", "wells", "wells", "job", rf"campaign/[a-z]+/{_FEATURES}\.[^.]+\.({_HITS})\..+"),
        Measure("evaluate_network", "wells", "wells", "job", rf"campaign/evaluation/{_FEATURES}\..+"),
        Measure("explain_features", "wells", "job", "job", rf"campaign/explanation/{_FEATURES}\.predicted\..+"),
        Measure("show_exemplars", "training", "job", "job", rf"campaign/explanation/{_FEATURES}\.exemplars\..+"),
        Measure("explain_treatments", "wells", "wells", "job", rf"campaign/explanation/{_FEATURES}\..+"),
        Measure("fit_ploidy", "cells", "wells", "job", rf"{_PLATE}/ploidy/.+"),
        Measure("score_ploidy", "wells", "wells", "job", r"campaign/ploidy/.+"),
        Measure("score_variants", "wells", "job", "job", r"campaign/variants/.+"),
        Measure("summarise_qc", "wells", "fields", "job", rf"{_PLATE}/qc/.+"),
        Measure("report_plate", "wells", "wells", "job", r"report/plates/(?P<plate>[^/]+)\.html"),
        Measure("report_network", "wells", "wells", "job", r"report/network\.html"),
        Measure("report_campaign", "wells", "wells", "job", r"report/index\.html"),
    )
}
# Of learned features there are about a tenth as many as of engineered ones: rules that make profiles differ in cost.
LEARNED = ":learned"
# Storing the images beside the labels takes time of its own.
IMAGES = ":images"


@dataclass(frozen=True)
class Rate:
    """One quantity of one rule: ``per_job + per_unit * amount``.

    ``jobs`` is the number of jobs that it was measured on and ``largest`` the largest amount among them: beyond that
    it is a guess.
    """

    name: str
    quantity: str
    unit: str
    per_job: float
    per_unit: float
    jobs: int
    largest: float

    def of(self, work: Work) -> float:
        """Return what a job with this work costs."""
        return self.per_job + self.per_unit * amount(work, self.unit)

    def at_most(self, work: Work) -> float:
        """Return what it costs if, beyond the largest job measured, it grows with the square: with pairs of wells."""
        own = amount(work, self.unit)
        growth = own / self.largest if self.unit == "wells" and own > self.largest > 0 else 1.0
        return self.per_job + self.per_unit * own * growth


Rates = dict[tuple[str, str], Rate]


def find_rate(rates: Rates, name: str, quantity: str) -> Rate | None:
    """Return a rate; for a variant that was not measured the plain rule's, and the other way round."""
    plain = name.partition(":")[0]
    candidates = (rates.get((other, quantity)) for other in (name, plain, plain + IMAGES, plain + LEARNED))
    return next((rate for rate in candidates if rate is not None), None)


def amount(work: Work, unit: str) -> float:
    """Return how much of a unit there is in ``work``; 0 for ``job``, which does not depend on it."""
    return 0.0 if unit == "job" else float(getattr(work, unit))


def fit_line(
    amounts: Sequence[float], values: Sequence[float], per_job: float = 0.0, through_origin: bool = False
) -> tuple[float, float]:
    """Fit ``value = per_job + per_unit * amount``, both from 0 up, with the least relative error.

    Parameters
    ----------
    amounts, values
        Of the jobs, one at least.
    per_job
        Taken for the first where all jobs have about the same amount, so that the two cannot be told apart; at most as
        much as the cheapest job.
    through_origin
        Leave the amount a job out.

    Returns
    -------
    per_job, per_unit
    """
    import numpy as np
    from scipy.optimize import nnls

    x, y = np.asarray(amounts, float), np.asarray(values, float)
    if through_origin:
        return 0.0, float(y.sum() / x.sum())
    if not x.any():
        return float(y.mean()), 0.0
    if x.max() < 1.2 * x.min():
        fixed = min(per_job, float(y.min()))
        return fixed, float((y - fixed).mean() / x.mean())
    weight = 1 / np.maximum(y, y.max() / 1000) if y.any() else np.ones_like(y)
    (fixed, slope), _ = nnls(np.column_stack([weight, x * weight]), y * weight)
    return float(fixed), float(slope)


def write_rates(rates: Iterable[Rate], path: Path) -> None:
    """Write rates as a table of tab-separated values."""
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, [column.name for column in fields(Rate)], delimiter="\t", lineterminator="\n")
        writer.writeheader()
        for rate in rates:
            row = asdict(rate)
            writer.writerow(row | {key: f"{value:.4g}" for key, value in row.items() if isinstance(value, float)})


def read_rates(path: Path = SHIPPED) -> Rates:
    """Read a table of rates, by rule and quantity.

    Raises
    ------
    PlatewiseError
        If the table lacks a column or holds what is no number.
    """
    rates: Rates = {}
    with path.open(encoding="utf-8", newline="") as handle:
        for line, row in enumerate(csv.DictReader(handle, delimiter="\t"), 2):
            try:
                numbers = {key: float(row[key]) for key in ("per_job", "per_unit", "largest")}
                rate = Rate(row["name"], row["quantity"], row["unit"], jobs=int(row["jobs"]), **numbers)
            except (KeyError, TypeError, ValueError) as error:
                raise PlatewiseError(
                    f"{path}, row {line}: found {row}; expected a rate ({error}). Hint: make the table again with "
                    "benchmarks/measure_rates.py."
                ) from error
            rates[rate.name, rate.quantity] = rate
    return rates
