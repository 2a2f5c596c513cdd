"""How a preflight is shown."""

from __future__ import annotations

from collections.abc import Sequence

from platewise.preflight.forecast import Forecast
from platewise.preflight.images import PlateImages


def size(amount: float) -> str:
    """Write bytes with a unit that leaves one to three digits before the point: ``1.2 GB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.5:
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:,.3g} TB" if amount < 999.5 else f"{amount:,.0f} TB"


def duration(seconds: float) -> str:
    """Write a time in the unit that fits: ``40 s``, ``12 min``, ``3.5 h``, ``6.2 days``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} days"


def hours(seconds: float) -> str:
    """Write seconds as hours, with two digits that count."""
    value = seconds / 3600
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.2g}"


def image_lines(plates: Sequence[PlateImages]) -> list[str]:
    """Return a line a plate."""
    rows = [("plate", "fields", "read", "bad", "pixels")]
    for plate in plates:
        pixels = f"{plate.height} x {plate.width}" if plate.height else "?"
        fields = str(sum(plate.fields.values())) if plate.fields else "?"
        rows.append((plate.plate, fields, str(plate.read), str(len(plate.bad)), pixels))
    return aligned(rows)


def forecast_lines(forecast: Forecast) -> list[str]:
    """Return a line a rule, and the sum."""
    rows = [("rule", "jobs", "CPU time", "GPU time", "storage", "files")]
    for rule in forecast.rules:
        times = (duration(rule.cost.cpu), duration(rule.cost.gpu) if rule.cost.gpu else "")
        numbers = (*times, size(rule.cost.disk), f"{rule.cost.files:,.0f}")
        rows.append((rule.rule, str(rule.jobs), *(numbers if rule.measured else ("?", "?", "?", "?"))))
    total = forecast.total
    gpu = duration(total.gpu) if total.gpu else ""
    rows.append(("total", f"{forecast.jobs:,}", duration(total.cpu), gpu, size(total.disk), f"{total.files:,.0f}"))
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lay rows out in columns, the first to the left and numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]))
    return lines
