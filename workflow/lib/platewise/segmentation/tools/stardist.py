"""StarDist, 2D models: Schmidt 2018, doi:10.1007/978-3-030-00934-2_30."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from platewise.config.segmentation import ToolNuclei
from platewise.errors import ConfigError, Problem
from platewise.segmentation.engine import Image
from platewise.segmentation.images import standardise
from platewise.segmentation.tools.common import ToolEngine, check_weights, grey, import_tool

_INSTALL = "pip install stardist tensorflow"
_SOURCE = (
    "a folder with config.json, thresholds.json and weights_best.h5, such as 2D_versatile_fluo, which stardist's "
    "StarDist2D.from_pretrained leaves in ~/.keras/models"
)


def make_stardist(config: ToolNuclei) -> ToolEngine:
    """Make the engine; see ``make_tool``."""
    if config.nucleus_diameter is not None:
        raise ConfigError(
            [
                Problem(
                    "engine stardist, nucleus_diameter",
                    f"{config.nucleus_diameter:g}",
                    "none: its models do not say which size they know",
                    "take the key out, and scale the images if need be",
                )
            ]
        )
    weights = check_weights("stardist", config.weights, True, _SOURCE)
    models = import_tool("stardist", "stardist.models", _INSTALL)
    model = models.StarDist2D(None, name=weights.name, basedir=str(weights.parent))

    def predict(image: Image) -> npt.ArrayLike:
        # StarDist leaves the scaling to its user: percentiles 1 and 99.8, as `standardise` has them.
        if model.config.n_channel_in == 1:
            return model.predict_instances(standardise(grey(image)[None])[0], axes="YX")[0]
        return model.predict_instances(np.moveaxis(standardise(image), 0, 2), axes="YXC")[0]

    return ToolEngine(predict)
