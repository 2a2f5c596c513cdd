"""Choices that several commands offer: what is looked for, and where networks run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


class Target(StrEnum):
    """What is looked for."""

    nuclei = "nuclei"
    cells = "cells"


class Device(StrEnum):
    """Where networks run."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


@contextmanager
def networks_on(device: Device, threads: int) -> Iterator[torch.device]:
    """Yield the device that was chosen; until the end networks compute with so many CPU threads.

    Parameters
    ----------
    device
        ``auto`` takes a GPU if there is one.
    threads
        0 leaves it to torch, which reads OMP_NUM_THREADS and else takes one a core.

    Raises
    ------
    DeviceError
        If a GPU was asked for and there is none.
    """
    import torch

    from platewise.device import choose_device, torch_threads

    chosen = choose_device(device.value, allotted=False)
    with torch_threads(threads or torch.get_num_threads()):
        yield chosen
