"""Which adapter a config asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platewise.config.segmentation import ToolNuclei
from platewise.segmentation.tools.common import ToolEngine

if TYPE_CHECKING:
    import torch


def make_tool(config: ToolNuclei, device: torch.device | None = None) -> ToolEngine:
    """Make the engine of a tool, its weights loaded.

    Parameters
    ----------
    config
        Which tool, and where its weights are.
    device
        Where to work, for the tools in torch (cellpose, instanseg); None is the CPU. Those in TensorFlow (stardist,
        mesmer) take what TensorFlow finds.

    Raises
    ------
    ConfigError
        If the tool is not installed or broken, its weights are not there, or it has no use for a key.
    """
    match config.engine:
        case "cellpose":
            from platewise.segmentation.tools.cellpose import make_cellpose

            return make_cellpose(config, device)
        case "instanseg":
            from platewise.segmentation.tools.instanseg import make_instanseg

            return make_instanseg(config, device)
        case "stardist":
            from platewise.segmentation.tools.stardist import make_stardist

            return make_stardist(config)
        case "mesmer":
            from platewise.segmentation.tools.mesmer import make_mesmer

            return make_mesmer(config)
