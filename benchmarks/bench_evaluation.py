"""CPU time of mean average precision, beside copairs on the same profiles in the same run.

Usage: ``OMP_NUM_THREADS=1 python benchmarks/bench_evaluation.py``.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from platewise.evaluation.annotations import annotation_matches
from platewise.evaluation.precision import (
    PrecisionNull,
    annotation_precision,
    mean_precision,
    precision_p_values,
    replicate_precision,
)
from platewise.evaluation.similarity import Cosine

PROFILES, FEATURES, MECHANISMS, NULL = 4000, 300, 200, 2000


def timed(work: Callable[[], object], times: int = 1) -> tuple[object, float]:
    """Return what the work gives, and the mean of its CPU seconds over so many times."""
    began = time.process_time()
    for _ in range(times):
        found = work()
    return found, (time.process_time() - began) / times


def compare_annotations() -> None:
    from copairs.map import average_precision, mean_average_precision

    rng = np.random.default_rng(0)
    moas = [f"m{number}" for number in rng.integers(0, MECHANISMS, PROFILES)]
    values = rng.normal(size=(PROFILES, FEATURES))
    # Kernels are compiled, or loaded, before the clock runs.
    annotation_precision(Cosine(values[:50]), annotation_matches(moas[:50]))
    ours, own = timed(lambda: annotation_precision(Cosine(values), annotation_matches(moas)))
    _, own_p = timed(lambda: precision_p_values(ours, mean_precision(ours), PrecisionNull(NULL, 0)))
    meta = pd.DataFrame({"moa": moas, "name": [f"c{number}" for number in range(PROFILES)]})
    theirs, other = timed(lambda: average_precision(meta, values, ["moa"], ["name"], [], ["moa"], progress_bar=False))
    _, other_p = timed(
        lambda: mean_average_precision(theirs, ["name"], null_size=NULL, threshold=0.05, seed=0, progress_bar=False)
    )
    both = np.isfinite(ours.values)
    apart = np.abs(ours.values[both] - theirs["average_precision"].to_numpy()[both]).max()
    print_rows("mechanisms", own, other, own_p, other_p, apart)


def compare_replicates() -> None:
    from copairs.map import average_precision, mean_average_precision

    rng = np.random.default_rng(1)
    plates = np.arange(PROFILES) // 384
    controls = np.arange(PROFILES) % 12 == 0
    # Each plate map is made four times.
    names = np.where(controls, "DMSO", [f"c{plate // 4}-{well % 384}" for well, plate in enumerate(plates)])
    labels = np.unique(names, return_inverse=True)[1]
    values = rng.normal(size=(PROFILES, FEATURES))
    # Hundredths of a second: once would tell more of the clock than of the work.
    ours, own = timed(lambda: replicate_precision(Cosine(values), labels, plates, controls), 20)
    _, own_p = timed(lambda: precision_p_values(ours, mean_precision(ours), PrecisionNull(NULL, 0)))
    meta = pd.DataFrame({"plate": plates, "name": names, "control": controls})
    theirs, other = timed(
        lambda: average_precision(meta, values, ["name"], [], ["plate"], ["control"], progress_bar=False), 3
    )
    treated = theirs[~theirs["control"]].copy()
    _, other_p = timed(
        lambda: mean_average_precision(treated, ["name"], null_size=NULL, threshold=0.05, seed=0, progress_bar=False)
    )
    apart = np.nanmax(np.abs(ours.values - treated["average_precision"].to_numpy()))
    print_rows("replicates", own, other, own_p, other_p, apart)


def print_rows(what: str, own: float, other: float, own_p: float, other_p: float, apart: float) -> None:
    print(f"{what}: {PROFILES} profiles x {FEATURES}; average precision differs by {apart:.1e} at most")
    print(f"  average precision: {own:.3f} CPU s, copairs {other:.2f}: {other / own:.0f} times faster")
    print(f"  p-values, {NULL} random rankings: {own_p:.2f} CPU s, copairs {other_p:.2f}")


def main() -> None:
    compare_annotations()
    compare_replicates()


if __name__ == "__main__":
    main()
