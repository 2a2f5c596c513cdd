"""Cost of finding the nuclei of a 1080 x 1080 field with a network, stage by stage; on a GPU fields a second.

Usage: ``OMP_NUM_THREADS=1 python benchmarks/bench_segment.py [--engine flow] [--model WEIGHTS]``. Every line is
``name value unit``. With ``PLATEWISE_DATA`` set the field is a real one of JUMP, else it is drawn. Without a GPU the
lines about one are left out.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

LIBRARY = Path(__file__).parents[1] / "workflow" / "lib"
sys.path.insert(0, str(LIBRARY))
sys.path.insert(0, str(Path(__file__).parent))

from bench_decode import drawn_labels  # noqa: E402
from bench_measure import cpu  # noqa: E402

from platewise.segmentation.options import config_of_options  # noqa: E402

DIAMETER = 36.0
JUMP = "jump_cpjump1/images/r04c14f05p01-ch5sk1fk1fl1.tiff"
# Fields that a GPU is given in one call, and calls.
FIELDS, CALLS = 16, 6


def field():
    """Return a field (1, y, x), real or drawn."""
    if root := os.environ.get("PLATEWISE_DATA"):
        from tifffile import imread

        return imread(Path(root) / JUMP)[None].astype(np.float32)
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(2)
    shown = gaussian_filter((drawn_labels(DIAMETER) > 0).astype(np.float32), 2) * 2000 + 300
    return rng.poisson(shown)[None].astype(np.float32)


def stages(config, image):
    """Measure each stage by itself, and that together they find what the engine finds."""
    from platewise.segmentation.decode.choose import decode
    from platewise.segmentation.decode.resize import resize_label
    from platewise.segmentation.decode.tidy import tidy
    from platewise.segmentation.dense import MapPredictor, make_dense, working_factor
    from platewise.segmentation.images import check_image, standardise
    from platewise.segmentation.models import load_model, shipped_model
    from platewise.segmentation.scale import ScaleEstimator

    engine = make_dense(config)
    whole = cpu(engine.segment, [image])
    yield "nuclei", engine.segment([image])[0].max(), "objects"
    yield "whole", whole, "CPU s"

    yield "prepare", cpu(lambda: standardise(check_image(image))), "CPU s"
    seen = standardise(check_image(image))
    diameter = config.nucleus_diameter
    if diameter is None:
        estimator = ScaleEstimator(None)
        yield "scale", cpu(estimator.diameters, [seen]), "CPU s"
        (diameter,) = estimator.diameters([seen])
    told = make_dense(config.model_copy(update={"nucleus_diameter": diameter}))
    # Less the scale, and more where the size of what was found asked for another look.
    yield "one_look", cpu(told.segment, [image]), "CPU s"
    (label,) = told.segment([image])
    weights = shipped_model(config.engine, "nuclei") if config.weights is None else Path(config.weights)
    model = load_model(weights, config.engine, "nuclei")
    predictor = MapPredictor([model], flips=config.flips, scales=config.scales, tile=config.tile)
    yield "network", cpu(lambda: list(predictor.predict([seen], [diameter]))), "CPU s"
    ((_, maps),) = predictor.predict([seen], [diameter])
    size = diameter * working_factor(image.shape[1:], diameter, predictor.diameter)

    def read():
        flow_error = getattr(config, "flow_error", np.inf)
        return decode(maps, config.foreground_threshold, config.minimum_area, flow_error, size)

    def enlarge():
        return tidy(resize_label(read(), maps.foreground, image.shape[1:], config.foreground_threshold), 1)

    yield "decode", cpu(read), "CPU s"
    yield "enlarge", cpu(enlarge) - cpu(read), "CPU s"
    assert np.array_equal(enlarge(), label), "the stages do not add up to the engine"


def on_gpu(config, image):
    """Measure a stream of fields on the GPU: how many a second, and the share of the time that it computes."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    from platewise.segmentation.dense import make_dense

    engine = make_dense(config, torch.device("cuda"))
    engine.segment([image] * FIELDS)
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        start = time.perf_counter()
        for _ in range(CALLS):
            engine.segment([image] * FIELDS)
        torch.cuda.synchronize()
        seconds = time.perf_counter() - start
    busy = sum(event.self_device_time_total for event in profiler.key_averages()) / 1e6
    yield "gpu_fields", FIELDS * CALLS / seconds, "1/s"
    yield "gpu_busy", 100 * busy / seconds, "%"
    yield "gpu_memory", torch.cuda.max_memory_allocated() / 2**20, "MB"
    yield "gpu_halvings", engine.halvings, "times"
    yield "gpu_threads", torch.get_num_threads(), "threads"


def peak(arguments):
    """Return the peak memory in MB of a process that only segments the field."""
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        np.save(file.name, field())
        command = [sys.executable, __file__, "--peak", file.name, *arguments]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", default="flow")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--diameter", type=float)
    parser.add_argument("--peak", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    import torch

    models = [] if options.model is None else [options.model]
    config = config_of_options(options.engine, models, "nuclei", options.diameter).nuclei
    if options.peak:
        from platewise.segmentation.dense import make_dense

        torch.set_num_threads(1)
        make_dense(config).segment([np.load(options.peak)])
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    if torch.cuda.is_available():
        for name, value, unit in on_gpu(config, field()):
            print(name, f"{value:.3g}", unit)
    torch.set_num_threads(1)
    for name, value, unit in stages(config, field()):
        print(name, f"{value:.3g}", unit)
    print("peak", f"{peak(sys.argv[1:]):.0f}", "MB")


if __name__ == "__main__":
    main()
