"""A small campaign with real image files, and a finished one of which every number is known."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
import tifffile

from platewise.plan.campaign import load_campaign

CHANNELS = {"DNA": "1", "ER": "2"}
WELLS = ("A01", "A02", "B01", "B02")


def image_file(folder, well, site, channel):
    row, column = "ABCDEFGH".index(well[0]) + 1, int(well[1:])
    return folder / f"r{row:02d}c{column:02d}f{site:02d}p01-ch{channel}sk1fk1fl1.tiff"


@pytest.fixture
def raw(tmp_path):
    """The config of two plates of four wells with two fields each, images of 40 x 50 pixels."""
    sheet = "plate\tbatch\treader\timages\tplatemap\tfields_per_well\n"
    (tmp_path / "map.txt").write_text("well_position\tcompound\nA01\tDMSO\nA02\tx\nB01\ty\nB02\tz\n")
    for plate in ("P1", "P2"):
        folder = tmp_path / plate
        folder.mkdir()
        for well in WELLS:
            for site in (1, 2):
                for channel in (1, 2):
                    tifffile.imwrite(image_file(folder, well, site, channel), np.full((40, 50), 7, np.uint16))
        sheet += f"{plate}\tb1\tphenix\t{folder}\t{tmp_path}/map.txt\t2\n"
    (tmp_path / "plates.tsv").write_text(sheet)
    return {
        "campaign": "test",
        "results": str(tmp_path / "results"),
        "plates": str(tmp_path / "plates.tsv"),
        "plate_format": 6,
        "metadata": {"key": "compound", "negcon": ["DMSO"]},
        "images": {"channels": CHANNELS},
        "segmentation": {"nuclei_channel": "DNA", "cell_channels": ["ER"], "nuclei": {"engine": "classical"}},
        "blocks": {"wells_per_block": 3},
        "crops": {"size": 20, "cells_per_well": 3},
    }


@pytest.fixture
def campaign(raw):
    return load_campaign(raw)


def write_benchmark(path, seconds, cpu):
    path.parent.mkdir(parents=True, exist_ok=True)
    names = ["s", "h:m:s", "max_rss", "max_vms", "max_uss", "max_pss", "io_in", "io_out", "mean_load", "cpu_time"]
    values = [seconds, "0:00:01", 100, 100, 100, 100, 0, 0, 90, cpu]
    with path.open("w", newline="") as handle:
        csv.writer(handle, delimiter="\t", lineterminator="\n").writerows([names, values])


def write_parquet(path, columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_parquet(path)


def write_bytes(path, size):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)


@pytest.fixture
def finished(tmp_path):
    """Results of one plate of 1000 x 1000 pixels, two channels: a block of 2 fields and one of 4, a field a well.

    Measuring took 1 s a job and 0.01 s a cell, segmentation 2 s and 0.5 s a megapixel and channel.
    """
    results = tmp_path / "finished"
    plate = results / "plates" / "P1"
    blocks = {"A01-A02": (["A01", "A02"], 100), "A03-B03": (["A03", "B01", "B02", "B03"], 300)}
    for block, (wells, cells) in blocks.items():
        rows = [(well, 1, channel, 1000, 1000) for well in wells for channel in ("DNA", "ER")]
        names = ["Metadata_Well", "Metadata_Site", "Channel", "Height", "Width"]
        write_parquet(plate / "inventory" / f"{block}.parquet", dict(zip(names, zip(*rows, strict=True), strict=True)))
        own = {"CellsCount": [cells // len(wells)] * len(wells)}
        write_parquet(plate / "fields" / f"{block}.parquet", own)
        write_parquet(
            plate / "cells" / f"{block}.parquet", {"Metadata_TouchesBorder": [i % 4 == 0 for i in range(cells)]}
        )
        write_benchmark(results / "benchmarks/measure_block/P1" / f"{block}.tsv", 1 + 0.01 * cells, 0.5 + 0.005 * cells)
        seconds = 2 + 0.5 * 2 * len(wells)
        write_benchmark(results / "benchmarks/segment_block/P1" / f"{block}.tsv", seconds, seconds)
        for well in wells:
            field = plate / "plate.zarr" / well[0] / well[1:] / "1"
            for name in ("zarr.json", "labels/zarr.json", "labels/cells/zarr.json", "labels/cells/0/c/0/0"):
                write_bytes(field / name, 1000)
    write_benchmark(results / "benchmarks/train_embedding/deep.tsv", 30, 20)
    model = {
        "architecture": {"size": 20},
        "config": {"epochs": 2, "steps_per_epoch": 5, "train_batch": 10, "downscale": 2},
        "device": "cpu",
    }
    (results / "campaign/embedding/deep").mkdir(parents=True)
    (results / "campaign/embedding/deep/model.json").write_text(json.dumps(model))
    return results
