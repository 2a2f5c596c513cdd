"""The processes that train one network together, each on a GPU of the same node and with its share of every step.

All of them hold the same weights and draw the same cells; each looks at its share, and the gradients are averaged.
With one process nothing of this is done. Written out and not left to DistributedDataParallel: a step has two losses,
heads that learn more often than the network, and no forward pass that it could wrap.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import torch
import torch.distributed

# Each process looks at the cells that are not trained on; they wait for the slowest, and for the one that writes.
_PATIENCE = timedelta(hours=2)


@dataclass(frozen=True)
class Group:
    """One of the processes of a training, and how it speaks with the others.

    Parameters
    ----------
    rank
        Which of them this is, from 0.
    size
        How many there are. The cells of a step must be a multiple of it.
    """

    rank: int = 0
    size: int = 1

    def share(self, rows: np.ndarray) -> np.ndarray:
        """Return this process's part of a step's cells."""
        return np.split(rows, self.size)[self.rank]

    def own_rng(self, rng: np.random.Generator) -> np.random.Generator:
        """Return a generator that no other process has; ``rng`` itself where there is no other."""
        return rng if self.size == 1 else rng.spawn(self.size)[self.rank]

    def average(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace float tensors, in place, by their means over all processes; each must call it with the same ones."""
        if self.size == 1 or not tensors:
            return
        # In one piece: a message a tensor would cost more than what is in it.
        flat = torch.cat([tensor.detach().flatten().float() for tensor in tensors])
        torch.distributed.all_reduce(flat)
        flat /= self.size
        for tensor, mean in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.detach().copy_(mean.view_as(tensor))

    def gather(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the rows (n, ...) of all processes, in their order, as they lay before ``share``; no gradient."""
        if self.size == 1:
            return tensor.detach()
        parts = [torch.empty_like(tensor) for _ in range(self.size)]
        torch.distributed.all_gather(parts, tensor.detach().contiguous())
        return torch.cat(parts)


ALONE = Group()


def join_group(device: str) -> Group:
    """Meet the other processes that torchrun started, on the GPU that is this one's, or on the CPU.

    Parameters
    ----------
    device
        ``cuda`` or ``cpu``.
    """
    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    torch.distributed.init_process_group("nccl" if device == "cuda" else "gloo", timeout=_PATIENCE)
    return Group(torch.distributed.get_rank(), torch.distributed.get_world_size())
