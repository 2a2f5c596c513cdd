"""Our features against CellProfiler's own on two real Cell Painting fields (|a - b| <= 1e-3 |b| + 1e-9)."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from platewise.config.measure import (
    AreaShapeGroup,
    CorrelationGroup,
    FullRange,
    IntensityGroup,
    LocationGroup,
    MeasureConfig,
    NeighborsGroup,
    RadialDistributionGroup,
    TextureGroup,
)
from platewise.measure import area_shape, radial
from platewise.measure.distance import distance_to_edge
from platewise.measure.field import measure_field
from platewise.measure.objects import compartments, under

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(
        "PLATEWISE_DATA" not in os.environ, reason="set PLATEWISE_DATA to the folder that holds cp_reference"
    ),
]

CHANNELS = {"DNA": 5, "ER": 4, "RNA": 3, "AGP": 2, "Mito": 1}
FIELDS = ("r04c14f05p01", "r14c09f05p01")
COMPARTMENTS = ("Nuclei", "Cells", "Cytoplasm")
CELLPROFILER = MeasureConfig(
    groups=(
        AreaShapeGroup(),
        IntensityGroup(),
        TextureGroup(scales=(3, 5, 10), directions="each", levels=256, range=FullRange()),
        RadialDistributionGroup(),
        CorrelationGroup(),
        NeighborsGroup(distances=("Adjacent", 10)),
        LocationGroup(),
    )
)
AREA_SHAPES = area_shape.names([], AreaShapeGroup())
# Measured by CellProfiler and left out by us: positions of boxes, names of neighbours, z of a flat image, what does not
# depend on the neighbour distance a second time, and (not written yet) granularity.
LEFT_OUT = ("BoundingBoxM", "ObjectNumber", "Object_Number", "_Z_", "ClosestDistance_10", "BetweenNeighbors_10")
LEFT_OUT += ("Granularity",)


@pytest.fixture(scope="module")
def data():
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
def agreement(data):
    """A row per object and feature: whether we agree."""
    rows = []
    for field, (image, labels, tables, middles) in data.items():
        ours = measure_field(image, labels, list(CHANNELS), CELLPROFILER)
        for compartment, theirs in tables.items():
            assert theirs["ObjectNumber"].tolist() == ours["Metadata_ObjectNumber"].tolist()
            names = [name for name in theirs if f"{compartment}_{name}" in ours]
            close = agrees(ours[[f"{compartment}_{name}" for name in names]].to_numpy(), theirs[names].to_numpy())
            table = pd.DataFrame(close, columns=names)
            table["Field"], table["Compartment"], table["Object"] = field, compartment, theirs["ObjectNumber"]
            own = middles[middles["Compartment"] == compartment].set_index("ObjectNumber")["n_tied_maxima"]
            table["OneMiddle"] = table["Object"].map(own) == 1
            rows.append(table.melt(["Field", "Compartment", "Object", "OneMiddle"], var_name="Feature"))
    long = pd.concat(rows, ignore_index=True).dropna(subset="value")
    long["value"] = long["value"].astype(bool)
    long["Group"] = long["Feature"].str.split("_").str[0]
    return long


def agrees(ours, theirs):
    ours, theirs = ours.astype(float), theirs.astype(float)
    return (np.abs(ours - theirs) <= 1e-3 * np.abs(theirs) + 1e-9) | (np.isnan(ours) & np.isnan(theirs))


def test_every_feature_of_the_reference_is_measured(data):
    image, labels, tables, _ = data[FIELDS[1]]
    ours = measure_field(image, labels, list(CHANNELS), CELLPROFILER)
    for compartment, theirs in tables.items():
        missing = [name for name in theirs if f"{compartment}_{name}" not in ours]
        assert [name for name in missing if not any(part in name for part in LEFT_OUT)] == []


@pytest.mark.parametrize("group", ["Intensity", "Texture", "Correlation", "Neighbors"])
def test_the_group_agrees_on_every_object(agreement, group):
    chosen = agreement[agreement["Group"] == group]
    print(f"{group}: {chosen['value'].mean():.5f} of {len(chosen)} values agree")
    assert chosen["Object"].nunique() == 104
    assert chosen["value"].all()


def test_shapes_agree_on_every_object(agreement):
    shapes = agreement[(agreement["Group"] == "AreaShape") & ~agreement["Feature"].str.contains("Zernike")]
    assert shapes["Feature"].nunique() == 21
    assert shapes["value"].all()


def test_zernike_moments_agree_where_no_pixel_fell_to_rounding(data):
    """CellProfiler drops pixels that rounding puts outside the circle; Zernike_0_0, the area, tells where it did."""
    names = [name for name in AREA_SHAPES if "Zernike" in name]
    close, same_pixels = [], []
    for image, labels, tables, _ in data.values():
        ours = measure_field(image, labels, list(CHANNELS), MeasureConfig(groups=(AreaShapeGroup(),)))
        for compartment, theirs in tables.items():
            moments = ours[[f"{compartment}_{name}" for name in names]].to_numpy(), theirs[names].to_numpy()
            close.append(agrees(*moments))
            # A single pixel of the largest object is 5e-5 of its area.
            same_pixels.append(np.isclose(moments[0][:, 0], moments[1][:, 0], rtol=1e-6))
    close, same_pixels = np.concatenate(close), np.concatenate(same_pixels)
    print(f"Zernike: {close.mean():.4f} of all, {close[same_pixels].mean():.4f} of {same_pixels.mean():.4f} objects")
    assert close.mean() > 0.72
    assert same_pixels.mean() > 0.6
    assert close[same_pixels].all()


def test_radial_distributions_agree_where_the_middle_is_unique(agreement):
    chosen = agreement[(agreement["Group"] == "RadialDistribution") & agreement["OneMiddle"]]
    assert len(chosen) > 10_000
    assert chosen["value"].all()


def test_radial_distributions_agree_everywhere_around_cellprofilers_middles(data):
    names = radial.names(list(CHANNELS), RadialDistributionGroup())
    for image, labels, tables, middles in data.values():
        _, objects = compartments(labels)
        for compartment, theirs in tables.items():
            pixels = under(objects[compartment], image / np.float32(65535), 65535)
            to_edge = distance_to_edge(pixels.objects, border_is_edge=False)
            given = middles[middles["Compartment"] == compartment]
            at = [
                np.flatnonzero((pixels.objects.rows == row) & (pixels.objects.cols == col))[0]
                for row, col in zip(given["center_row"], given["center_col"], strict=True)
            ]
            ours = radial.radial_distribution(pixels, to_edge, np.array(at), 4)
            assert agrees(ours, theirs[names].to_numpy()).all()


def test_locations_agree_but_for_ties_of_the_brightest_pixel(agreement):
    chosen = agreement[agreement["Group"] == "Location"]
    brightest = chosen["Feature"].str.contains("MaxIntensity")
    assert chosen[~brightest]["value"].all()
    assert chosen[brightest]["value"].mean() > 0.985
