"""One field in the store: images (when kept) and labels, written whole and read back checked.

A label is one shard with one chunk, plain zstd with a CRC-32C: about 50 kB and three files, so that a million fields
do not drown a parallel file system, and so that a damaged byte is an error and never a wrong label.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec

from platewise.errors import DataError
from platewise.store.paths import LABELS, field_path
from platewise.store.plate import OME_VERSION
from platewise.zarr_memory import new_group, write_out

# A million cells in one field is beyond any plate; int32 is what ngio, napari and scikit-image expect.
LABEL_DTYPE = np.int32
_COMPRESSORS = (ZstdCodec(level=3), Crc32cCodec())


def hash_label(label: npt.NDArray[np.integer]) -> str:
    """Return the content hash of a label image: BLAKE2b of its shape and its int32 pixels, hexadecimal."""
    pixels = np.ascontiguousarray(label, dtype="<i4")
    return hashlib.blake2b(repr(pixels.shape).encode() + pixels.tobytes(), digest_size=16).hexdigest()


def write_field(
    folder: Path,
    name: str,
    labels: dict[str, npt.NDArray[np.integer]],
    image: npt.NDArray[np.uint16] | None,
    channels: list[str],
    pixel_size: float | None,
    levels: int,
    attributes: dict[str, Any],
) -> None:
    """Write one field's group into ``folder``, which is made.

    Parameters
    ----------
    folder
        Where to write.
    name
        Shown by viewers.
    labels
        (y, x) label images by name.
    image
        (c, y, x) raw image to keep, or None: then there is one level of labels and no image.
    channels
        Names of the image's channels.
    pixel_size
        Micrometres; None leaves the unit out.
    levels
        Pyramid levels of image and labels when ``image`` is kept.
    attributes
        Kept under ``platewise`` in the group's attributes.
    """
    levels = levels if image is not None else 1
    root, contents = new_group()
    ome: dict[str, Any] = {"version": OME_VERSION}
    if image is not None:
        ome["multiscales"] = [_multiscales(name, "cyx", levels, pixel_size)]
        ome["omero"] = {"channels": [_display(channel, image[i]) for i, channel in enumerate(channels)]}
        level = image
        for number in range(levels):
            _write_array(root, str(number), level, chunks=(1, *level.shape[1:]), axes="cyx")
            level = _halve(level)
    root.attrs.update({"ome": ome, "platewise": attributes})
    group = root.create_group("labels", attributes={"ome": {"version": OME_VERSION, "labels": list(labels)}})
    for label_name, label in labels.items():
        described = {
            "version": OME_VERSION,
            "multiscales": [_multiscales(label_name, "yx", levels, pixel_size)],
            "image-label": {"source": {"image": "../../"}} if image is not None else {},
        }
        label_group = group.create_group(label_name, attributes={"ome": described})
        level = np.ascontiguousarray(label, dtype=LABEL_DTYPE)
        for number in range(levels):
            _write_array(label_group, str(number), level, chunks=level.shape, axes="yx")
            level = level[::2, ::2]
    write_out(contents, folder)


def read_label(store: Path, well: str, site: int, name: str) -> npt.NDArray[np.int32]:
    """Read a committed (y, x) label image.

    Raises
    ------
    DataError
        If it is missing, or its checksum does not hold.
    """
    return read_label_at(field_path(Path(store), well, site), name)


def read_label_at(folder: Path, name: str) -> npt.NDArray[np.int32]:
    """Read the label image ``name`` of the field group in ``folder``."""
    path = folder / "labels" / name / "0"
    try:
        array = zarr.open_array(path, mode="r")
        _require_chunk(path)
        return np.asarray(array[:], dtype=LABEL_DTYPE)
    except Exception as error:  # damaged metadata can fail anywhere in zarr and its codecs
        raise DataError(
            f"{path}: the label cannot be read ({type(error).__name__}: {error}). "
            "Hint: run `platewise verify`, which removes what is damaged so that the next run makes it again."
        ) from error


def read_labels(store: Path, well: str, site: int) -> dict[str, npt.NDArray[np.int32]]:
    """Read all label images of a field by name."""
    return {name: read_label(store, well, site, name) for name in LABELS}


def _require_chunk(path: Path) -> None:
    # Zarr reads a missing chunk as zeros: an image without objects, silently.
    if not (path / "c" / "0" / "0").is_file():
        raise FileNotFoundError(path / "c" / "0" / "0")


def _write_array(group: zarr.Group, name: str, data: np.ndarray, chunks: tuple[int, ...], axes: str) -> None:
    array = group.create_array(
        name,
        shape=data.shape,
        dtype=data.dtype,
        chunks=chunks,
        shards=data.shape,
        compressors=_COMPRESSORS,
        dimension_names=list(axes),
        # Without it an image without objects would leave no chunk, as a lost one does.
        config={"write_empty_chunks": True},
    )
    array[...] = data


def _halve(image: np.ndarray) -> np.ndarray:
    """Average 2 x 2 pixels of a (c, y, x) image, odd edges repeated."""
    padded = np.pad(image, ((0, 0), (0, image.shape[1] % 2), (0, image.shape[2] % 2)), mode="edge")
    count, height, width = padded.shape
    blocks = padded.reshape(count, height // 2, 2, width // 2, 2).mean(axis=(2, 4), dtype=np.float32)
    return np.rint(blocks).astype(image.dtype)


def _multiscales(name: str, axes: str, levels: int, pixel_size: float | None) -> dict[str, Any]:
    unit = {} if pixel_size is None else {"unit": "micrometer"}
    size = pixel_size or 1.0
    described = [
        {"name": axis, "type": "channel"} if axis == "c" else {"name": axis, "type": "space", **unit} for axis in axes
    ]
    datasets = [
        {
            "path": str(level),
            "coordinateTransformations": [
                {"type": "scale", "scale": [1.0 if axis == "c" else size * 2**level for axis in axes]}
            ],
        }
        for level in range(levels)
    ]
    return {"name": name, "axes": described, "datasets": datasets}


def _display(channel: str, image: np.ndarray) -> dict[str, Any]:
    low, high = (float(value) for value in np.percentile(image, [1, 99.8]))
    colours = {"DNA": "0080FF", "ER": "00FF00", "RNA": "FFFF00", "AGP": "FF8000", "Mito": "FF0000"}
    window = {"min": 0.0, "max": 65535.0, "start": low, "end": max(high, low + 1)}
    return {"label": channel, "color": colours.get(channel, "FFFFFF"), "active": True, "window": window}
