"""CPU time and memory of measuring a field as the JUMP pipelines do, beside cp_measure in the same run.

Usage: ``make bench-measure``, or ``OMP_NUM_THREADS=1 python benchmarks/bench_measure.py [--peer PYTHON]``. With
``PLATEWISE_DATA`` set the field is a real one with CellProfiler's reference labels (five channels of 1080 x 1080
pixels, 104 cells), else one that is drawn here. ``--peer`` is the interpreter of an environment with
``benchmarks/peers.txt``. Ours runs before and after the peer, on the same image and labels, with the same settings.
Where there is a GPU, the groups that have a path for it are measured on it too, transfers included. Every line is
``name value unit``.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
LIBRARY = HERE.parent / "workflow" / "lib"
sys.path.insert(0, str(LIBRARY))

from platewise.config.measure import MeasureConfig  # noqa: E402
from platewise.measure.cellprofiler import SETTINGS  # noqa: E402
from platewise.measure.field import measure_field  # noqa: E402
from platewise.measure.groups import GROUPS  # noqa: E402
from platewise.measure.names import group_compartments  # noqa: E402
from platewise.measure.objects import compartments, under  # noqa: E402

CHANNELS = ["DNA", "ER", "RNA", "AGP", "Mito"]


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
    """Read the field that CellProfiler's reference numbers are of."""
    from tifffile import imread

    name = "r04c14f05p01"
    images = [imread(root / "jump_cpjump1" / "images" / f"{name}-ch{i}sk1fk1fl1.tiff") for i in (5, 4, 3, 2, 1)]
    labels = {k: imread(root / "cp_reference" / name / f"{k}.tif").astype(np.int32) for k in ("nuclei", "cells")}
    return np.stack(images).astype(np.float32), labels


def cpu(function, *arguments, repeats=3):
    """Return the least CPU seconds of a few calls."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function(*arguments)
        times.append(time.process_time() - start)
    return min(times)


def wall(function, *arguments, repeats=5):
    """Return the least seconds by the clock of a few calls after a first one: what a GPU does is no CPU time."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - start)
    return min(times[1:])


def given_parts(image, labels, config):
    """Yield each feature group with its settings and the compartments that it is given."""
    _, objects = compartments(labels)
    scaled = image / np.float32(config.full_scale)
    pixels = {compartment: under(own, scaled, config.full_scale) for compartment, own in objects.items()}
    for settings in config.groups:
        group = GROUPS[settings.group]
        yield group, settings, {compartment: pixels[compartment] for compartment in group_compartments(settings.group)}


def groups(image, labels, config):
    """Return the CPU seconds of each feature group."""
    return {
        settings.group: cpu(group.measure, parts, CHANNELS, settings)
        for group, settings, parts in given_parts(image, labels, config)
    }


def on_gpu(image, labels):
    """Print what the groups that a GPU can compute take on it; tables come back, so nothing is still under way."""
    import torch

    if not torch.cuda.is_available():
        print("gpu none device")
        return
    torch.set_num_threads(1)
    device = torch.device("cuda")
    print(f"gpu {torch.cuda.get_device_name(device).replace(' ', '_')} device")
    for name, config in (("jump", SETTINGS), ("default", MeasureConfig())):
        for group, settings, parts in given_parts(image, labels, config):
            if group.on_gpu is not None:
                seconds = wall(group.on_gpu, parts, CHANNELS, settings, device)
                print(f"gpu.{name}.{settings.group} {seconds:.3f} s_per_field")
                print(f"cpu.{name}.{settings.group} {wall(group.measure, parts, CHANNELS, settings):.3f} s_per_field")
        print(f"gpu.{name}.total {wall(measure_field, image, labels, CHANNELS, config, device):.3f} s_per_field")
        print(f"cpu.{name}.total {wall(measure_field, image, labels, CHANNELS, config):.3f} s_per_field")
    print(f"gpu.peak {torch.cuda.max_memory_allocated() / 2**20:.0f} MiB")


