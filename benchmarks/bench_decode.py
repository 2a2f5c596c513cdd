"""CPU time of reading objects from the maps of a 1080 x 1080 field, at that size, beside a naive peer in the same run.

Usage: ``OMP_NUM_THREADS=1 python benchmarks/bench_decode.py``. Every line is ``name value unit``. The maps are made
from two drawn label images, 250 nuclei of about 36 pixels and 250 cells of about 80 that fill the field, with smooth
noise as networks make it. The peer is ``naive_flows.py``: Cellpose's steps in numpy and scipy.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

LIBRARY = Path(__file__).parents[1] / "workflow" / "lib"
sys.path.insert(0, str(LIBRARY))
sys.path.insert(0, str(Path(__file__).parent))

import naive_flows  # noqa: E402
from bench_measure import cpu  # noqa: E402

from platewise.segmentation import targets  # noqa: E402
from platewise.segmentation.decode.choose import decode  # noqa: E402
from platewise.segmentation.decode.flows import flow_errors  # noqa: E402
from platewise.segmentation.decode.resize import resize_label  # noqa: E402
from platewise.segmentation.maps import Maps  # noqa: E402
from platewise.segmentation.scoring import score  # noqa: E402

SIDE, COUNT = 1080, 250
TINY = """
import sys, time; sys.path.insert(0, sys.argv[1]); import numpy as np
from platewise.segmentation.decode.choose import decode
from platewise.segmentation.decode.resize import resize_label
from platewise.segmentation.maps import Maps
start = time.process_time()
one, flow = np.pad(np.ones((4, 4), np.float32), 2), np.zeros((2, 8, 8), np.float32)
for maps in (Maps(one, flow=flow), Maps(one, distance=one), Maps(one, boundary=0 * one)):
    resize_label(decode(maps, 0.5, 0.0, 9.0, 4.0), one, (16, 16))
print(time.process_time() - start)
"""


def drawn_labels(diameter):
    """Draw 250 objects on a shaken grid, with wobbly outlines; those that meet share the ground between them."""
    rng = np.random.default_rng(1)
    side = int(np.ceil(np.sqrt(COUNT)))
    step = SIDE / side
    centres = (np.indices((side, side)).reshape(2, -1).T + 0.5) * step
    centres = (centres + rng.uniform(-step / 4, step / 4, centres.shape))[rng.permutation(side**2)[:COUNT]]
    bend = gaussian_filter(rng.normal(size=(2, SIDE, SIDE)), (0, 8, 8)) * diameter
    places = np.moveaxis(np.indices((SIDE, SIDE)) + bend, 0, 2)
    distance, nearest = cKDTree(centres).query(places)
    return np.where(distance <= diameter / 2, nearest + 1, 0).astype(np.int32)


def noisy(label):
    """Make the maps that a good network would predict."""
    rng = np.random.default_rng(2)
    noise = gaussian_filter(rng.normal(size=(5, SIDE, SIDE)), (0, 3, 3))
    noise = 0.1 * (noise / noise.std()).astype(np.float32)
    perfect = Maps(
        gaussian_filter((label > 0).astype(np.float32), 1),
        gaussian_filter((targets.three_classes(label) == 2).astype(np.float32), 1),
        targets.centre_distance(label),
        targets.centre_flow(label),
    )
    return Maps(
        *(
            values + noise[place]
            for place, values in enumerate((perfect.foreground, perfect.boundary, perfect.distance))
        ),
        perfect.flow + noise[3:],
    )


def report(name, diameter):
    """Print the lines of one field."""
    truth = drawn_labels(diameter)
    maps = noisy(truth)
    print(f"{name}.objects {len(np.unique(truth)) - 1} objects")
    print(f"{name}.foreground {100 * (truth > 0).mean():.0f} percent")
    for title, kind in (("boundaries", "boundary"), ("distances", "distance"), ("flows", "flow")):
        only = Maps(maps.foreground, **{kind: getattr(maps, kind)})
        found = decode(only, 0.5, 0.1, 0.4, diameter)
        print(f"{name}.{title} {cpu(decode, only, 0.5, 0.1, 0.4, diameter):.3f} cpu_s_per_field")
        print(f"{name}.{title}.f1@0.7 {score(truth, found)['f1@0.7']:.3f} share")
    print(f"{name}.flows.of_which_check {cpu(flow_errors, found, maps.flow):.3f} cpu_s_per_field")
    print(f"{name}.targets.centre_flow {cpu(targets.centre_flow, truth):.3f} cpu_s_per_field")
    half = np.ascontiguousarray(found[::2, ::2]), np.ascontiguousarray(maps.foreground[::2, ::2])
    print(f"{name}.enlarge {cpu(resize_label, *half, truth.shape):.3f} cpu_s_per_field")
    peer = cpu(naive_flows.decode, maps.foreground, maps.flow, repeats=1)
    print(f"{name}.peer {peer:.1f} cpu_s_per_field")
    flows = cpu(decode, Maps(maps.foreground, flow=maps.flow), 0.5, 0.1, 0.4, diameter)
    print(f"{name}.speedup {peer / flows:.0f} times")


def compiling():
    """Print what the kernels cost a process: once a machine to compile, later to load."""
    with tempfile.TemporaryDirectory() as cache:
        for title in ("compiling", "loading"):
            done = subprocess.run(
                [sys.executable, "-c", TINY, LIBRARY],
                env={**os.environ, "NUMBA_CACHE_DIR": cache},
                capture_output=True,
                text=True,
                check=True,
            )
            print(f"kernels.{title} {float(done.stdout):.2f} cpu_s_per_process")


def main():
    report("nuclei", 36)
    report("cells", 80)
    compiling()


if __name__ == "__main__":
    main()
