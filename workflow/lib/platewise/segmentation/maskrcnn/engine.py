"""The engine `maskrcnn`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from platewise.config.segmentation import MaskRcnnNuclei
from platewise.device import full_float32, halve_on_oom
from platewise.segmentation.decode.tidy import tidy
from platewise.segmentation.dense import make_estimator, rescale, working_factor, working_shape
from platewise.segmentation.flips import TURNS
from platewise.segmentation.images import check_image, shows_something, standardise
from platewise.segmentation.maskrcnn.detect import Detections, Look, detect
from platewise.segmentation.maskrcnn.features import FeatureRunner
from platewise.segmentation.maskrcnn.network import MaskRcnn
from platewise.segmentation.maskrcnn.paste import paste_masks
from platewise.segmentation.models import ModelInfo, load_model, shipped_model
from platewise.segmentation.sizing import look_at_their_size

Image = npt.NDArray[np.float32]
Label = npt.NDArray[np.int32]
Shape = tuple[int, int]


class MaskRcnnEngine:
    """Finds nuclei with a `MaskRcnn` (see ``NucleiEngine``): boxes at the working size, masks at the image's own."""

    def __init__(
        self, config: MaskRcnnNuclei, info: ModelInfo, network: MaskRcnn, device: torch.device | None = None
    ) -> None:
        self._config = config
        self._working = info.diameter
        self._device = device or torch.device("cpu")
        self._network = network.to(self._device).eval()
        half = config.precision != "full" and self._device.type != "cpu"
        self._runner = FeatureRunner(self._network, config.tile, config.batch, self._device, half)
        self._turns = TURNS[: config.flips]
        self._scale = make_estimator(config, device)

    @property
    def halvings(self) -> int:
        """How often a batch had to be halved for want of memory."""
        return self._runner.halvings

    def segment(self, images: list[Image]) -> list[Label]:
        """Return the nuclei of each (c, y, x) image, in order; see ``NucleiEngine``.

        Raises
        ------
        DataError
            If an image has not 1 or 3 channels, or holds values that are not finite.
        """
        standard = [standardise(check_image(image, f"image {number}")) for number, image in enumerate(images, 1)]
        labels = [np.zeros(image.shape[1:], np.int32) for image in standard]
        # An image without contrast shows nothing, whatever a network makes of it.
        shown = [number for number, image in enumerate(standard) if shows_something(image)]
        seen = [standard[number] for number in shown]

        def look(diameters: Mapping[int, float]) -> Iterator[tuple[int, Label]]:
            places = list(diameters)
            found = self._detect([seen[place] for place in places], list(diameters.values()))
            for number, shape, detections in found:
                yield places[number], draw_label(detections, shape, seen[places[number]].shape[1:])

        found = look_at_their_size(look, seen, self._config.nucleus_diameter, self._scale, self._working)
        for number, label in zip(shown, found, strict=True):
            labels[number] = label
        return labels

    def _detect(self, images: Sequence[Image], diameters: Sequence[float]) -> Iterator[tuple[int, Shape, Detections]]:
        """Yield each image's place, the (y, x) shape in which the network saw it, and what it found."""
        shapes = [
            working_shape(image.shape[1:], working_factor(image.shape[1:], diameter, self._working))
            for image, diameter in zip(images, diameters, strict=True)
        ]

        def copies() -> Iterator[Image]:
            for image, shape in zip(images, shapes, strict=True):
                seen = rescale(image, shape)
                yield from (turn.lay(seen) for turn in self._turns)

        looks: dict[int, dict[int, Look]] = {}
        for number, features in self._runner.run(copies()):
            place, turn = divmod(number, len(self._turns))
            found = looks.setdefault(place, {})
            found[turn] = Look(self._turns[turn], [level.to(self._device) for level in features])
            if len(found) == len(self._turns):
                # In one order, whatever order they came in: sums round.
                ready = [look for _, look in sorted(looks.pop(place).items())]
                yield place, shapes[place], self._detect_in_one(ready, shapes[place])

    def _detect_in_one(self, looks: list[Look], shape: Shape) -> Detections:
        thresholds = self._config.score_threshold, self._config.overlap_threshold
        with full_float32():
            # There is no batch to halve: an error says what to do.
            return halve_on_oom(lambda _: detect(self._network, looks, shape, *thresholds), 1).result


def draw_label(detections: Detections, seen: Shape, shape: Shape) -> Label:
    """Return the label image of what was found in a copy of an image.

    Parameters
    ----------
    detections
        Boxes in pixels of the copy.
    seen
        (y, x) shape of the copy.
    shape
        (y, x) shape of the image.

    Returns
    -------
    label
        (y, x) int32; where masks overlap the surer one wins, each object is in one piece and without holes, numbered
        1..n in the order of first pixels.
    """
    factors = np.array(shape, dtype=np.float32) / np.array(seen, dtype=np.float32)
    return tidy(paste_masks(detections.masks, detections.boxes * np.tile(factors, 2), shape), 1)


def make_maskrcnn(config: MaskRcnnNuclei, device: torch.device | None = None) -> MaskRcnnEngine:
    """Make the engine of a config, its weights loaded and checked.

    Raises
    ------
    DataError
        If weights are missing, damaged, or of another engine, target or shape.
    """
    path = shipped_model("maskrcnn", "nuclei") if config.weights is None else Path(config.weights)
    info, network = load_model(path, "maskrcnn", "nuclei")
    return MaskRcnnEngine(config, info, network, device)
