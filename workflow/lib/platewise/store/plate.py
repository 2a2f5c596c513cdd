"""The plate store's own metadata: plate, rows and wells (OME-Zarr 0.5)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from platewise.files import whole_file
from platewise.store.paths import row_and_column, well_path

OME_VERSION = "0.5"


def write_group(folder: Path, attributes: dict[str, Any]) -> None:
    """Write ``zarr.json`` of a group by rename; a file that says the same already is left alone."""
    text = json.dumps({"zarr_format": 3, "node_type": "group", "attributes": attributes}, indent=2)
    path = folder / "zarr.json"
    if path.is_file() and path.read_text() == text:
        return
    with whole_file(path, flush=False) as temporary:
        temporary.write_text(text)


def prepare_store(store: Path, plate: str, fields: Mapping[str, Sequence[int]]) -> None:
    """Write the metadata of a plate, its rows and its wells; fields and labels already there are not touched.

    Parameters
    ----------
    store
        Folder of the store (``plate.zarr``).
    plate
        The plate's name.
    fields
        Sites by well, both in plate order: the fields that can be read.
    """
    places = {well: row_and_column(well) for well in fields}
    rows = sorted({row for row, _ in places.values()}, key=lambda name: (len(name), name))
    columns = sorted({column for _, column in places.values()})
    for well, sites in fields.items():
        images = [{"path": str(site), "acquisition": 0} for site in sites]
        write_group(well_path(store, well), {"ome": {"version": OME_VERSION, "well": {"images": images}}})
    for row in rows:
        write_group(store / row, {})
    metadata = {
        "name": plate,
        "version": OME_VERSION,
        "acquisitions": [{"id": 0}],
        "rows": [{"name": row} for row in rows],
        "columns": [{"name": column} for column in columns],
        "wells": [
            {"path": f"{row}/{column}", "rowIndex": rows.index(row), "columnIndex": columns.index(column)}
            for row, column in places.values()
        ],
        "field_count": max((len(sites) for sites in fields.values()), default=0),
    }
    # Last: it is the rule's declared output.
    write_group(store, {"ome": {"version": OME_VERSION, "plate": metadata}})
