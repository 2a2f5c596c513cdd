"""CPU seconds of cp_measure for one field, group by group: run by `bench_measure.py` in an environment of its own.

Usage: ``python benchmarks/peer_cp_measure.py FIELD.npz`` with ``image`` (channel, y, x) in shares of full scale and the
label images ``nuclei`` and ``cells``. Prints a line ``group seconds`` for each group of features. Settings are those of
`platewise.measure.cellprofiler`; where cp_measure measures more in one call (advanced shape features, slopes), the
switch that leaves them out is used when there is one.
"""

import sys
import time
import warnings
from collections import defaultdict
from itertools import combinations

import cp_measure
import numpy as np

warnings.filterwarnings("ignore")
cp_measure.set_accelerator("numba")

from cp_measure.bulk import (  # noqa: E402
    get_core_measurements,
    get_correlation_measurements,
    get_multimask_measurements,
)


def measure(image, labels, spent):
    """Measure everything, and add up the CPU seconds of each group in ``spent``."""
    core, pairs = get_core_measurements(legacy=True, sanitize=False), get_correlation_measurements(sanitize=False)
    neighbors = get_multimask_measurements()["neighbors"]

    def timed(group, function, *arguments, **keys):
        start = time.process_time()
        function(*arguments, **keys)
        spent[group] += time.process_time() - start

    for name, label in labels.items():
        timed("AreaShape", core["sizeshape"], label, None, calculate_advanced=False)
        timed("AreaShape", core["zernike"], label, None)
        timed("AreaShape", core["feret"], label, None)
        for plane in image:
            timed("Intensity", core["intensity"], label, plane)
            for scale in (3, 5, 10):
                timed("Texture", core["texture"], label, plane, scale=scale, gray_levels=256)
            timed("Granularity", core["granularity"], label, plane, subsample_size=0.5, image_sample_size=0.5)
            timed("RadialDistribution", core["radial_distribution"], label, plane)
        for one, two in combinations(image, 2):
            for kind in ("pearson", "manders_fold", "rwc", "overlap"):
                timed("Correlation", pairs.get(kind) or overlap, one, two, label)
        if name != "cytoplasm":
            timed("Neighbors", neighbors, label, label, "Adjacent")
            timed("Neighbors", neighbors, label, label, "Within a specified distance", 10)


def overlap(one, two, label):
    """Overlap and K, which cp_measure has but does not list."""
    from cp_measure.core.measurecolocalization import get_correlation_overlap

    return get_correlation_overlap(one, two, label)


def main():
    field = np.load(sys.argv[1])
    image = field["image"].astype(np.float32)
    labels = {name: field[name].astype(np.int32) for name in ("nuclei", "cells")}
    labels["cytoplasm"] = np.where(labels["nuclei"] > 0, 0, labels["cells"])
    # Compile first: that is paid once.
    small = np.zeros((60, 60), np.int32)
    small[5:25, 5:25], small[30:50, 30:50] = 1, 2
    measure(image[:2, :60, :60], {"cells": small}, defaultdict(float))
    spent = defaultdict(float)
    measure(image, labels, spent)
    for group, seconds in spent.items():
        print(group, seconds)


if __name__ == "__main__":
    main()
