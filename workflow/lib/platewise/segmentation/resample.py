"""Images and label images at another size, for training and for looks from afar.

`dense.rescale` does the same for images on their way through networks, where every millisecond counts;
`decode.resize` brings found labels back along a foreground map.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from skimage.transform import resize

Image = npt.NDArray[np.float32]
Label = npt.NDArray[np.int32]
Shape = tuple[int, ...]


def resize_image(image: npt.NDArray[np.floating], shape: Shape) -> Image:
    """Scale a (c, y, x) image to another (y, x): bilinear, smoothed first where it shrinks."""
    if image.shape[1:] == shape:
        return image.astype(np.float32)
    smaller = shape[0] < image.shape[1]
    return np.stack(
        [resize(part.astype(np.float32), shape, order=1, mode="edge", anti_aliasing=smaller) for part in image]
    ).astype(np.float32)


def sample_label(label: npt.NDArray[np.integer], shape: Shape) -> Label:
    """Bring a (y, x) label image to another shape by taking the nearest pixel."""
    rows, columns = (
        np.minimum(((np.arange(length) + 0.5) * old / length).astype(int), old - 1)
        for length, old in zip(shape, label.shape, strict=True)
    )
    return np.ascontiguousarray(label[np.ix_(rows, columns)], dtype=np.int32)
