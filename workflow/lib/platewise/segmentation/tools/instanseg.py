"""InstanSeg: Goldsborough 2024, arXiv:2408.15954."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy.typing as npt

from platewise.config.segmentation import ToolNuclei
from platewise.segmentation.engine import Image
from platewise.segmentation.tools.common import NUCLEUS_UM, ToolEngine, channels_last, check_weights, import_tool

if TYPE_CHECKING:
    import torch

_INSTALL = "pip install instanseg-torch"
_SOURCE = "the file instanseg.pt of a model from github.com/instanseg/instanseg/releases"
# Larger images are seen in tiles; the tool's own limit.
_SMALL = 1500 * 1500


def make_instanseg(config: ToolNuclei, device: torch.device | None) -> ToolEngine:
    """Make the engine; see ``make_tool``."""
    weights = check_weights("instanseg", config.weights, False, _SOURCE)
    tool = import_tool("instanseg", "instanseg", _INSTALL)
    import torch

    # Given a network it downloads nothing; given a name it would.
    network = torch.jit.load(str(weights), map_location="cpu")
    model = tool.InstanSeg(network, device="cpu" if device is None else device.type, verbosity=0)
    pixel_size = None if config.nucleus_diameter is None else NUCLEUS_UM / config.nucleus_diameter

    def predict(image: Image) -> npt.ArrayLike:
        small = image.shape[1] * image.shape[2] <= _SMALL
        evaluate = model.eval_small_image if small else model.eval_medium_image
        return evaluate(channels_last(image), pixel_size=pixel_size, return_image_tensor=False, target="nuclei").numpy()

    return ToolEngine(predict)
