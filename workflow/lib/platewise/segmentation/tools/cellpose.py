"""Cellpose, version 4 (Cellpose-SAM) or later: Pachitariu 2025, doi:10.1101/2025.04.28.651001."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy.typing as npt

from platewise.config.segmentation import ToolNuclei
from platewise.segmentation.engine import Image
from platewise.segmentation.tools.common import ToolEngine, channels_last, check_weights, import_tool

if TYPE_CHECKING:
    import torch

_INSTALL = 'pip install "cellpose>=4" (it brings torchvision, which must fit the torch that is installed)'
_SOURCE = "the file cpsam from huggingface.co/mouseland/cellpose-sam, or a model of your own"


def make_cellpose(config: ToolNuclei, device: torch.device | None) -> ToolEngine:
    """Make the engine; see ``make_tool``."""
    weights = check_weights("cellpose", config.weights, False, _SOURCE)
    models = import_tool("cellpose", "cellpose.models", _INSTALL)
    # A path that is there is loaded; only names are looked up, and fetched.
    model = models.CellposeModel(
        gpu=device is not None and device.type != "cpu", pretrained_model=str(weights), device=device
    )

    def predict(image: Image) -> npt.ArrayLike:
        axis = None if len(image) == 1 else 2
        return model.eval(channels_last(image), channel_axis=axis, diameter=config.nucleus_diameter)[0]

    return ToolEngine(predict)
