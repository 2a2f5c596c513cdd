"""Arrays as PNG pictures inside a page."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image


def encode_png(pixels: np.ndarray, colours: int = 0) -> bytes:
    """Encode (y, x, 3) or (y, x, 4) uint8 as PNG.

    ``colours`` above 0 reduces the picture to a palette of that many, without dithering: a third of the size.
    """
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    if colours:
        picture = picture.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def data_uri(png: bytes) -> str:
    """Return PNG bytes as the ``src`` of an image."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
