"""CPU time of measuring a field of 540 x 540 pixels with five channels, beside a naive peer in the same run.

Usage: ``OMP_NUM_THREADS=1 python benchmarks/bench_measure.py``. The field is drawn here (36 cells); with
``PLATEWISE_DATA`` set, a quarter of a real Cell Painting field (39 cells) is measured too. Every line is
``name value unit``. The peer loops over ``skimage.measure.regionprops_table`` and ``graycomatrix``, as one would write
it first; it has no Zernike, radial or neighbour features and no rank-weighted colocalization.
"""

import os
import subprocess
import sys
import time
from itertools import combinations
from pathlib import Path

import numpy as np

LIBRARY = Path(__file__).parents[1] / "workflow" / "lib"
sys.path.insert(0, str(LIBRARY))

from platewise.config.measure import FullRange, MeasureConfig, TextureGroup  # noqa: E402
from platewise.measure.field import measure_field  # noqa: E402
from platewise.measure.groups import GROUPS  # noqa: E402
from platewise.measure.objects import compartments, under  # noqa: E402

CHANNELS = ["DNA", "ER", "RNA", "AGP", "Mito"]
SHAPES = (
    "area", "area_bbox", "area_convex", "area_filled", "axis_major_length", "axis_minor_length", "centroid",
    "eccentricity", "equivalent_diameter_area", "euler_number", "extent", "feret_diameter_max", "orientation",
    "perimeter", "solidity", "moments_hu",
)  # fmt: skip
TEXTURES = ("contrast", "dissimilarity", "homogeneity", "energy", "correlation", "ASM", "mean", "variance", "entropy")


def drawn_field():
    """Draw 36 cells, each with a nucleus, that fill half of the field."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(1)
    rows, cols = np.mgrid[:540, :540]
    centers = (np.indices((6, 6)).reshape(2, -1).T * 90 + 45) + rng.integers(-18, 19, (36, 2))
    squares = (rows[..., None] - centers[:, 0]) ** 2 + (cols[..., None] - centers[:, 1]) ** 2
    nearest, distance = squares.argmin(axis=2) + 1, np.sqrt(squares.min(axis=2))
    wobble = gaussian_filter(rng.normal(size=(540, 540)), 8) * 60
    cells = np.where(distance + wobble < 40, nearest, 0).astype(np.int32)
    nuclei = np.where((distance + wobble / 3 < 16) & (cells > 0), nearest, 0).astype(np.int32)
    image = [
        400 + 3000 * (nuclei if channel == "DNA" else cells > 0).astype(bool) * np.exp(gaussian_filter(noise, 2) * 4)
        for channel, noise in zip(CHANNELS, rng.normal(size=(5, 540, 540)), strict=True)
    ]
    return rng.poisson(np.stack(image)).astype(np.float32), {"nuclei": nuclei, "cells": cells}


def real_field(root):
    """Cut 540 x 540 pixels out of a field with CellProfiler's reference labels."""
    from tifffile import imread

    name, cut = "r04c14f05p01", (slice(200, 740), slice(200, 740))
    images = [imread(root / "jump_cpjump1" / "images" / f"{name}-ch{i}sk1fk1fl1.tiff")[cut] for i in (5, 4, 3, 2, 1)]
    cells, nuclei = (
        imread(root / "cp_reference" / name / f"{k}.tif")[cut].astype(np.int32) for k in ("cells", "nuclei")
    )
    nuclei = np.where(nuclei == cells, nuclei, 0)
    return np.stack(images).astype(np.float32), {"nuclei": nuclei, "cells": cells}


