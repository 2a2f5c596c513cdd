"""Which device the work is done on, and what to do when its memory runs out.

A GPU that was asked for must be there: a job that was allotted one never falls back to the CPU in silence. torch is
imported inside the functions, so that importing this module costs nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, TypeVar, get_args

from platewise.errors import DeviceError

if TYPE_CHECKING:
    import torch

DeviceRequest = Literal["auto", "cpu", "cuda"]
# What schedulers write into CUDA_VISIBLE_DEVICES to say "none".
_NO_DEVICES = ("", "-1", "NoDevFiles")

Result = TypeVar("Result")


@dataclass(frozen=True)
class Halved(Generic[Result]):
    """What ``halve_on_oom`` did: the result, the batch it was made with, how often the batch was halved."""

    result: Result
    batch: int
    halvings: int


def gpu_allotted(gpu: int = 0, environment: Mapping[str, str] | None = None) -> bool:
    """Return whether this job was allotted a GPU.

    Parameters
    ----------
    gpu
        The ``gpu`` resource of the job; it counts only under SLURM, where asking for it reserves a GPU. On a laptop
        the same rule runs with the same resource and no GPU.
    environment
        Environment variables; the process's own by default.

    Returns
    -------
    bool
        True if ``CUDA_VISIBLE_DEVICES`` names a device, or under SLURM if ``gpu`` is above 0.
    """
    environment = os.environ if environment is None else environment
    visible = environment.get("CUDA_VISIBLE_DEVICES", "").strip() not in _NO_DEVICES
    return visible or ("SLURM_JOB_ID" in environment and gpu > 0)


def choose_device(requested: DeviceRequest, allotted: bool) -> torch.device:
    """Return the device to work on.

    Parameters
    ----------
    requested
        ``auto`` takes a GPU if there is one; ``cuda`` must have one; ``cpu`` works on the CPU whatever was allotted.
    allotted
        Whether the job was given a GPU (see ``gpu_allotted``); then ``auto`` must find it.

    Raises
    ------
    DeviceError
        If ``requested`` is unknown, or a GPU was asked for or allotted and torch finds none.
    """
    import torch

    if requested not in get_args(DeviceRequest):
        raise DeviceError(
            f"device: found {requested!r}; expected auto, cpu or cuda. Hint: `auto` takes a GPU when there is one."
        )
    if requested == "cpu":
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda")
    if requested == "cuda" or allotted:
        why = "the config says `device: cuda`" if requested == "cuda" else "this job was allotted a GPU"
        raise DeviceError(
            f"device: {why}, but torch {torch.__version__} finds no CUDA device "
            f"(CUDA_VISIBLE_DEVICES is {os.environ.get('CUDA_VISIBLE_DEVICES', 'not set')!r}). Hint: check the node's "
            "driver with `nvidia-smi`, install the GPU environment (envs/), or set `device: cpu` to accept the CPU."
        )
    return torch.device("cpu")


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Let torch compute with so many CPU threads, and put back the old number afterwards.

    Always said, never left to torch: it would take every core it sees, which on a shared node are not the job's, and
    the number decides the last digits of a training.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def full_float32() -> Iterator[None]:
    """Let a GPU compute float32 convolutions in float32: torch would take TF32, which has 10 bits of 23."""
    import torch

    with torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False):
        yield


@contextmanager
def reproducible(strict: bool = True) -> Iterator[None]:
    """Let torch use only algorithms that give the same result every time, in full float32 precision.

    Parameters
    ----------
    strict
        Refuse operations that have no such algorithm on this device; else torch warns of them.
    """
    import torch
    import torch.utils.deterministic

    # cuBLAS reads this when it starts; without it, deterministic algorithms refuse to run on CUDA.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    cudnn = torch.backends.cudnn
    settings = torch.utils.deterministic
    before = torch.are_deterministic_algorithms_enabled(), cudnn.benchmark, cudnn.allow_tf32
    fill = settings.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=not strict)
    cudnn.benchmark, cudnn.allow_tf32 = False, False
    # Filling memory that is about to be overwritten guards against reading it too early, at a tenth of the speed.
    settings.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        cudnn.benchmark, cudnn.allow_tf32 = before[1:]
        settings.fill_uninitialized_memory = fill


def halve_on_oom(function: Callable[[int], Result], batch: int) -> Halved[Result]:
    """Call ``function(batch)``; when the GPU runs out of memory, call it again with half the batch.

    Parameters
    ----------
    function
        Does the whole work with batches of the given size. It must be safe to call again after it failed, and its
        result must not depend on the batch.
    batch
        First batch to try, at least 1.

    Returns
    -------
    Halved
        Result, batch in the end, and number of halvings (0 when the first try succeeded).

    Raises
    ------
    DeviceError
        If memory runs out with a batch of 1.
    """
    import torch

    if batch < 1:
        raise ValueError(f"batch is {batch}; it must be at least 1")
    halvings = 0
    while True:
        try:
            return Halved(function(batch), batch, halvings)
        except torch.cuda.OutOfMemoryError as error:
            if batch == 1:
                raise DeviceError(
                    "device: the GPU is out of memory with a batch of 1. Hint: ask for a GPU with more memory, or end "
                    "other work on this one."
                ) from error
            batch, halvings = batch // 2, halvings + 1
        # Outside the handler: until it is left, the traceback holds the tensors that filled the memory.
        torch.cuda.empty_cache()
