"""Tables as CellProfiler writes them: its settings, a table for each compartment, and columns that are no features.

Those columns are bounding boxes, numbers of the closest neighbours, and z of a flat image. They follow from the labels
or from other columns and enter no profile, so that a campaign does without them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from platewise.columns import COMPARTMENTS, OBJECT
from platewise.config.measure import (
    AreaShapeGroup,
    CorrelationGroup,
    FullRange,
    GranularityGroup,
    IntensityGroup,
    LocationGroup,
    MeasureConfig,
    NeighborsGroup,
    RadialDistributionGroup,
    TextureGroup,
)
from platewise.measure.field import measure_field
from platewise.measure.neighbors import object_centers, two_closest
from platewise.measure.objects import Objects, compartments

# Name of the column with the label's number, in every table.
OBJECT_NUMBER = "ObjectNumber"
# What the JUMP Cell Painting pipelines measure, with their settings.
SETTINGS = MeasureConfig(
    groups=(
        AreaShapeGroup(),
        IntensityGroup(),
        TextureGroup(scales=(3, 5, 10), directions="each", levels=256, range=FullRange()),
        GranularityGroup(),
        RadialDistributionGroup(),
        CorrelationGroup(),
        NeighborsGroup(distances=("Adjacent", 10)),
        LocationGroup(),
    )
)


def cellprofiler_tables(
    image: NDArray[np.float32],
    labels: Mapping[str, NDArray[np.int32]],
    channels: Sequence[str],
    config: MeasureConfig = SETTINGS,
) -> dict[str, pd.DataFrame]:
    """Measure a field into a table for each compartment.

    Parameters
    ----------
    image, labels, channels, config
        As for `measure_field`.

    Returns
    -------
    dict
        ``Nuclei``, ``Cells`` and ``Cytoplasm``: a row an object, ascending in ``ObjectNumber`` (int64), then the
        features under CellProfiler's names (float32), without the compartment in front.

    Raises
    ------
    DataError, ConfigError
        As `measure_field`.
    """
    features = measure_field(image, labels, channels, config)
    ids, objects = compartments(labels)
    settings = {group.group: group for group in config.groups}
    tables = {}
    for compartment in COMPARTMENTS:
        own = features[[name for name in features if name.startswith(f"{compartment}_")]]
        table = own.rename(columns=lambda name: name.partition("_")[2])
        more: dict[str, NDArray[np.float64] | pd.Series] = {"Number_Object_Number": ids.astype(float)}
        if "AreaShape" in settings:
            more |= _bounding_boxes(objects[compartment])
        if "Location" in settings:
            kinds = ("CenterMassIntensity", "MaxIntensity")
            more |= {f"Location_{kind}_Z_{channel}": np.zeros(len(ids)) for kind in kinds for channel in channels}
        if "Neighbors" in settings and any(name.startswith("Neighbors_") for name in table):
            more |= _closest(objects[compartment], ids, table, settings["Neighbors"])
        table = pd.concat([table, pd.DataFrame(more, dtype=np.float32)], axis=1)
        table.insert(0, OBJECT_NUMBER, features[OBJECT])
        tables[compartment] = table
    return tables


def _bounding_boxes(objects: Objects) -> dict[str, NDArray[np.float64]]:
    """Return first row and column of each object, and those behind its last; NaN for an empty one."""
    boxes = np.full((4, objects.count), np.nan)
    for place, at in enumerate((objects.cols, objects.rows)):
        np.fmin.at(boxes[place], objects.owners, at)
        np.fmax.at(boxes[2 + place], objects.owners, at + 1)
    names = [f"AreaShape_BoundingBox{end}_{axis}" for end in ("Minimum", "Maximum") for axis in ("X", "Y")]
    return dict(zip(names, boxes, strict=True))


def _closest(
    objects: Objects, ids: NDArray[np.int64], table: pd.DataFrame, settings: NeighborsGroup
) -> dict[str, NDArray[np.float64] | pd.Series]:
    """Return the numbers of the two closest objects, and for each further distance what does not depend on it."""
    order = two_closest(object_centers(objects))
    numbers = np.where(order >= 0, ids[order], np.nan)
    found: dict[str, NDArray[np.float64] | pd.Series] = {}
    first, *others = settings.distances
    for distance in settings.distances:
        for rank, number in zip(("First", "Second"), numbers.T, strict=True):
            found[f"Neighbors_{rank}ClosestObjectNumber_{distance}"] = number
    for distance in others:
        for name in ("FirstClosestDistance", "SecondClosestDistance", "AngleBetweenNeighbors"):
            found[f"Neighbors_{name}_{distance}"] = table[f"Neighbors_{name}_{first}"]
    return found
