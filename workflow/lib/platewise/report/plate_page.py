"""The page of one plate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from skimage.transform import resize

from platewise.columns import CELL_COUNT, CONTROL_TYPE, DOSE, LEFT_OUT, MOA, NEGCON, PERTURBATION, POSCON, SITE, WELL
from platewise.config.report import ReportConfig
from platewise.errors import DataError
from platewise.report.colours import scale_colours
from platewise.report.html import render_page, write_page
from platewise.report.numbers import dose, significant
from platewise.report.plates import PlateMap, heat_map, layout_map
from platewise.report.pngs import data_uri, encode_png
from platewise.report.thumbnails import cut_middle, default_colours, display_limits, shrink, thumbnail
from platewise.tables import read_provenance, read_table, read_tables

ReadImage = Callable[[str, int], np.ndarray]
ReadLabels = Callable[[str, int], Mapping[str, np.ndarray]]
_ILLUMINATION_SIZE = 240


@dataclass(frozen=True)
class Picture:
    """A picture with its words."""

    source: str
    width: int
    height: int
    title: str
    words: str


@dataclass(frozen=True)
class BadField:
    """A field that was left out, with its unreadable files."""

    well: str
    site: int
    reason: str
    files: list[tuple[str, str, str]]


def report_plate(
    target: str | Path,
    *,
    campaign: str,
    plate: str,
    plate_format: int,
    channels: Sequence[str],
    qc_wells: str | Path,
    qc_fields: str | Path,
    settings: ReportConfig,
    rerun_command: str,
    inventory: Sequence[str | Path] = (),
    read_image: ReadImage | None = None,
    read_labels: ReadLabels | None = None,
    nuclei_channel: str = "",
    illumination: Mapping[str, np.ndarray] | None = None,
    home: str = "../index.html",
) -> None:
    """Write the page of a plate.

    Parameters
    ----------
    target
        The page, ``R/report/plates/{plate}.html``; written whole or not at all.
    campaign, plate
        Names.
    plate_format
        Wells of the physical plate: 6 to 1536.
    channels
        Names of the channels, in the order of the images.
    qc_wells, qc_fields
        ``P/qc/wells.parquet`` and ``P/qc/fields.parquet``.
    settings
        The config's section ``report``.
    rerun_command
        What the user types to look at the bad fields again, shown as it is.
    inventory
        The plate's inventory tables: they name the files behind bad fields.
    read_image, read_labels
        ``(well, site)`` to a field as (channel, y, x) and to its ``nuclei`` and ``cells``; called for a few usable
        fields. Without ``read_image``, the page has no pictures of cells.
    nuclei_channel
        Channel drawn in blue.
    illumination
        Channel to illumination function (y, x).
    home
        Address of the campaign's page, relative to this one.
    """
    wells = read_table(qc_wells).fillna({MOA: "", CONTROL_TYPE: "", "Flag": ""})
    fields = read_table(qc_fields).fillna({"Reason": ""})
    page = render_page(
        "plate.html.j2",
        campaign=campaign,
        plate=plate,
        plate_format=plate_format,
        home=home,
        channels=list(channels),
        totals=_totals(wells, fields),
        maps=plate_maps(wells, plate_format, channels),
        mean_of=read_provenance(qc_wells).get("mean_of", "cells"),
        pictures=_pictures(wells, fields, channels, settings, read_image, read_labels, nuclei_channel),
        picture_share=settings.thumbnail_field,
        picture_colours=_colours(settings, channels, nuclei_channel),
        bad_fields=bad_fields(fields, read_tables(inventory) if inventory else None),
        rerun_command=rerun_command,
        flagged=_rows(wells[wells["Flag"] != ""], channels),
        wells=_rows(wells, channels),
        judged=LEFT_OUT in wells,
        illumination=[_illumination(name, illumination[name]) for name in channels if name in (illumination or {})],
    )
    write_page(page, target)


def plate_maps(wells: pd.DataFrame, plate_format: int, channels: Sequence[str]) -> list[PlateMap]:
    """Draw the layout, the cell count and the mean of each channel."""
    names = wells[WELL].tolist()
    words = {row[WELL]: _well_words(row) for row in wells.to_dict("records")}
    flagged = frozenset(wells.loc[wells["Flag"] != "", WELL])
    controls = dict(zip(names, wells[CONTROL_TYPE].fillna(""), strict=True))
    maps = [layout_map("map-layout", plate_format, controls, words, flagged)]
    counts = dict(zip(names, wells[CELL_COUNT].astype(float), strict=True))
    maps.append(heat_map("map-cells", "Cell count", "cells", plate_format, counts, words, flagged, from_zero=True))
    if LEFT_OUT in wells:
        shares = dict(zip(names, 100 * wells[LEFT_OUT].astype(float), strict=True))
        title = "Cells left out by rules, %"
        maps.append(heat_map("map-left-out", title, "%", plate_format, shares, words, flagged, from_zero=True))
    for place, name in enumerate(channels):
        if f"Mean_{name}" in wells:
            values = dict(zip(names, wells[f"Mean_{name}"].astype(float), strict=True))
            title = f"Mean intensity, {name}"
            maps.append(heat_map(f"map-channel-{place}", title, "camera units", plate_format, values, words, flagged))
    return maps


def bad_fields(fields: pd.DataFrame, inventory: pd.DataFrame | None) -> list[BadField]:
    """List the fields that were left out, each with the files that the inventory calls bad: channel, file, reason."""
    files: dict[tuple[str, int], list[tuple[str, str, str]]] = {}
    if inventory is not None:
        for row in inventory[inventory["Status"] != "ok"].to_dict("records"):
            name = Path(str(row["Path"])).name or "no file"
            files.setdefault((row[WELL], int(row[SITE])), []).append((str(row["Channel"]), name, str(row["Reason"])))
    bad = fields[fields["Status"] != "ok"].sort_values([WELL, SITE])
    return [
        BadField(
            row[WELL], int(row[SITE]), row["Reason"] or "no reason stored", files.get((row[WELL], int(row[SITE])), [])
        )
        for row in bad.to_dict("records")
    ]


def choose_wells(wells: pd.DataFrame, number: int) -> list[str]:
    """Choose wells to show, in plate order.

    Two controls of each kind, flagged wells up to a third of the number, then an even choice of the rest. Wells
    without a usable field are never chosen.
    """
    usable = wells[wells["FieldsOk"] > 0].sort_values(WELL)
    chosen: list[str] = []
    for rows, most in (
        (usable[usable[CONTROL_TYPE] == NEGCON], 2),
        (usable[usable[CONTROL_TYPE] == POSCON], 2),
        (usable[usable["Flag"] != ""], max(number // 3, 1)),
    ):
        chosen += [well for well in rows[WELL] if well not in chosen][:most]
    rest = [well for well in usable[WELL] if well not in chosen]
    left = number - len(chosen)
    if left > 0 and rest:
        chosen += [rest[place] for place in np.unique(np.linspace(0, len(rest) - 1, min(left, len(rest))).astype(int))]
    return sorted(chosen[:number])


def _pictures(
    wells: pd.DataFrame,
    fields: pd.DataFrame,
    channels: Sequence[str],
    settings: ReportConfig,
    read_image: ReadImage | None,
    read_labels: ReadLabels | None,
    nuclei_channel: str,
) -> list[Picture]:
    if read_image is None or settings.thumbnail_wells == 0:
        return []
    colours = _colours(settings, channels, nuclei_channel)
    indices = {list(channels).index(name): colour for name, colour in colours.items()}
    ok = fields[fields["Status"] == "ok"].sort_values(SITE).groupby(WELL)[SITE].first()
    small = {}
    for well in choose_wells(wells, settings.thumbnail_wells):
        site = int(ok[well])
        labels = read_labels(well, site) if read_labels is not None else {}
        image = cut_middle(read_image(well, site), settings.thumbnail_field)
        cut = {name: cut_middle(np.asarray(label), settings.thumbnail_field) for name, label in labels.items()}
        # Only the reduced field is kept: a plate's worth of full ones would not fit.
        small[well, site] = shrink(image, cut, settings.thumbnail_size)
    limits = display_limits([image for image, _ in small.values()], indices) if small else {}
    words = {row[WELL]: row for row in wells.to_dict("records")}
    return [
        Picture(
            source=data_uri(thumbnail(image, labels, indices, settings.thumbnail_size, limits)),
            width=image.shape[2],
            height=image.shape[1],
            title=f"{well}, site {site}",
            words=_treatment_words(words[well]),
        )
        for (well, site), (image, labels) in small.items()
    ]


def _colours(settings: ReportConfig, channels: Sequence[str], nuclei_channel: str) -> dict[str, str]:
    unknown = [name for name in settings.thumbnail_channels if name not in channels]
    if unknown:
        raise DataError(
            f"config, key report.thumbnail_channels: found {', '.join(unknown)}; expected channels among "
            f"{', '.join(channels)}. Hint: write the channels as in the config's images section."
        )
    return dict(settings.thumbnail_channels) or default_colours(channels, nuclei_channel)


def _illumination(name: str, function: np.ndarray) -> Picture:
    height, width = function.shape
    factor = min(_ILLUMINATION_SIZE / max(height, width), 1.0)
    shape = (max(round(height * factor), 1), max(round(width * factor), 1))
    small = resize(function.astype(np.float32), shape, order=1, anti_aliasing=True)
    low, high = float(function.min()), float(function.max())
    words = f"from {significant(low)} (dark) to {significant(high)} (bright)"
    if low == high:
        words = "even: too few fields, or none have a pattern in common; nothing was divided out"
    pixels = scale_colours(small, low, high)
    return Picture(data_uri(encode_png(pixels, colours=64)), shape[1], shape[0], name, words)


def _totals(wells: pd.DataFrame, fields: pd.DataFrame) -> dict[str, int]:
    return {
        "wells": len(wells),
        "cells": int(wells[CELL_COUNT].sum()),
        "fields_ok": int((fields["Status"] == "ok").sum()),
        "fields_bad": int((fields["Status"] != "ok").sum()),
        "flagged": int((wells["Flag"] != "").sum()),
        "negcon": int((wells[CONTROL_TYPE] == NEGCON).sum()),
        "poscon": int((wells[CONTROL_TYPE] == POSCON).sum()),
    }


def _rows(wells: pd.DataFrame, channels: Sequence[str]) -> list[dict]:
    rows = []
    for row in wells.to_dict("records"):
        means = [float(row.get(f"Mean_{name}", np.nan)) for name in channels]
        rows.append(
            {
                "well": row[WELL],
                "treatment": _treatment_words(row),
                "moa": row[MOA] or "not known",
                "control": {NEGCON: "negative control", POSCON: "positive control"}.get(row[CONTROL_TYPE], "no"),
                "cells": int(row[CELL_COUNT]),
                "left_out": float(row.get(LEFT_OUT, np.nan)),
                "fields": f"{int(row['FieldsOk'])} of {int(row['FieldsOk'] + row['FieldsBad'])}",
                "flag": row["Flag"],
                "means": [significant(mean) if np.isfinite(mean) else "not measured" for mean in means],
            }
        )
    return rows


def _treatment_words(row: Mapping) -> str:
    return f"{row[PERTURBATION]} at {dose(row[DOSE])}" if np.isfinite(row[DOSE]) else str(row[PERTURBATION])


def _well_words(row: Mapping) -> str:
    return f"{row[WELL]}: {_treatment_words(row)}" + (f", {row['Flag']}" if row["Flag"] else "")
