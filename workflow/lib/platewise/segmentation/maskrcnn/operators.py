"""torchvision's operators, where it is installed and works."""

from __future__ import annotations

import logging
from functools import cache
from types import ModuleType

log = logging.getLogger(__name__)


@cache
def torchvision_operators() -> ModuleType | None:
    """Return ``torchvision.ops``, or None if torchvision is not there or was built for another torch."""
    try:
        import torchvision.ops
    except ModuleNotFoundError:
        return None
    except Exception as error:  # a torchvision that does not fit torch raises nearly anything when it is imported
        log.warning("torchvision does not work (%s); platewise's own operators are used", error)
        return None
    return torchvision.ops
