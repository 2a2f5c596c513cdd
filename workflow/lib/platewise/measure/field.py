"""All features of all cells of one field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from platewise.columns import COMPARTMENTS, OBJECT, TOUCHES_BORDER
from platewise.config.measure import MeasureConfig
from platewise.errors import ConfigError, DataError
from platewise.measure.groups import GROUPS
from platewise.measure.names import feature_names, group_compartments
from platewise.measure.objects import Objects, compartments, touches_border, under

if TYPE_CHECKING:
    import torch


def measure_field(
    image: NDArray[np.float32],
    labels: Mapping[str, NDArray[np.int32]],
    channels: Sequence[str],
    config: MeasureConfig,
    device: torch.device | None = None,
) -> pd.DataFrame:
    """Measure every cell of a field.

    Parameters
    ----------
    image
        ``(channel, y, x)`` in camera counts, illumination divided out.
    labels
        ``nuclei`` and ``cells``, each ``(y, x)`` int32 with 0 for background; the same number is the same cell.
    channels
        Names of the channels of ``image``, in its order.
    config
        What to measure.
    device
        Where torch computes the groups that have a path for a GPU; None: numba, on the CPU, as all others.

    Returns
    -------
    pandas.DataFrame
        A row a cell, ids ascending: ``Metadata_ObjectNumber`` (int64), ``Metadata_TouchesBorder`` (bool: the cell
        reaches the border of the image), then float32 features named and ordered as by `feature_names`. Features of
        an empty nucleus or cytoplasm are NaN, as are those that a compartment is too small or too even for. A field
        without cells gives no rows and the same columns.

    Raises
    ------
    DataError
        If image, labels and channels do not fit together, or a pixel is not finite.
    ConfigError
        If the config does not fit the channels.
    DeviceError
        If a GPU's memory does not take one channel.
    """
    _check(image, labels, channels, config)
    ids, objects = compartments(labels)
    columns = feature_names(channels, config)
    features = np.empty((len(ids), len(columns)), np.float32)
    if len(ids):
        features[:] = _measure(image, objects, channels, config, device)
    table = pd.DataFrame(features, columns=columns)
    table.insert(0, OBJECT, ids)
    table.insert(1, TOUCHES_BORDER, touches_border(objects["Cells"]))
    return table


def _measure(
    image: NDArray[np.float32],
    objects: Mapping[str, Objects],
    channels: Sequence[str],
    config: MeasureConfig,
    device: torch.device | None,
) -> NDArray[np.float64]:
    scaled = np.ascontiguousarray(image, np.float32) / np.float32(config.full_scale)
    pixels = {compartment: under(objects[compartment], scaled, config.full_scale) for compartment in COMPARTMENTS}
    tables: dict[str, list[NDArray[np.float64]]] = {compartment: [] for compartment in COMPARTMENTS}
    for settings in config.groups:
        group = GROUPS[settings.group]
        parts = {compartment: pixels[compartment] for compartment in group_compartments(settings.group)}
        if device is None or group.on_gpu is None:
            measured = group.measure(parts, channels, settings)
        else:
            measured = group.on_gpu(parts, channels, settings, device)
        for compartment, table in measured.items():
            tables[compartment].append(table)
    features = np.concatenate([table for compartment in COMPARTMENTS for table in tables[compartment]], axis=1)
    features[np.isinf(features)] = np.nan  # a ratio with an empty denominator
    return features


def _check(
    image: NDArray[np.float32],
    labels: Mapping[str, NDArray[np.int32]],
    channels: Sequence[str],
    config: MeasureConfig,
) -> None:
    problems = config.problems(channels)
    if problems:
        raise ConfigError(problems, "cells cannot be measured")
    if image.ndim != 3 or image.shape[0] != len(channels):
        raise DataError(
            f"image: shape {image.shape}; expected (channel, y, x) with {len(channels)} channels "
            f"({', '.join(channels)}). Hint: check the channels in the config against the files."
        )
    for name, label in labels.items():
        if label.shape != image.shape[1:] or not np.issubdtype(label.dtype, np.integer):
            raise DataError(
                f"labels {name!r}: {label.dtype} of shape {label.shape}; expected integers of shape {image.shape[1:]}. "
                "Hint: labels and image must be of the same field; segment it again."
            )
    for channel, plane in zip(channels, image, strict=True):
        bad = int(np.size(plane) - np.isfinite(plane).sum())
        if bad:
            raise DataError(
                f"image, channel {channel}: {bad} pixels are not finite. "
                "Hint: check the illumination function for zeros, and the image file."
            )
