"""Our features against CellProfiler's own on two real Cell Painting fields (|a - b| <= 1e-3 |b| + 1e-9).

Run this file (`PLATEWISE_DATA=... python tests/unit/measure/test_reference.py`) to write the table in docs/methods.md.
"""

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[3]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "workflow" / "lib"))

from platewise.columns import COMPARTMENTS  # noqa: E402
from platewise.config.measure import RadialDistributionGroup  # noqa: E402
from platewise.measure import radial  # noqa: E402
from platewise.measure.cellprofiler import OBJECT_NUMBER, cellprofiler_tables  # noqa: E402
from platewise.measure.distance import distance_to_edge  # noqa: E402
from platewise.measure.names import radial_names  # noqa: E402
from platewise.measure.objects import compartments, under  # noqa: E402

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(
        "PLATEWISE_DATA" not in os.environ, reason="set PLATEWISE_DATA to the folder that holds cp_reference"
    ),
]

CHANNELS = {"DNA": 5, "ER": 4, "RNA": 3, "AGP": 2, "Mito": 1}
FIELDS = ("r04c14f05p01", "r14c09f05p01")
DOCS = ROOT / "docs" / "methods.md"
BEGIN, END = "<!-- agreement with CellProfiler -->\n", "<!-- end of agreement -->\n"
REWRITE = "python tests/unit/measure/test_reference.py"
# What is compared in another way than value by value, in words.
TIES = {
    "RadialDistribution": "every value, around the middles that CellProfiler took",
    "Location": "objects whose brightest value occurs once",
}


def load():
    """Each field's image, labels, CellProfiler's tables and the middles that it took."""
    from tifffile import imread

    root = Path(os.environ["PLATEWISE_DATA"])
    loaded = {}
    for field in FIELDS:
        images = root / "jump_cpjump1" / "images"
        image = np.stack([imread(images / f"{field}-ch{number}sk1fk1fl1.tiff") for number in CHANNELS.values()])
        folder = root / "cp_reference" / field
        labels = {name: imread(folder / f"{name}.tif").astype(np.int32) for name in ("nuclei", "cells")}
        tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in COMPARTMENTS}
        middles = pd.read_parquet(folder / "radial_centers.parquet")
        loaded[field] = image.astype(np.float32), labels, tables, middles
    return loaded


@pytest.fixture(scope="module")
def data():
    return load()


@pytest.fixture(scope="module")
def agreement(data):
    return compare(data)


def compare(data):
    """A row per object and feature: whether we agree, and whether a tie lets CellProfiler take another pixel."""
    rows = []
    for field, (image, labels, tables, middles) in data.items():
        ours = cellprofiler_tables(image, labels, list(CHANNELS))
        _, objects = compartments(labels)
        for compartment, theirs in tables.items():
            names = [name for name in theirs if name != OBJECT_NUMBER]
            assert set(ours[compartment]) == set(theirs), f"other columns in {field} {compartment}"
            assert theirs[OBJECT_NUMBER].tolist() == ours[compartment][OBJECT_NUMBER].tolist()
            close = pd.DataFrame(agrees(ours[compartment][names], theirs[names]), columns=names)
            pixels = under(objects[compartment], image / np.float32(65535), 65535)
            tied = pd.DataFrame(False, close.index, names)
            given = middles[middles["Compartment"] == compartment]
            tied.loc[:, ring_names()] = (given["n_tied_maxima"] > 1).to_numpy()[:, None]
            for channel, values in zip(CHANNELS, pixels.values, strict=True):
                places = [f"Location_MaxIntensity_{axis}_{channel}" for axis in "XY"]
                tied.loc[:, places] = twice_brightest(pixels.objects, values)[:, None]
            around = radial.radial_distribution(pixels, *to_edge_and_middles(pixels.objects, given), 4)
            close_around = pd.DataFrame(agrees(around, theirs[ring_names()]), columns=ring_names())
            for table, kind in ((close, "Agrees"), (tied, "Tied"), (close_around, "AgreesAround")):
                long = table.assign(Field=field, Compartment=compartment, Object=theirs[OBJECT_NUMBER])
                rows.append(long.melt(["Field", "Compartment", "Object"], var_name="Feature").assign(Kind=kind))
    wide = pd.concat(rows).pivot(index=["Field", "Compartment", "Object", "Feature"], columns="Kind", values="value")
    wide = wide.reset_index()
    wide["Group"] = wide["Feature"].str.split("_").str[0]
    # The comparison that counts: ties are handled as the reference's README says.
    wide["Counts"] = (
        wide["AgreesAround"].where(wide["AgreesAround"].notna(), wide["Agrees"] | wide["Tied"]).astype(bool)
    )
    return wide


def ring_names():
    return radial_names(list(CHANNELS), RadialDistributionGroup())


def agrees(ours, theirs):
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    return (np.abs(ours - theirs) <= 1e-3 * np.abs(theirs) + 1e-9) | (np.isnan(ours) & np.isnan(theirs))


def twice_brightest(objects, values):
    brightest = np.maximum.reduceat(values, objects.starts[:-1])
    owners = objects.owners
    return np.bincount(owners[values == brightest[owners]], minlength=objects.count) > 1


def to_edge_and_middles(objects, given):
    at = [
        np.flatnonzero((objects.rows == row) & (objects.cols == col))[0]
        for row, col in zip(given["center_row"], given["center_col"], strict=True)
    ]
    return distance_to_edge(objects, border_is_edge=False), np.array(at)


def table(agreement):
    """The table of docs/methods.md, in Markdown: a feature agrees when it does on every object of both fields."""
    features = agreement.groupby(["Group", "Compartment", "Feature"])["Counts"].all()
    lines = ["| group | columns | agree on every object | compared |", "| --- | --- | --- | --- |"]
    for group, own in features.groupby("Group"):
        lines.append(f"| {group} | {len(own):,} | {100 * own.mean():.1f} % | {TIES.get(group, 'every value')} |")
    lines.append(f"| **all** | **{len(features):,}** | **{100 * features.mean():.1f} %** | |")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "group",
    ["AreaShape", "Intensity", "Texture", "Granularity", "RadialDistribution", "Correlation", "Neighbors", "Location"],
)
def test_the_group_agrees_on_every_object(agreement, group):
    chosen = agreement[agreement["Group"] == group]
    assert chosen["Object"].nunique() == 104
    wrong = chosen.loc[~chosen["Counts"], "Feature"].unique().tolist()
    assert wrong == []


def test_ties_are_few_and_nothing_else_differs(agreement):
    tied = agreement["Tied"].astype(bool)
    assert agreement.loc[~tied, "Agrees"].astype(bool).all()
    shares = tied.groupby(agreement["Group"]).mean()
    assert shares["Location"] < 0.02
    assert shares["RadialDistribution"] < 0.25
    assert shares.drop(["Location", "RadialDistribution"]).eq(0).all()


def test_the_table_in_the_docs_is_what_is_measured(agreement):
    written = DOCS.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    assert written == table(agreement), f"docs/methods.md: run {REWRITE}"


if __name__ == "__main__":
    before, _, rest = DOCS.read_text(encoding="utf-8").partition(BEGIN)
    DOCS.write_text(before + BEGIN + table(compare(load())) + END + rest.partition(END)[2], encoding="utf-8")
