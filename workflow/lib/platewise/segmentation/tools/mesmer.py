"""Mesmer, of DeepCell: Greenwald 2022, doi:10.1038/s41587-021-01094-0."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from platewise.config.segmentation import ToolNuclei
from platewise.segmentation.engine import Image
from platewise.segmentation.tools.common import NUCLEUS_UM, ToolEngine, check_weights, grey, import_tool

_INSTALL = "pip install deepcell (Python 3.10 at most; free of charge for academic work only)"
_SOURCE = "the unpacked folder MultiplexSegmentation from deepcell.org"


def make_mesmer(config: ToolNuclei) -> ToolEngine:
    """Make the engine; see ``make_tool``."""
    weights = check_weights("mesmer", config.weights, True, _SOURCE)
    applications = import_tool("mesmer", "deepcell.applications", _INSTALL)
    tensorflow = import_tool("mesmer", "tensorflow", _INSTALL)
    # Without a network it would fetch its own.
    model = applications.Mesmer(model=tensorflow.keras.models.load_model(weights))
    pixel_size = None if config.nucleus_diameter is None else NUCLEUS_UM / config.nucleus_diameter

    def predict(image: Image) -> npt.ArrayLike:
        nuclei = grey(image)
        # One image of two channels, nuclei and membranes; there are none of the latter.
        both = np.stack([nuclei, np.zeros_like(nuclei)], axis=-1)[None]
        return model.predict(both, image_mpp=pixel_size, compartment="nuclear")

    return ToolEngine(predict)
