"""The names of all features that are measured, as CellProfiler spells them, known before anything is.

Planning imports this module: it needs neither numpy nor numba. The compartment stands before the names that a group's
function gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

from platewise.columns import COMPARTMENTS
from platewise.config.measure import (
    AreaShapeGroup,
    CorrelationGroup,
    GranularityGroup,
    IntensityGroup,
    LocationGroup,
    MeasureConfig,
    NeighborsGroup,
    RadialDistributionGroup,
    TextureGroup,
)

AREA_SHAPE = (
    "Area",
    "BoundingBoxArea",
    "Center_X",
    "Center_Y",
    "Compactness",
    "ConvexArea",
    "Eccentricity",
    "EquivalentDiameter",
    "EulerNumber",
    "Extent",
    "FormFactor",
    "MajorAxisLength",
    "MaxFeretDiameter",
    "MaximumRadius",
    "MeanRadius",
    "MedianRadius",
    "MinFeretDiameter",
    "MinorAxisLength",
    "Orientation",
    "Perimeter",
    "Solidity",
)
INTENSITY = (
    "IntegratedIntensity",
    "MeanIntensity",
    "StdIntensity",
    "MinIntensity",
    "MaxIntensity",
    "LowerQuartileIntensity",
    "MedianIntensity",
    "UpperQuartileIntensity",
    "MADIntensity",
    "MassDisplacement",
    "IntegratedIntensityEdge",
    "MeanIntensityEdge",
    "StdIntensityEdge",
    "MinIntensityEdge",
    "MaxIntensityEdge",
)
TEXTURE = (
    "AngularSecondMoment",
    "Contrast",
    "Correlation",
    "Variance",
    "InverseDifferenceMoment",
    "SumAverage",
    "SumVariance",
    "SumEntropy",
    "Entropy",
    "DifferenceVariance",
    "DifferenceEntropy",
    "InfoMeas1",
    "InfoMeas2",
)
_DIRECTIONS = ("00", "01", "02", "03")


def zernike_orders(degree: int) -> list[tuple[int, int]]:
    """Return the pairs (n, m) with ``m <= n <= degree`` and ``n - m`` even, in CellProfiler's order."""
    return [(n, m) for n in range(degree + 1) for m in range(n % 2, n + 1, 2)]


def area_shape_names(channels: Sequence[str], settings: AreaShapeGroup) -> list[str]:
    """Return the names of the columns of `area_shape.measure`."""
    moments = [f"AreaShape_Zernike_{n}_{m}" for n, m in zernike_orders(settings.zernike_degree)]
    return [f"AreaShape_{name}" for name in AREA_SHAPE] + moments


def intensity_names(channels: Sequence[str], settings: IntensityGroup) -> list[str]:
    """Return the names of the columns of `intensity.measure`."""
    return [f"Intensity_{name}_{channel}" for channel in channels for name in INTENSITY]


def texture_names(channels: Sequence[str], settings: TextureGroup) -> list[str]:
    """Return the names of the columns of `texture.measure`."""
    directions = ("Mean",) if settings.directions == "mean" else _DIRECTIONS
    return [
        f"Texture_{feature}_{channel}_{scale}_{direction}_{settings.levels}"
        for channel in channels
        for scale in settings.scales
        for direction in directions
        for feature in TEXTURE
    ]


def granularity_names(channels: Sequence[str], settings: GranularityGroup) -> list[str]:
    """Return the names of the columns of `granularity.measure`."""
    return [f"Granularity_{step}_{channel}" for channel in channels for step in range(1, settings.steps + 1)]


def radial_names(channels: Sequence[str], settings: RadialDistributionGroup) -> list[str]:
    """Return the names of the columns of `radial.measure`."""
    return [
        f"RadialDistribution_{kind}_{channel}_{ring}of{settings.bins}"
        for channel in channels
        for kind in ("FracAtD", "MeanFrac", "RadialCV")
        for ring in range(1, settings.bins + 1)
    ]


def correlation_names(channels: Sequence[str], settings: CorrelationGroup) -> list[str]:
    """Return the names of the columns of `correlation.measure`."""
    out = []
    for a, b in combinations(channels, 2):
        out += [f"Correlation_Correlation_{a}_{b}", f"Correlation_Overlap_{a}_{b}"]
        out += [f"Correlation_{kind}_{pair}" for kind in ("K", "Manders", "RWC") for pair in (f"{a}_{b}", f"{b}_{a}")]
    return out


def neighbors_names(channels: Sequence[str], settings: NeighborsGroup) -> list[str]:
    """Return the names of the columns of `neighbors.measure`."""
    first = settings.distances[0]
    closest = [f"Neighbors_{name}_{first}" for name in ("FirstClosestDistance", "SecondClosestDistance")]
    out = [*closest, f"Neighbors_AngleBetweenNeighbors_{first}"]
    for distance in settings.distances:
        out += [f"Neighbors_NumberOfNeighbors_{distance}", f"Neighbors_PercentTouching_{distance}"]
    return out


def location_names(channels: Sequence[str], settings: LocationGroup) -> list[str]:
    """Return the names of the columns of `location.measure`."""
    return ["Location_Center_X", "Location_Center_Y"] + [
        f"Location_{kind}_{axis}_{channel}"
        for channel in channels
        for kind in ("CenterMassIntensity", "MaxIntensity")
        for axis in ("X", "Y")
    ]


# Group to the function that names its features, in the order of its columns.
NAMES: dict[str, Callable[[Sequence[str], Any], list[str]]] = {
    "AreaShape": area_shape_names,
    "Intensity": intensity_names,
    "Texture": texture_names,
    "Granularity": granularity_names,
    "RadialDistribution": radial_names,
    "Correlation": correlation_names,
    "Neighbors": neighbors_names,
    "Location": location_names,
}


def group_compartments(group: str) -> tuple[str, ...]:
    """Return the compartments in which a group is measured; a cytoplasm has the neighbours of its cell."""
    return tuple(name for name in COMPARTMENTS if group != "Neighbors" or name != "Cytoplasm")


def feature_names(channels: Sequence[str], config: MeasureConfig) -> list[str]:
    """Return the names of all features in the order of `field.measure_field`'s columns.

    The order is: compartments (Nuclei, Cells, Cytoplasm), in each the groups as the config lists them, in each what
    the group's function in ``NAMES`` gives (channels in the order given).
    """
    return [
        f"{compartment}_{name}"
        for compartment in COMPARTMENTS
        for settings in config.groups
        if compartment in group_compartments(settings.group)
        for name in NAMES[settings.group](channels, settings)
    ]
