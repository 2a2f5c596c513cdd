"""Engines whose networks say something of every pixel: `unet`, `fpn`, `flow`, and several of them as `ensemble`.

An image is standardised, scaled so that its nuclei have the size that the network knows, seen tile by tile (and turned,
and at other scales), and decoded at that size; the labels are brought back to the image's own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from platewise.config.segmentation import EnsembleNuclei, FlowNuclei, FpnNuclei, MaskRcnnNuclei, UnetNuclei
from platewise.segmentation.decode.choose import decode
from platewise.segmentation.decode.resize import resize_label
from platewise.segmentation.decode.tidy import tidy
from platewise.segmentation.description import ModelInfo
from platewise.segmentation.flips import TURNS
from platewise.segmentation.images import check_image, shows_something, standardise
from platewise.segmentation.maps import Maps, mean_maps
from platewise.segmentation.models import load_dense, load_model, shipped_model
from platewise.segmentation.scale import ScaleEstimator
from platewise.segmentation.sizing import look_at_their_size
from platewise.segmentation.tiles import TileRunner

Image = npt.NDArray[np.float32]
Label = npt.NDArray[np.int32]
Shape = tuple[int, int]
Member = tuple[ModelInfo, torch.nn.Module]
DenseConfig = UnetNuclei | FpnNuclei | FlowNuclei | EnsembleNuclei

# Factors go in steps of the eighth root of 2 (9 %; networks are trained on a wider range of sizes), so that the fields
# of a plate, whose estimated diameters differ a little, have one working size and share batches.
STEPS = 8
# A wrong estimate must not fill the memory: an image is enlarged by this at most, and never beyond so many pixels.
LARGEST_FACTOR = 8.0
MOST_PIXELS = 2**24
# Nor may it shrink the image to nothing.
LEAST_FACTOR = 1 / 16


def working_factor(shape: Shape, diameter: float, working: float) -> float:
    """Return by how much an image is scaled before a network sees it.

    Parameters
    ----------
    shape
        (y, x) of the image.
    diameter
        Typical diameter of its nuclei in pixels.
    working
        The diameter that the network knows.

    Returns
    -------
    factor
        ``working / diameter``, rounded to steps of 2^(1/8), from 1/16 to 8; a factor above 1 gives 2^24 pixels at most.
    """
    factor = 2 ** (round(STEPS * math.log2(working / diameter)) / STEPS)
    factor = min(factor, max(1.0, math.sqrt(MOST_PIXELS / (shape[0] * shape[1]))))
    return min(max(factor, LEAST_FACTOR), LARGEST_FACTOR)


def working_shape(shape: Shape, factor: float) -> Shape:
    """Return the (y, x) shape of a scaled image."""
    return max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))


class MapPredictor:
    """Maps of images by one or several networks, averaged over turned copies and scales.

    Parameters
    ----------
    members
        Descriptions and networks, as `models.load_model` returns them.
    flips
        How many of `flips.TURNS` are averaged.
    scales
        Factors on each network's working size at which the image is seen, averaged.
    tile, batch
        See `TileRunner`; on a CPU the batch is 1.
    device
        Where to work; None is the CPU.
    half
        Half precision; None takes it on a GPU only.
    """

    def __init__(
        self,
        members: Sequence[Member],
        *,
        flips: int = 1,
        scales: Sequence[float] = (1.0,),
        tile: int = 768,
        batch: int = 4,
        device: torch.device | None = None,
        half: bool | None = None,
    ) -> None:
        gpu = device is not None and device.type != "cpu"
        if half is None:
            half = gpu
        if not gpu:
            # More than one at a time is no faster there, and each takes its memory.
            batch = 1
        self._turns = TURNS[:flips]
        self._looks = [
            (TileRunner(network, tile, batch, device, half), network, info.diameter * scale)
            for info, network in members
            for scale in scales
        ]
        self.diameter = members[0][0].diameter

    @property
    def halvings(self) -> int:
        """How often a batch had to be halved for want of memory."""
        return sum(runner.halvings for runner, _, _ in self._looks)

    def predict(self, images: Sequence[Image], diameters: Sequence[float]) -> Iterator[tuple[int, Maps]]:
        """Predict the maps of images.

        Parameters
        ----------
        images
            (c, y, x) float32, standardised.
        diameters
            Typical diameter of the nuclei of each, in its pixels.

        Yields
        ------
        number, maps
            The image's place among ``images`` and its maps at `working_shape`, as they get ready.
        """
        shapes = [
            working_shape(image.shape[1:], working_factor(image.shape[1:], diameter, self.diameter))
            for image, diameter in zip(images, diameters, strict=True)
        ]
        before: list[list[Maps]] = [[] for _ in images]
        for place, (runner, network, working) in enumerate(self._looks, 1):
            for number, maps in self._look(runner, network, working, images, diameters):
                before[number].append(maps.each(lambda map_, shape=shapes[number]: rescale(map_, shape)))
                if place == len(self._looks):
                    yield number, mean_maps(before[number])
                    before[number].clear()

    def _look(
        self,
        runner: TileRunner,
        network: torch.nn.Module,
        working: float,
        images: Sequence[Image],
        diameters: Sequence[float],
    ) -> Iterator[tuple[int, Maps]]:
        """Predict with one network at one scale, averaged over the turned copies."""

        def copies() -> Iterator[Image]:
            for image, diameter in zip(images, diameters, strict=True):
                shape = image.shape[1:]
                seen = rescale(image, working_shape(shape, working_factor(shape, diameter, working)))
                yield from (turn.lay(seen) for turn in self._turns)

        parts: dict[int, dict[int, Maps]] = {}
        for number, raw in runner.run(copies()):
            image, turn = divmod(number, len(self._turns))
            found = parts.setdefault(image, {})
            found[turn] = self._turns[turn].undo(network.maps(raw))
            if len(found) == len(self._turns):
                # In one order, whatever order they came in: sums round.
                yield image, mean_maps([maps for _, maps in sorted(parts.pop(image).items())])


class DenseEngine:
    """Finds nuclei with networks that say something of every pixel (see ``NucleiEngine``)."""

    def __init__(self, config: DenseConfig, members: Sequence[Member], device: torch.device | None = None) -> None:
        self._config = config
        self._scale = make_estimator(config, device)
        self._predictor = MapPredictor(
            members,
            flips=config.flips,
            scales=config.scales,
            tile=config.tile,
            batch=config.batch,
            device=device,
            half=False if config.precision == "full" else None,
        )
        self._flow_error = config.flow_error if isinstance(config, FlowNuclei | EnsembleNuclei) else math.inf

    @property
    def halvings(self) -> int:
        """How often a batch had to be halved for want of memory."""
        return self._predictor.halvings

    def segment(self, images: list[Image]) -> list[Label]:
        """Return the nuclei of each (c, y, x) image, in order; see ``NucleiEngine``.

        Raises
        ------
        DataError
            If an image has not 1 or 3 channels, or holds values that are not finite.
        """
        # Nuclei are read from the maps of one image while the network looks at the next ones.
        with ThreadPoolExecutor(max_workers=torch.get_num_threads()) as pool:
            standard = list(pool.map(self._prepare, images, range(1, len(images) + 1)))
            # An image without contrast shows nothing, whatever a network makes of it.
            shown = [number for number, image in enumerate(standard) if shows_something(image)]
            seen = [standard[number] for number in shown]

            def look(diameters: Mapping[int, float]) -> Iterator[tuple[int, Label]]:
                places, sizes = list(diameters), list(diameters.values())
                reading = [
                    (places[number], pool.submit(self._read, maps, seen[places[number]].shape[1:], sizes[number]))
                    for number, maps in self._predictor.predict([seen[place] for place in places], sizes)
                ]
                return ((place, label.result()) for place, label in reading)

            labels = [np.zeros(image.shape[1:], np.int32) for image in standard]
            told, known = self._config.nucleus_diameter, self._predictor.diameter
            for number, label in zip(shown, look_at_their_size(look, seen, told, self._scale, known), strict=True):
                labels[number] = label
            return labels

    @staticmethod
    def _prepare(image: Image, number: int) -> Image:
        return standardise(check_image(image, f"image {number}"))

    def _read(self, maps: Maps, shape: Shape, diameter: float) -> Label:
        """Read nuclei from maps at the working size and bring them to ``shape``, in one piece each and in order."""
        known = self._predictor.diameter
        label = decode(
            maps,
            threshold=self._config.foreground_threshold,
            minimum_area=self._config.minimum_area,
            flow_error=self._flow_error,
            diameter=diameter * working_factor(shape, diameter, known),
        )
        return tidy(resize_label(label, maps.foreground, shape, self._config.foreground_threshold), 1)


def make_dense(config: DenseConfig, device: torch.device | None = None) -> DenseEngine:
    """Make the engine of a config, its weights loaded and checked.

    Raises
    ------
    DataError
        If weights are missing, damaged, or of another engine, target or shape.
    """
    if isinstance(config, EnsembleNuclei):
        members = [load_dense(Path(path), "nuclei") for path in config.members]
    else:
        path = shipped_model(config.engine, "nuclei") if config.weights is None else Path(config.weights)
        members = [load_model(path, config.engine, "nuclei")]
    return DenseEngine(config, members, device)


def make_estimator(config: DenseConfig | MaskRcnnNuclei, device: torch.device | None) -> ScaleEstimator | None:
    """Make what estimates the diameter of nuclei; None where the config says it.

    Raises
    ------
    DataError
        If its weights cannot be used.
    """
    if config.nucleus_diameter is not None:
        return None
    return ScaleEstimator(device, None if config.scale_weights is None else Path(config.scale_weights))


def rescale(image: npt.NDArray[np.float32], shape: Shape) -> npt.NDArray[np.float32]:
    """Scale (..., y, x) to another (y, x): bilinear, and where it shrinks averaged, so that nothing is skipped."""
    if image.shape[-2:] == shape:
        return image
    planes = torch.from_numpy(np.ascontiguousarray(image)).reshape(1, -1, *image.shape[-2:])
    scaled = functional.interpolate(planes, shape, mode="bilinear", align_corners=False, antialias=True)
    return scaled.reshape(*image.shape[:-2], *shape).numpy()
