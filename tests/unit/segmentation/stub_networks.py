"""Networks whose answers can be worked out by hand, for the tests of everything around a network."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from platewise.segmentation.maps import Maps


class Bright(nn.Module):
    """Takes bright pixels for nuclei, and flows along the slope of the brightness, smoothed over 9 x 9 pixels.

    It halves the resolution on the way, as real ones do, so that it matters where tiles begin.
    """

    stride = 4
    reach = 13

    def __init__(self) -> None:
        super().__init__()
        # Something to move to a device, and to save.
        self.gain = nn.Parameter(torch.tensor(40.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        grey = x.mean(dim=1, keepdim=True)
        coarse = functional.interpolate(functional.max_pool2d(grey, 4), scale_factor=4, mode="nearest")
        smooth = functional.avg_pool2d(grey, 9, stride=1, padding=4, count_include_pad=False)
        across = torch.tensor([[0.0, 0.0, 0.0], [-1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])[None, None].to(x)
        slopes = [functional.conv2d(smooth, kernel, padding=1) for kernel in (across.mT, across)]
        return torch.cat([self.gain * (grey - 0.5), *slopes, coarse], dim=1)

    def maps(self, raw):
        length = np.maximum(np.hypot(raw[1], raw[2]), 1e-6)
        return Maps(foreground=1 / (1 + np.exp(-raw[0])), flow=raw[1:3] / length, distance=raw[3])


def disks(shape, centres, radius):
    """Return a (y, x) label image of disks, numbered in the order given."""
    rows, columns = np.indices(shape)
    label = np.zeros(shape, np.int32)
    for number, (y, x) in enumerate(centres, 1):
        label[np.hypot(rows - y, columns - x) <= radius] = number
    return label


def cones(label, radius):
    """Return a (1, y, x) image of the disks of a label: brightest at their centres, so that flows lead there."""
    from scipy.ndimage import distance_transform_edt

    inside = distance_transform_edt(label > 0)
    return (600 * (label > 0) + 200 * inside / radius + 100).astype(np.float32)[None]
