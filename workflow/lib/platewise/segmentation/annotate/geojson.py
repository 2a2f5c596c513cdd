"""Label images as GeoJSON that QuPath reads and writes (0.4 and later), and back.

A nucleus is a feature with a ``Polygon`` or ``MultiPolygon`` in pixels, x before y, and the properties ``objectType``,
``name``, ``classification`` and ``measurements`` (https://qupath.readthedocs.io, Exporting annotations). They are
annotations, since QuPath's brush does not edit detections. The name is the number in the label image.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from platewise.errors import DataError
from platewise.segmentation.annotate.outlines import Polygon, Ring, fill_polygons, trace_objects
from platewise.segmentation.ranking import UnsureObject

Label = npt.NDArray[np.int32]

# From this uncertainty on an object is worth a look: a mean IoU of 0.8 with what the other views show.
UNSURE = 0.2
# Names and colours of QuPath's classes: what to look at first stands out.
_SURE = {"name": "Object", "color": [0, 160, 255]}
_UNSURE = {"name": "Unsure", "color": [255, 60, 0]}
_MISSED = {"name": "Missed?", "color": [255, 200, 0]}
_HINT = "Hint: export it again from QuPath (File, Export objects as GeoJSON, as FeatureCollection, not zipped)."


@dataclass(frozen=True)
class Outlines:
    """What a GeoJSON file says.

    Attributes
    ----------
    label
        (y, x) int32.
    added
        Numbers of objects that had none, such as those drawn by hand, or one that another object has.
    lost
        Names of objects that hold no pixel's centre, or are hidden by others altogether.
    contested
        Pixels that lie in several objects; each went to the smallest.
    passed_over
        Features that are no areas, such as points and lines.
    """

    label: Label
    added: tuple[int, ...]
    lost: tuple[str, ...]
    contested: int
    passed_over: int


def write_outlines(path: Path, label: Label, objects: Sequence[UnsureObject]) -> None:
    """Write the objects of a (y, x) label image as GeoJSON.

    Parameters
    ----------
    path
        The file; the name of its image is part of the objects' ids, which are the same at every export.
    label
        What is outlined.
    objects
        How unsure its objects are; those from `UNSURE` on stand out, and those with number 0 become points.
    """
    by_number = {item.number: item.uncertainty for item in objects}
    features = []
    for number, polygons in trace_objects(label):
        unsure = by_number.get(number)
        kind = _UNSURE if unsure is not None and unsure >= UNSURE else _SURE
        features.append(_feature(f"{path.stem}/{number}", _geometry(polygons), str(number), kind, unsure))
    for item in objects:
        if not item.number:
            # The middle of a pixel is at one half.
            place = [item.x + 0.5, item.y + 0.5]
            point = {"type": "Point", "coordinates": place}
            features.append(_feature(f"{path.stem}/{place}", point, "?", _MISSED, item.uncertainty))
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")


def read_outlines(path: Path, shape: tuple[int, int]) -> Outlines:
    """Read the objects of a GeoJSON file as a label image of the given shape (y, x).

    A pixel belongs to the object that its centre lies in. Objects keep the number that is their name; others, and the
    second one of a name, are numbered on from the largest.

    Raises
    ------
    DataError
        If the file is missing, is no GeoJSON, or the coordinates of a feature are none.
    """
    areas, passed_over = _read_areas(path)
    numbers, added = _numbers([name for name, _ in areas])
    pixels = [fill_polygons(polygons, shape) for _, polygons in areas]
    label = np.zeros(shape, dtype=np.int32)
    times = np.zeros(shape, dtype=np.int32)
    # The largest first: a small one drawn on top of it stays whole.
    for row in sorted(range(len(areas)), key=lambda row: (-pixels[row][0].size, numbers[row])):
        label[pixels[row]] = numbers[row]
        times[pixels[row]] += 1
    there = set(np.unique(label).tolist())
    lost = [name or f"feature {row + 1}" for row, (name, _) in enumerate(areas) if numbers[row] not in there]
    kept = tuple(number for number in added if number in there)
    return Outlines(label, kept, tuple(lost), int((times > 1).sum()), passed_over)


def _feature(
    key: str, geometry: Mapping[str, Any], name: str, kind: Mapping[str, Any], uncertainty: float | None
) -> dict[str, Any]:
    properties: dict[str, Any] = {"objectType": "annotation", "name": name, "classification": kind}
    if uncertainty is not None:
        properties["measurements"] = {"Uncertainty": round(uncertainty, 4)}
    identity = str(uuid.uuid5(uuid.NAMESPACE_URL, f"platewise:{key}"))
    return {"type": "Feature", "id": identity, "geometry": geometry, "properties": properties}


def _geometry(polygons: Sequence[Polygon]) -> dict[str, Any]:
    # GeoJSON repeats the first corner at the end.
    parts = [[[*ring.tolist(), ring[0].tolist()] for ring in polygon] for polygon in polygons]
    if len(parts) == 1:
        return {"type": "Polygon", "coordinates": parts[0]}
    return {"type": "MultiPolygon", "coordinates": parts}


def _read_areas(path: Path) -> tuple[list[tuple[str, list[Polygon]]], int]:
    """Return the names and polygons of the features that are areas, and how many are not."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as GeoJSON ({error}). {_HINT}") from error
    features = content.get("features") if isinstance(content, dict) else content
    if not isinstance(features, list):
        raise DataError(f"{path}: has no list of features. {_HINT}")
    areas, passed_over = [], 0
    for row, feature in enumerate(features, 1):
        try:
            geometry, properties = feature["geometry"], feature.get("properties") or {}
            kind, parts = geometry["type"], geometry["coordinates"]
            if kind not in ("Polygon", "MultiPolygon"):
                passed_over += 1
                continue
            polygons = [[_ring(ring) for ring in part] for part in ([parts] if kind == "Polygon" else parts)]
            areas.append((str(properties.get("name") or ""), [polygon for polygon in polygons if polygon]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"{path}, feature {row}: is no object with an outline ({error!r}). {_HINT}") from error
    return areas, passed_over


def _ring(corners: Any) -> Ring:
    ring = np.array(corners, dtype=np.float64)
    if ring.ndim != 2 or ring.shape[1] < 2 or not np.isfinite(ring).all():
        raise ValueError(f"a ring of shape {ring.shape}")
    return ring[:, :2]


def _numbers(names: Sequence[str]) -> tuple[list[int], list[int]]:
    """Return the number of each object, and which numbers are new."""
    wanted = [int(name) if name.isascii() and name.isdecimal() and len(name) < 10 else 0 for name in names]
    following = max(wanted, default=0) + 1
    numbers: list[int] = []
    added = []
    taken: set[int] = set()
    for number in wanted:
        if number == 0 or number in taken:
            number, following = following, following + 1
            added.append(number)
        taken.add(number)
        numbers.append(number)
    return numbers, added
