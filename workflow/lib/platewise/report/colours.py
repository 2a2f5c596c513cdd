"""Colours that stay apart for colour-blind readers and in print."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from plotly.colors import sequential

# Okabe and Ito (2008), without its yellow, which is too pale on white.
QUALITATIVE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5b4a9c", "#7a5230")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x")
NEUTRAL = "#9aa3ab"
COMPOSITE = ("#4d7dff", "#ff8c1a", "#1fd6a0")
_STEPS = 256


@dataclass(frozen=True)
class Mark:
    """How one category is drawn: colour and shape together, so that colour is never the only sign."""

    colour: str
    symbol: str


def rgb(colour: str) -> tuple[int, int, int]:
    """Return (red, green, blue), 0 to 255, of ``#rrggbb``."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def viridis() -> np.ndarray:
    """Return the viridis scale as (256, 3) uint8."""
    stops = np.array([rgb(colour) for colour in sequential.Viridis], float)
    place = np.linspace(0, len(stops) - 1, _STEPS)
    columns = [np.interp(place, np.arange(len(stops)), stops[:, channel]) for channel in range(3)]
    return np.round(np.stack(columns, axis=1)).astype(np.uint8)


def scale_colours(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Map finite values on viridis, clipped to ``low`` and ``high``; the result is values.shape + (3,), uint8."""
    span = high - low if high > low else 1.0
    share = np.clip((np.nan_to_num(values, nan=low) - low) / span, 0, 1)
    return viridis()[np.round(share * (_STEPS - 1)).astype(int)]


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key that puts ``week 2`` before ``week 10``."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def category_marks(values: Iterable[str], limit: int = 40) -> Mapping[str, Mark]:
    """Give every category a mark, in order of name; beyond ``limit``, only the most frequent ones get one."""
    counts = Counter(value for value in values if value)
    kept = sorted(sorted(counts, key=lambda name: (-counts[name], name))[:limit], key=natural)
    # 8 colours and 6 shapes repeat together after 24; a shift of the shapes then gives 24 more pairs.
    return {
        name: Mark(QUALITATIVE[place % len(QUALITATIVE)], SYMBOLS[(place + place // 24) % len(SYMBOLS)])
        for place, name in enumerate(kept)
    }
