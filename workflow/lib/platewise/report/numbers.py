"""Numbers as a person reads them."""

from __future__ import annotations

import math


def is_number(value: object) -> bool:
    """Tell whether ``value`` is a finite number."""
    return isinstance(value, int | float) and math.isfinite(value)


def count(value: float) -> str:
    """A whole number with separators: ``12,345``."""
    return f"{int(value):,}"


def significant(value: float, digits: int = 3) -> str:
    """``digits`` significant digits, without an exponent between 0.0001 and a million."""
    if not math.isfinite(value):
        return "not computed" if math.isnan(value) else ("infinite" if value > 0 else "minus infinite")
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if size < -4 or size >= 6:
        return f"{value:.{digits - 1}e}"
    return f"{value:,.{max(digits - 1 - size, 0)}f}"


def fixed(value: float, decimals: int = 3) -> str:
    """A share or score between -1 and 1: ``0.873``."""
    return f"{value:.{decimals}f}" if math.isfinite(value) else "not computed"


def p_value(value: float) -> str:
    """``p = 0.012``; very small ones as ``p < 0.0001``, missing ones in words."""
    if not math.isfinite(value):
        return "no p"
    return "p < 0.0001" if value < 0.0001 else f"p = {value:.2g}"


def dose(value: float) -> str:
    """A dose without trailing zeros: ``0.1``, ``10``."""
    return f"{value:.6g}"


def percent(share: float) -> str:
    """A share from 0 to 1 as a percentage: ``12 %``, below 10 with a decimal."""
    if not math.isfinite(share):
        return "not computed"
    value = 100 * share
    return f"{value:.1f} %" if 0 < value < 10 else f"{value:.0f} %"


def plural(number: int, one: str, several: str = "") -> str:
    """``1 plate``, ``3 plates``."""
    return f"{count(number)} {one if number == 1 else several or one + 's'}"
