"""A network over images of any size and number: tiles of all images pooled into full batches.

What the network says of a pixel depends on the image only, never on the tiles: a network sees ``reach`` pixels to each
side at most, and tiles overlap by more than that wherever they do not end with the image itself. At the image's own
edges every tile sees what the network would see of the whole image.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from platewise.device import full_float32, halve_on_oom

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Span:
    """One tile along one axis: where it begins and ends, and the part of it that is kept."""

    begin: int
    end: int
    first: int
    last: int


@dataclass(frozen=True)
class _Job:
    image: int
    rows: Span
    columns: Span
    tile: Array


@dataclass
class _Canvas:
    """The outputs of one image, while they come in."""

    shape: tuple[int, int]
    missing: int
    raw: Array | None = None


class TileRunner:
    """Runs a network over images, in batches of tiles of one shape.

    Parameters
    ----------
    network
        Callable on (n, c, y, x) tensors, with the attributes ``stride`` and ``reach`` (see ``DenseNetwork``).
    tile
        Side of a tile in pixels; rounded down to multiples of the stride, and at least three overlaps.
    batch
        Tiles that the network sees at a time.
    device
        Where to work; None is the CPU.
    half
        Compute in half precision: float16 on a GPU, bfloat16 on a CPU.

    Attributes
    ----------
    halvings
        How often the batch was halved for want of memory.
    """

    def __init__(
        self, network: torch.nn.Module, tile: int, batch: int, device: torch.device | None = None, half: bool = False
    ) -> None:
        self.halvings = 0
        self._device = device or torch.device("cpu")
        # Channels last is the faster layout, on CPUs by a third.
        self._network = network.to(self._device, memory_format=torch.channels_last)
        self._stride = int(network.stride)
        self._overlap = -(-int(network.reach) // self._stride) * self._stride
        self._tile = max(tile // self._stride * self._stride, 3 * self._overlap)
        self._batch = batch
        self._half = half

    def run(self, images: Iterable[Array]) -> Iterator[tuple[int, Array]]:
        """Predict images, taken one by one as the batches fill.

        Parameters
        ----------
        images
            (c, y, x) float32, of any sizes.

        Yields
        ------
        number, raw
            The image's place among ``images`` and the network's outputs (k, y, x), float32, as they get ready: in
            order where all images have one size.
        """
        waiting: dict[tuple[int, ...], list[_Job]] = {}
        canvases: dict[int, _Canvas] = {}
        running: tuple[list[_Job], torch.Tensor] | None = None
        for jobs in self._batches(images, waiting, canvases):
            # The device begins with this batch before the last one's outputs are fetched and stitched.
            started = jobs, self._launch(jobs)
            if running is not None:
                yield from self._finish(*running, canvases)
            running = started
        if running is not None:
            yield from self._finish(*running, canvases)

    def _batches(
        self, images: Iterable[Array], waiting: dict[tuple[int, ...], list[_Job]], canvases: dict[int, _Canvas]
    ) -> Iterator[list[_Job]]:
        for number, image in enumerate(images):
            jobs = list(self._cut(number, image))
            canvases[number] = _Canvas(image.shape[1:], len(jobs))
            for job in jobs:
                queue = waiting.setdefault(job.tile.shape, [])
                queue.append(job)
                if len(queue) >= self._batch:
                    yield waiting.pop(job.tile.shape)
        yield from waiting.values()

    def _cut(self, number: int, image: Array) -> Iterator[_Job]:
        padding = [(0, -side % self._stride) for side in image.shape[1:]]
        padded = np.pad(image, [(0, 0), *padding], mode="symmetric")
        for rows in self._spans(padded.shape[1]):
            for columns in self._spans(padded.shape[2]):
                yield _Job(number, rows, columns, padded[:, rows.begin : rows.end, columns.begin : columns.end])

    def _spans(self, length: int) -> list[Span]:
        """Cut an axis, whose length is a multiple of the stride, into as few tiles of one size as will do."""
        if length <= self._tile:
            return [Span(0, length, 0, length)]
        inner = self._tile - 2 * self._overlap
        count = -(-(length - 2 * self._overlap) // inner)
        even = -(-(length + 2 * self._overlap * (count - 1)) // count)
        side = -(-even // self._stride) * self._stride
        begins = [number * (side - 2 * self._overlap) for number in range(count - 1)] + [length - side]
        cuts = [0, *(begin + self._overlap for begin in begins[1:]), length]
        return [
            Span(begin, begin + side, first, last)
            for begin, first, last in zip(begins, cuts[:-1], cuts[1:], strict=True)
        ]

    def _launch(self, jobs: list[_Job]) -> torch.Tensor:
        """Return the outputs (n, k, y, x) of a batch, on the device; they may still be in the making."""
        tiles = torch.from_numpy(np.stack([job.tile for job in jobs]))

        def work(size: int) -> torch.Tensor:
            return torch.cat([self._forward(part) for part in tiles.split(size)])

        done = halve_on_oom(work, min(self._batch, len(jobs)))
        if done.halvings:
            # What did not fit once will not fit the next time.
            self._batch, self.halvings = done.batch, self.halvings + done.halvings
        return done.result

    def _forward(self, tiles: torch.Tensor) -> torch.Tensor:
        kind = torch.bfloat16 if self._device.type == "cpu" else torch.float16
        with (
            torch.inference_mode(),
            full_float32(),
            torch.autocast(self._device.type, dtype=kind, enabled=self._half),
        ):
            seen = tiles.to(self._device, non_blocking=True).contiguous(memory_format=torch.channels_last)
            return self._network(seen).float()

    def _finish(
        self, jobs: list[_Job], outputs: torch.Tensor, canvases: dict[int, _Canvas]
    ) -> Iterator[tuple[int, Array]]:
        """Put the outputs of a batch in their places; yield the images that are complete with them."""
        for job, raw in zip(jobs, outputs.cpu().numpy(), strict=True):
            canvas = canvases[job.image]
            if canvas.raw is None:
                canvas.raw = np.empty((len(raw), *canvas.shape), dtype=np.float32)
            height, width = canvas.shape
            rows = slice(job.rows.first, min(job.rows.last, height))
            columns = slice(job.columns.first, min(job.columns.last, width))
            canvas.raw[:, rows, columns] = raw[
                :,
                rows.start - job.rows.begin : rows.stop - job.rows.begin,
                columns.start - job.columns.begin : columns.stop - job.columns.begin,
            ]
            canvas.missing -= 1
            if canvas.missing == 0:
                yield job.image, canvases.pop(job.image).raw
