"""Group Texture with torch, for a GPU: the features of module `texture`, all channels and directions at a time.

Pairs of pixels are counted by sorting them: of each object, direction and channel only the pairs of levels that occur
are held, never a matrix of all. Counts and their moments are whole numbers, which are exact in whatever order a GPU
adds them up; real numbers are added row by row, or in the sorted order.

Grey levels come from numpy: a logarithm that differs in its last bit would move a pixel to the next level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from platewise.config.measure import TextureGroup
from platewise.measure.objects import Compartment, Objects
from platewise.measure.texture import difference_bins, in_columns, level_images
from platewise.measure.torch_channels import in_batches

# Rows and columns from a pixel to the other one of its pair, in each direction.
_STEPS = ((0, 1), (1, 1), (1, 0), (1, -1))
# A variance that is smaller, as a share of the mean square, is what rounding leaves of a single level.
_NO_VARIANCE = 1e-12
# Levels are 0 to 256, sums of two of them 0 to 512.
_LEVELS, _SUMS = 257, 513
_DIRECTIONS = len(_STEPS)


def measure(
    parts: Mapping[str, Compartment], channels: Sequence[str], settings: TextureGroup, device: torch.device
) -> dict[str, NDArray[np.float64]]:
    """Return ``(objects, features)`` of each compartment, as `texture.measure`."""
    levels = np.stack(list(level_images(parts, channels, settings))).astype(np.int16)
    pixels = {name: Pixels.of(part.objects, device) for name, part in parts.items()}

    def work(chosen: slice) -> dict[str, list[NDArray[np.float64]]]:
        images, bins = torch.from_numpy(levels[chosen]).to(device), difference_bins(settings)
        return {
            name: [haralick(own, images, scale, bins).cpu().numpy() for scale in settings.scales]
            for name, own in pixels.items()
        }

    tables: dict[str, list[NDArray[np.float64]]] = {name: [] for name in parts}
    for batch in in_batches(work, len(channels), settings.group):
        for name, by_scale in batch.items():
            tables[name] += [in_columns(each, settings) for scales in zip(*by_scale, strict=True) for each in scales]
    return {name: np.concatenate(columns, axis=1) for name, columns in tables.items()}


@dataclass(frozen=True)
class Pixels:
    """The pixels of a compartment's objects, on a device.

    Parameters
    ----------
    labels
        ``(y, x)`` int32: 0 is background, ``k + 1`` is object ``k``.
    places
        ``(pixels,)`` int64: which pixels of the flat image belong to an object.
    count
        Number of objects, empty ones included.
    """

    labels: torch.Tensor
    places: torch.Tensor
    count: int

    @classmethod
    def of(cls, objects: Objects, device: torch.device) -> Pixels:
        """Bring the pixels of ``objects`` to a device."""
        labels = torch.from_numpy(objects.labels).to(device)
        return cls(labels, labels.flatten().nonzero()[:, 0], objects.count)

    def owners(self, places: torch.Tensor) -> torch.Tensor:
        """Return the object that each of some pixels belongs to, from 0; -1 is background."""
        return self.labels.flatten()[places].long() - 1

    def pairs(self, step: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the flat places of the two pixels of each pair that lies within an object, ``step`` apart."""
        height, width = self.labels.shape
        row, col = self.places // width + step[0], self.places % width + step[1]
        inside = (row < height) & (col >= 0) & (col < width)
        near, far = self.places[inside], (row * width + col)[inside]
        same = self.owners(near) == self.owners(far)
        return near[same], far[same]


def haralick(pixels: Pixels, levels: torch.Tensor, scale: int, bins: int) -> torch.Tensor:
    """Return ``(channel, objects, 4 directions, 13 features)`` float64; NaN where a direction has no pair.

    Parameters
    ----------
    pixels
        Those of the objects.
    levels
        ``(channel, y, x)`` grey levels, 0 to 256; pixels of level 0 take no part.
    scale, bins
        As of `texture.haralick`.
    """
    flat = levels.flatten(1).long()
    sets = len(flat) * pixels.count * _DIRECTIONS
    features = _features(_count_pairs(pixels, flat, scale), sets, _bins(pixels, flat, bins))
    return features.view(len(flat), pixels.count, _DIRECTIONS, features.shape[1])


@dataclass(frozen=True)
class _Counts:
    """How often two levels meet; each row is of one set (object, direction and channel), rows in the order of sets."""

    sets: torch.Tensor
    low: torch.Tensor
    high: torch.Tensor
    pairs: torch.Tensor