def peer_groups(python, image, labels):
    """Return the CPU seconds of each feature group of cp_measure."""
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "field.npz", image=image / np.float32(65535), **labels)
        command = [python, HERE / "peer_cp_measure.py", Path(folder) / "field.npz"]
        one = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(command, env=os.environ | one, capture_output=True, text=True, check=True)
    return {name: float(seconds) for name, seconds in map(str.split, done.stdout.splitlines())}


def compare(image, labels, python):
    """Print what a field takes as the JUMP pipelines measure it, and what cp_measure takes for the same."""
    table = measure_field(image, labels, CHANNELS, SETTINGS)
    print(f"cells {len(table)} cells")
    print(f"features {table.shape[1] - 2} features")
    before = cpu(measure_field, image, labels, CHANNELS, SETTINGS)
    ours = groups(image, labels, SETTINGS)
    theirs = {} if python is None else peer_groups(python, image, labels)
    total = (before + cpu(measure_field, image, labels, CHANNELS, SETTINGS)) / 2
    for name, seconds in ours.items():
        print(f"{name} {seconds:.3f} cpu_s_per_field")
        # Locations are part of its Intensity.
        if name in theirs:
            print(f"{name}.cp_measure {theirs[name]:.3f} cpu_s_per_field")
    print(f"total {total:.3f} cpu_s_per_field")
    if theirs:
        print(f"total.cp_measure {sum(theirs.values()):.3f} cpu_s_per_field")
        print(f"speedup {sum(theirs.values()) / total:.1f} times")


def campaign(image, labels):
    """Print what a field takes with the default config of a campaign."""
    print(f"default.features {measure_field(image, labels, CHANNELS, MeasureConfig()).shape[1] - 2} features")
    print(f"default.total {cpu(measure_field, image, labels, CHANNELS, MeasureConfig()):.3f} cpu_s_per_field")
    for name, seconds in groups(image, labels, MeasureConfig()).items():
        print(f"default.{name} {seconds:.3f} cpu_s_per_field")


WORKER = """
import resource, sys, time
sys.path.insert(0, sys.argv[1])
import numpy as np
from platewise.measure.cellprofiler import SETTINGS
from platewise.measure.field import measure_field
field = np.load(sys.argv[2])
image, labels = field["image"], {name: field[name] for name in ("nuclei", "cells")}
measure_field(image, labels, ["DNA", "ER", "RNA", "AGP", "Mito"], SETTINGS)
print("ready", flush=True)
sys.stdin.readline()
start = time.perf_counter()
for _ in range(5):
    measure_field(image, labels, ["DNA", "ER", "RNA", "AGP", "Mito"], SETTINGS)
print((time.perf_counter() - start) / 5, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)
"""


def workers(image, labels):
    """Print the memory of a worker, and how much more two of them do than one; wall time, for idle machines."""
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "field.npz", image=image, **labels)
        speeds = {}
        for count in (1, 2):
            command = [sys.executable, "-c", WORKER, LIBRARY, Path(folder) / "field.npz"]
            running = [
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                for _ in range(count)
            ]
            for worker in running:
                worker.stdout.readline()
            for worker in running:
                worker.stdin.write("go\n")
                worker.stdin.flush()
            answers = [worker.communicate()[0].split() for worker in running]
            speeds[count] = sum(1 / float(seconds) for seconds, _ in answers)
            peak = max(float(megabytes) for _, megabytes in answers)
    print(f"worker.peak {peak:.0f} MiB")
    print(f"workers.two {speeds[2] / speeds[1]:.2f} times_one")


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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", help="interpreter of an environment with benchmarks/peers.txt")
    peer = parser.parse_args().peer
    image, labels = real_field(Path(os.environ["PLATEWISE_DATA"])) if "PLATEWISE_DATA" in os.environ else drawn_field()
    compare(image, labels, peer)
    campaign(image, labels)
    on_gpu(image, labels)
    workers(image, labels)
    start_up()


if __name__ == "__main__":
    main()
