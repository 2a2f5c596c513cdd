"""What reading ahead, scratch, and stores put together in memory bring on a slow shared file system.

Usage: ``OMP_NUM_THREADS=1 python benchmarks/bench_scratch.py [--measure]``. Every line is ``name value unit``.

Twenty fields of 540 x 540 pixels with five channels are read three ways: one after the other, the next one ahead (what
jobs always do), and through scratch. The source is made slow: in the mood `even` a field takes half as long to read as
to work on, in `stalled` it also stands still once for the time of six fields. The work is a wait of 0.4 s, so that what
else runs on the machine does not count; with ``--measure`` the fields are really measured, for an idle machine.

Then fields are committed, and the operations on names below the store are counted (opening, making, renaming, linking,
removing, listing), beside those of Zarr writing the same group by itself.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
import zarr

LIBRARY = Path(__file__).parents[1] / "workflow" / "lib"
sys.path.insert(0, str(LIBRARY))
sys.path.insert(0, str(Path(__file__).parent))

from bench_measure import CHANNELS, drawn_field  # noqa: E402

from platewise import scratch  # noqa: E402
from platewise.config.measure import MeasureConfig  # noqa: E402
from platewise.fields import read_field  # noqa: E402
from platewise.measure.field import measure_field  # noqa: E402
from platewise.store import fields as store_fields  # noqa: E402
from platewise.store.commit import commit_field  # noqa: E402

FIELDS = 20
STALL_FIELDS = 6
WORK_S = 0.4
_EVENTS = ("open", "os.mkdir", "os.rename", "os.link", "os.remove", "os.scandir", "os.listdir")


def write_fields(folder, image):
    """Write the fields and return their inventory rows."""
    fields = []
    for site in range(FIELDS):
        rows = []
        for channel, plane in zip(CHANNELS, image, strict=True):
            path = folder / f"{site}_{channel}.tif"
            tifffile.imwrite(path, plane.astype(np.uint16))
            status = path.stat()
            rows.append(["A01", site, channel, str(path), status.st_size, status.st_mtime_ns, *plane.shape, "ok", ""])
        names = ["Metadata_Well", "Metadata_Site", "Channel", "Path", "Size", "MtimeNs", "Height", "Width"]
        fields.append((site, pd.DataFrame(rows, columns=[*names, "Status", "Reason"])))
    return fields


def slow_source(read_file, seconds_per_image, stall_s):
    """Return a way to read a file that takes its time, and stands still once."""
    images = [0]

    def read_slowly(path, size, mtime_ns):
        images[0] += 1
        stalls = images[0] == FIELDS * len(CHANNELS) // 2
        time.sleep(seconds_per_image + (stall_s if stalls else 0))
        return read_file(path, size, mtime_ns)

    return read_slowly


def read(_, rows, read_file):
    return read_field(rows, CHANNELS, None, read_file)


def go_through(fields, way, node, work):
    """Read and work on every field; return the seconds and CPU seconds it took."""
    start, cpu = time.perf_counter(), time.process_time()
    if way == "one_after_the_other":
        images = (read(site, rows, scratch.read_unchanged) for site, rows in fields)
    else:
        own = scratch.Scratch(node) if way == "through_scratch" else None
        images = (future.result() for _, future in scratch.read_fields(fields, read, own))
    for image in images:
        work(image)
    return time.perf_counter() - start, time.process_time() - cpu


def report_reading(folder, measure):
    image, labels = drawn_field()
    fields = write_fields(folder, image)
    (folder / "node").mkdir()

    def work(image):
        if measure:
            measure_field(image, labels, CHANNELS, MeasureConfig())
        else:
            time.sleep(WORK_S)

    work(image)
    start = time.perf_counter()
    work(image)
    work_s = time.perf_counter() - start
    print(f"reading.work_on_a_field {work_s:.3f} s")
    fast = scratch.read_unchanged
    for mood, stall_s in (("even", 0.0), ("stalled", STALL_FIELDS * work_s)):
        for way in ("one_after_the_other", "ahead", "through_scratch"):
            scratch.read_unchanged = slow_source(fast, work_s / 2 / len(CHANNELS), stall_s)
            seconds, cpu = go_through(fields, way, folder / "node", work)
            print(f"reading.{mood}.{way} {seconds / work_s:.1f} fields_of_work")
            print(f"reading.{mood}.{way}.cpu {cpu / FIELDS:.3f} cpu_s_per_field")
    scratch.read_unchanged = fast


_counted = []


def _count(event, arguments):
    if _counted and event in _EVENTS and str(arguments[0]).startswith(_counted[0]):
        _counted.append(event)


def report_commits(folder):
    """Commit a field as it is done, and as Zarr would write it by itself."""
    sys.addaudithook(_count)
    image, labels = drawn_field()
    image = image.astype(np.uint16)
    in_memory = store_fields.new_group, store_fields.write_out

    def make_on_disk():
        return zarr.create_group(folder / "group", zarr_format=3), None

    def move(_, target):
        (folder / "group").rename(target)

    for stored in (False, True):
        for way, functions in (("by_zarr", (make_on_disk, move)), ("in_memory", in_memory)):
            store = folder / f"{way}_{stored}.zarr"
            (store / "A" / "01").mkdir(parents=True)
            store_fields.new_group, store_fields.write_out = functions
            # From everything below the folder, since Zarr writes in another place here.
            _counted[:] = [str(folder)]
            pixels = (image, CHANNELS) if stored else (None, None)
            commit_field(store, "A01", 1, labels, "digest", {}, *pixels, 1.0, 3)
            operations = len(_counted) - 1
            _counted.clear()
            what = "labels_and_images" if stored else "labels"
            files = sum(path.is_file() for path in store.rglob("*"))
            print(f"commit.{what}.{way} {operations} operations_on_{files}_files")
    store_fields.new_group, store_fields.write_out = in_memory


def main():
    with tempfile.TemporaryDirectory() as folder:
        report_reading(Path(folder), measure="--measure" in sys.argv[1:])
        report_commits(Path(folder))


if __name__ == "__main__":
    main()
