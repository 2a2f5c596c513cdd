"""As many channels at a time as the memory of a GPU takes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from platewise.device import halve_on_oom

log = logging.getLogger(__name__)

Result = TypeVar("Result")


def in_batches(work: Callable[[slice], Result], channels: int, group: str) -> list[Result]:
    """Return ``work`` of all channels, in pieces of them: one, where memory allows.

    Parameters
    ----------
    work
        Does the channels of a slice; what comes of a channel depends on that channel alone.
    channels
        How many there are, at least 1.
    group
        Name of the feature group, for the log.

    Raises
    ------
    DeviceError
        If memory runs out with one channel.
    """
    done = halve_on_oom(lambda batch: [work(slice(at, at + batch)) for at in range(0, channels, batch)], channels)
    if done.halvings:
        log.info("%s: the GPU's memory takes %d of %d channels at a time", group, done.batch, channels)
    return done.result
