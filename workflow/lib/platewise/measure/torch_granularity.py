"""Group Granularity with torch, for a GPU: the steps of module `granularity`, all channels and steps at a time.

The images are the same to the last bit: what is interpolated is added up in scipy's order, in double precision, and the
rest takes maxima and minima. Means add the same numbers in another order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from platewise.config.measure import GranularityGroup
from platewise.measure.granularity import (
    MeanWeights,
    coarse_places,
    disk_reach,
    losses,
    mean_values,
    mean_weights,
    thin_places,
    thin_shape,
)
from platewise.measure.objects import Compartment
from platewise.measure.torch_channels import in_batches
from platewise.measure.torch_reconstruction import contractions, reconstruct


def measure(
    parts: Mapping[str, Compartment], channels: Sequence[str], settings: GranularityGroup, device: torch.device
) -> dict[str, NDArray[np.float64]]:
    """Return ``(objects, features)`` of each compartment, in percent, as `granularity.measure`."""
    image = next(iter(parts.values())).image
    shape = thin_shape(image.shape[1:], settings.subsample)
    weights = {
        name: _Weights.of(mean_weights(part.objects, shape, settings.subsample), shape[1], device)
        for name, part in parts.items()
    }

    def work(chosen: slice) -> dict[str, NDArray[np.float64]]:
        left = opened_images(torch.from_numpy(image[chosen]).to(device), settings)
        return {name: own.means(left).cpu().numpy() for name, own in weights.items()}

    batches = in_batches(work, len(channels), settings.group)
    tables = {}
    for name, part in parts.items():
        left = np.concatenate([batch[name] for batch in batches], axis=1)
        first = [mean_values(part, channel) for channel in range(len(channels))]
        steps = [np.vstack([mean, left[:, channel]]) for channel, mean in enumerate(first)]
        tables[name] = np.concatenate([losses(means) for means in steps], axis=1)
    return tables


def opened_images(planes: torch.Tensor, settings: GranularityGroup) -> torch.Tensor:
    """Return what is left of ``(channel, y, x)`` images: ``(step, channel, y, x)`` float32 on the thin grid."""
    eroded = thin = without_background(thinned(planes, settings.subsample), settings)
    seeds = []
    for _ in range(settings.steps):
        eroded = torch.minimum(_lowest_in_run(eroded, (1, 0)), _lowest_in_run(eroded, (0, 1)))
        seeds.append(eroded)
    return reconstruct(contractions(thin), torch.stack(seeds))


def thinned(planes: torch.Tensor, subsample: float) -> torch.Tensor:
    """Return ``(channel, y, x)`` images at every ``1 / subsample``-th pixel, interpolated linearly."""
    return planes if subsample == 1 else _sampled(planes, *thin_places(tuple(planes.shape[1:]), subsample))


def without_background(thin: torch.Tensor, settings: GranularityGroup) -> torch.Tensor:
    """Take off what an opening with a disk leaves of thin images; nothing falls below 0."""
    coarse = thinned(thin, settings.background_subsample)
    opened = -_lowest_in_disk(-_lowest_in_disk(coarse, settings.radius), settings.radius)
    if settings.background_subsample < 1:
        opened = _sampled(opened, *coarse_places(tuple(thin.shape[1:]), settings.background_subsample))
    # Adding 0 takes the sign off a zero.
    return (thin - opened).clamp(min=0) + 0.0


def _sampled(planes: torch.Tensor, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> torch.Tensor:
    """Interpolate as scipy's ``map_coordinates`` does, term by term; places beyond the last pixel are 0."""
    height, width = planes.shape[1:]
    inside = np.outer(rows <= height - 1, cols <= width - 1)
    row, col = np.floor(rows).astype(int).clip(max=height - 1), np.floor(cols).astype(int).clip(max=width - 1)
    down, right = rows - row, cols - col
    out = torch.zeros((len(planes), len(rows), len(cols)), dtype=torch.float64, device=planes.device)
    for r, of_row in ((row, 1 - down), ((row + 1).clip(max=height - 1), down)):
        of_row = torch.from_numpy(of_row).to(planes.device)[:, None]
        near = planes[:, torch.from_numpy(r).to(planes.device)].double() * of_row
        for c, of_col in ((col, 1 - right), ((col + 1).clip(max=width - 1), right)):
            out += near[:, :, torch.from_numpy(c).to(planes.device)] * torch.from_numpy(of_col).to(planes.device)
    return torch.where(torch.from_numpy(inside).to(planes.device), out, 0.0).float()


def _lowest_in_disk(planes: torch.Tensor, radius: int) -> torch.Tensor:
    """Erode by a disk; what lies beyond the border is not looked at."""
    height, reach = planes.shape[1], disk_reach(radius)
    lowest = _lowest_in_run(planes, (0, reach[0]))
    for step in range(1, radius + 1):
        run = functional.pad(_lowest_in_run(planes, (0, reach[step])), (0, 0, step, step), value=torch.inf)
        lowest = torch.minimum(lowest, torch.minimum(run[:, :height], run[:, 2 * step :]))
    return lowest


def _lowest_in_run(planes: torch.Tensor, reach: tuple[int, int]) -> torch.Tensor:
    """Return the lowest of the pixels up to ``reach`` rows and columns away."""
    size = tuple(2 * side + 1 for side in reach)
    return -functional.max_pool2d(-planes, size, stride=1, padding=reach)


@dataclass(frozen=True)
class _Weights:
    """`MeanWeights` on a device: the flat place of each weight's pixel, and how many each object has."""

    places: torch.Tensor
    weights: torch.Tensor
    counts: torch.Tensor

    @classmethod
    def of(cls, own: MeanWeights, width: int, device: torch.device) -> _Weights:
        boxes, starts = (torch.from_numpy(array).to(device) for array in (own.boxes, own.starts))
        counts = starts.diff()
        top, left, _, across = boxes.repeat_interleave(counts, dim=0).T
        within = torch.arange(int(own.starts[-1]), device=device) - starts[:-1].repeat_interleave(counts)
        places = (top + within // across) * width + left + within % across
        return cls(places, torch.from_numpy(own.weights).to(device), counts)

    def means(self, left: torch.Tensor) -> torch.Tensor:
        """Return ``(step, channel, object)`` means over ``(step, channel, y, x)`` images; NaN for an empty object."""
        values = left.flatten(2)[:, :, self.places].double() * self.weights
        # A sum for each object, in the order of its pixels: one that adds as values come differs from run to run.
        rows = values.flatten(0, 1).T.contiguous()
        # `unsafe` only leaves out a look at the counts, for which a GPU would have to wait.
        sums = torch.segment_reduce(rows, "sum", lengths=self.counts, axis=0, unsafe=True)
        return torch.where(self.counts > 0, sums.T, torch.nan).view(*left.shape[:2], -1)