def _count_pairs(pixels: Pixels, levels: torch.Tensor, scale: int) -> _Counts:
    pairs = [pixels.pairs((scale * down, scale * right)) for down, right in _STEPS]
    near, far = (torch.cat(places) for places in zip(*pairs, strict=True))
    direction = torch.cat([torch.full_like(places, number) for number, (places, _) in enumerate(pairs)])
    own_set = pixels.owners(near) * _DIRECTIONS + direction
    channel = torch.arange(len(levels), device=levels.device)[:, None]
    one, two = levels[:, near], levels[:, far]
    keys = (channel * pixels.count * _DIRECTIONS + own_set) * _LEVELS**2
    keys += torch.minimum(one, two) * _LEVELS + torch.maximum(one, two)
    keys, counts = torch.unique(keys[(one > 0) & (two > 0)], return_counts=True)
    return _Counts(keys // _LEVELS**2, keys // _LEVELS % _LEVELS, keys % _LEVELS, counts)


def _bins(pixels: Pixels, levels: torch.Tensor, bins: int) -> torch.Tensor:
    """Return the length of the difference histogram of each set: ``bins``, or for 0 the highest level + 1."""
    highest = torch.full((len(levels), pixels.count), bins - 1, device=levels.device)
    if bins == 0:
        owners = pixels.owners(pixels.places).expand(len(levels), -1)
        highest = (highest + 1).scatter_reduce_(1, owners, levels[:, pixels.places], "amax")
    return (highest + 1).double().flatten().repeat_interleave(_DIRECTIONS)


def _features(found: _Counts, sets: int, bins: torch.Tensor) -> torch.Tensor:
    """All 13 features of each set, in the order of `names.TEXTURE`: the formulas of `texture`, over what occurs."""
    low, high, twice = found.low, found.high, 2 * found.pairs
    # A pair counts in both orders: two levels make two entries of the matrix, a level with itself one, twice as high.
    same = (low == high).long()
    entry, entries = found.pairs * (1 + same), 2 - same
    # Real numbers begin here: torch would divide whole ones in single precision.
    total = _sums(found.sets, twice, sets).double()
    single = _histogram(torch.cat([found.sets] * 2), torch.cat([low, high]), found.pairs.repeat(2), sets, _LEVELS)
    sums = _histogram(found.sets, low + high, twice, sets, _SUMS)
    differences = _histogram(found.sets, high - low, twice, sets, _LEVELS)
    level, level_sum = (torch.arange(size, device=bins.device) for size in (_LEVELS, _SUMS))

    def mean(counts: torch.Tensor) -> torch.Tensor:
        return counts / total

    square, product = mean((level**2 * single).sum(1)), mean(_sums(found.sets, twice * low * high, sets))
    average = mean((level * single).sum(1))
    variance = square - average**2
    variance = torch.where(variance > _NO_VARIANCE * square, variance, 0.0)
    sum_average = mean((level_sum * sums).sum(1))
    difference = differences / total[:, None]
    joint, one = _joint_entropy(found.sets, entry, entries, total), _entropy(single / total[:, None])
    features = [
        mean(mean(_sums(found.sets, entries * entry**2, sets))),
        mean((level**2 * differences).sum(1)),
        torch.where(variance > 0, (product - average**2) / variance, 1.0),
        variance,
        (difference / (1.0 + level**2)).sum(1),
        sum_average,
        mean((level_sum**2 * sums).sum(1)) - sum_average**2,
        _entropy(sums / total[:, None]),
        joint,
        (difference**2).sum(1) / bins - (1.0 / bins) ** 2,
        _entropy(difference),
        torch.where(one > 0, (joint - 2 * one) / one, joint - 2 * one),
        (1.0 - torch.exp(-2.0 * (2 * one - joint))).clamp(min=0).sqrt(),
    ]
    return torch.where(total[:, None] > 0, torch.stack(features, dim=1), torch.nan)


def _sums(places: torch.Tensor, numbers: torch.Tensor, size: int) -> torch.Tensor:
    """Add up whole numbers, int64, by their places."""
    return numbers.new_zeros(size).scatter_add_(0, places, numbers)


def _histogram(sets: torch.Tensor, values: torch.Tensor, counts: torch.Tensor, rows: int, size: int) -> torch.Tensor:
    return _sums(sets * size + values, counts, rows * size).view(rows, size)


def _entropy(shares: torch.Tensor) -> torch.Tensor:
    """Entropy of each row, in bits."""
    return -torch.xlogy(shares, shares).sum(1) / np.log(2)


def _joint_entropy(sets: torch.Tensor, entry: torch.Tensor, entries: torch.Tensor, total: torch.Tensor) -> torch.Tensor:
    shares = entry / total[sets]
    lengths = torch.bincount(sets, minlength=len(total))
    return torch.segment_reduce(-entries * shares * torch.log2(shares), "sum", lengths=lengths, unsafe=True)