def cpu(function, *arguments, repeats=3):
    """Return the least CPU seconds of a few calls."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function(*arguments)
        times.append(time.process_time() - start)
    return min(times)


def peer(image, labels):
    """Measure shape, intensity, texture and correlation with scikit-image; returns the number of features."""
    import pandas as pd
    from skimage.feature import graycomatrix, graycoprops
    from skimage.measure import regionprops, regionprops_table

    def quartiles(mask, values):
        return np.percentile(values[mask], [25, 50, 75])

    def mad(mask, values):
        return np.median(np.abs(values[mask] - np.median(values[mask])))

    cytoplasm = np.where(labels["nuclei"] > 0, 0, labels["cells"])
    features = 0
    for label in (labels["nuclei"], labels["cells"], cytoplasm):
        features += pd.DataFrame(regionprops_table(label, properties=SHAPES)).shape[1]
        for plane in image:
            table = regionprops_table(
                label,
                plane,
                properties=("intensity_mean", "intensity_std", "intensity_min", "intensity_max", "centroid_weighted"),
                extra_properties=(quartiles, mad),
            )
            features += len(table) + len(TEXTURES)
            grey = np.clip(plane / 1024, 0, 63).astype(np.uint8) + 1
            for region in regionprops(label):
                patch = np.where(region.image, grey[region.slice], 0)
                pairs = graycomatrix(patch, [3], np.arange(4) * np.pi / 4, 65, symmetric=True)
                pairs[0] = pairs[:, 0] = 0
                for name in TEXTURES:
                    graycoprops(pairs, name).mean()
        for a, b in combinations(image, 2):
            features += 1
            for region in regionprops(label):
                np.corrcoef(a[region.slice][region.image], b[region.slice][region.image])
    return features


def report(name, image, labels):
    """Print the lines of one field."""
    config = MeasureConfig()
    table = measure_field(image, labels, CHANNELS, config)
    print(f"{name}.cells {len(table)} cells")
    print(f"{name}.features {table.shape[1] - 2} features")
    total = cpu(measure_field, image, labels, CHANNELS, config)
    print(f"{name}.total {total:.3f} cpu_s_per_field")
    _, objects = compartments(labels)
    scaled = image / np.float32(config.full_scale)
    pixels = {compartment: under(own, scaled, config.full_scale) for compartment, own in objects.items()}
    cellprofiler = TextureGroup(levels=256, range=FullRange())
    for title, settings in [(g.group, g) for g in config.groups] + [("Texture_full_256", cellprofiler)]:
        group = GROUPS[settings.group]
        seconds = sum(cpu(group.measure, pixels[part], CHANNELS, settings) for part in group.compartments)
        print(f"{name}.{title} {seconds:.4f} cpu_s_per_field")
    peer_seconds = cpu(peer, image, labels, repeats=1)
    print(f"{name}.peer {peer_seconds:.3f} cpu_s_per_field")
    print(f"{name}.peer_features {peer(image, labels)} features")
    print(f"{name}.speedup {peer_seconds / total:.1f} times")


def start_up():
    """Print what a process pays before its second field: imports, and loading kernels from the cache."""
    code = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); import numpy as np\n"
        "from platewise.config.measure import MeasureConfig\n"
        "import pandas; start = time.process_time()\n"
        "from platewise.measure.field import measure_field\n"
        "print(time.process_time() - start); start = time.process_time()\n"
        "labels = np.zeros((40, 40), np.int32); labels[5:30, 5:30] = 1\n"
        "image = np.ones((2, 40, 40), np.float32)\n"
        "measure_field(image, {'nuclei': labels, 'cells': labels}, ['A', 'B'], MeasureConfig())\n"
        "print(time.process_time() - start)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, LIBRARY], capture_output=True, text=True, check=True)
    imports, kernels = done.stdout.split()
    print(f"start.imports {float(imports):.2f} cpu_s_per_process")
    print(f"start.kernels_from_cache {float(kernels):.2f} cpu_s_per_process")


def main():
    report("drawn", *drawn_field())
    if "PLATEWISE_DATA" in os.environ:
        report("real", *real_field(Path(os.environ["PLATEWISE_DATA"])))
    start_up()


if __name__ == "__main__":
    main()
