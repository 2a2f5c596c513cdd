"""Grey-scale reconstruction of many seeds under one image with torch: bit for bit what `granularity` computes.

Brightness spreads from a seed along the way whose darkest step is brightest. To dilate until nothing changes takes as
many rounds as such a way has pixels (660 in a field of JUMP, thinned to 540 x 540), and the tree of components is built
pixel by pixel: neither suits a GPU. Here the image is contracted instead (Boruvka 1926). The pixels are nodes, two
neighbours are joined by an edge as bright as the darker of them, and each node is merged with the one at the other end
of its brightest edge. What is left are at most half as many nodes, and so on: a dozen rounds.

What leaves or enters a node passes at best its brightest edge, and within a merged node any two are joined by a way
that is as bright as the darker of their brightest edges. So a merged node holds the brightest of what its nodes can
give, ``min(seed, brightest edge)``, and when it is known what reaches it, ``min(of that, brightest edge)`` reaches each
of its nodes.

Everything is a maximum, a minimum or a whole number: the order in which a GPU does it changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Contraction:
    """One round of merging.

    Parameters
    ----------
    merged
        ``(nodes,)`` int64: which of the ``count`` merged nodes each became part of.
    brightest
        ``(nodes,)`` float32: brightness of its brightest edge, minus infinity if it has none.
    count
        Number of merged nodes.
    """

    merged: torch.Tensor
    brightest: torch.Tensor
    count: int


def contractions(planes: torch.Tensor) -> list[Contraction]:
    """Contract ``(plane, y, x)`` float32 images, each by itself, until no edge is left.

    Pixels are connected along rows and columns. None may be below 0: then their bits, read as whole numbers, are in
    their order.
    """
    ends = _neighbours(planes)
    flat = planes.flatten()
    edges = torch.minimum(flat[ends[0]], flat[ends[1]])
    count, rounds = flat.numel(), []
    while edges.numel():
        contraction = _merge(ends, edges, count)
        rounds.append(contraction)
        count = contraction.count
        ends = contraction.merged[ends]
        kept = ends[0] != ends[1]
        ends, edges = ends[:, kept], edges[kept]
    return rounds


def reconstruct(rounds: Sequence[Contraction], seeds: torch.Tensor) -> torch.Tensor:
    """Return the reconstructions of ``(seed, plane, y, x)`` float32 seeds under the images that were contracted.

    A seed is nowhere brighter than its image.
    """
    held = [seeds.flatten(1)]
    for step in rounds:
        given = torch.minimum(held[-1], step.brightest)
        merged = given.new_full((len(given), step.count), -torch.inf)
        held.append(merged.scatter_reduce_(1, step.merged.expand_as(given), given, "amax"))
    reached = held.pop()
    for step in reversed(rounds):
        reached = torch.maximum(held.pop(), torch.minimum(reached[:, step.merged], step.brightest))
    return reached.view_as(seeds)


def _neighbours(planes: torch.Tensor) -> torch.Tensor:
    """``(2, edges)`` int64: the places of any two pixels that lie beside or below each other."""
    places = torch.arange(planes.numel(), device=planes.device).view_as(planes)
    beside = torch.stack([places[:, :, :-1].flatten(), places[:, :, 1:].flatten()])
    below = torch.stack([places[:, :-1].flatten(), places[:, 1:].flatten()])
    return torch.cat([beside, below], dim=1)


def _merge(ends: torch.Tensor, edges: torch.Tensor, count: int) -> Contraction:
    numbers = torch.arange(len(edges), device=edges.device)
    # Of edges as bright as each other the last counts as brighter, for both of its ends: no circle of choices arises.
    keys = (edges.view(torch.int32).long() << 32) | numbers
    best = keys.new_full((count,), -1).scatter_reduce_(0, ends.flatten(), keys.repeat(2), "amax")
    joined = best >= 0
    edge = torch.where(joined, best & 0xFFFFFFFF, 0)
    brightest = torch.where(joined, edges[edge], -torch.inf)
    nodes = torch.arange(count, device=edges.device)
    chosen = torch.where(joined, ends[0, edge] + ends[1, edge] - nodes, nodes)
    # Of two that chose each other the first becomes the one that all others come to.
    chosen = torch.where((chosen[chosen] == nodes) & (nodes < chosen), nodes, chosen)
    while not torch.equal(further := chosen[chosen], chosen):
        chosen = further
    last = chosen == nodes
    number = last.cumsum(0) - 1
    return Contraction(number[chosen], brightest, int(number[-1]) + 1)
