"""A rendered campaign on disk: images, truth and sheets, as a microscope and a screening group would leave them."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tifffile

from platewise.errors import DataError
from platewise.files import whole_file
from platewise.plan.wells import FORMATS
from platewise.simulate.compounds import POSITIVE_CONTROL, VEHICLE
from platewise.simulate.designs import Design, preset
from platewise.simulate.field import Field, FieldRequest, render_field
from platewise.simulate.layout import Well, lay_out
from platewise.simulate.optics import Optics, plate_optics
from platewise.simulate.stains import CHANNELS
from platewise.tables import read_tables, write_table

RENDERER_VERSION = 1  # raised by hand when the same design and seed give other pixels
STAMP = "rendered.json"
_STARTED = "rendering.json"
_OWN = ("images", "truth", "metadata", "plates.tsv", STAMP)


@dataclasses.dataclass(frozen=True)
class FieldPaths:
    """Where the files of one field lie."""

    images: tuple[Path, ...]
    nuclei: Path
    cells: Path
    truth: Path

    @property
    def complete(self) -> bool:
        """Whether all of them are there."""
        return all(path.is_file() for path in (*self.images, self.nuclei, self.cells, self.truth))


@dataclasses.dataclass(frozen=True)
class _Task:
    request: FieldRequest
    batch: str
    field_size: int
    batch_effect: float
    paths: FieldPaths


def render_campaign(
    design: Design | str,
    folder: str | Path,
    seed: int = 0,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Render a campaign into a folder.

    A folder that already holds the same design, seed and renderer version is completed: only fields of which a file is
    missing are rendered. A folder with another campaign of this renderer is emptied of it first.

    Parameters
    ----------
    design
        A design, or the name of a preset.
    folder
        Made if it does not exist.
    seed
        Everything random comes from it, field by field: neither the number of workers nor the order matters.
    workers
        Processes to render with.
    progress
        Called with the number of fields done and the number of all after each field.

    Returns
    -------
    Path
        The plate sheet, ``{folder}/plates.tsv``.

    Raises
    ------
    ConfigError
        If ``design`` is not the name of a preset.
    DataError
        If the folder holds files that are not a rendered campaign.
    ValueError
        If ``workers`` is below 1 or ``seed`` negative.
    """
    design = preset(design) if isinstance(design, str) else design
    if workers < 1 or seed < 0:
        raise ValueError(f"workers must be at least 1 and seed at least 0, not {workers} and {seed}")
    folder = Path(folder)
    stamp = _stamp(design, seed)
    _prepare(folder, stamp)
    layout = lay_out(design, seed)
    tasks = list(_tasks(design, seed, folder, layout))
    missing = [task for task in tasks if not task.paths.complete]
    if missing or _read_text(folder / STAMP) != stamp or not (folder / "truth" / "cells.parquet").is_file():
        _complete(missing, tasks, folder, stamp, workers, progress)
    # Also for a finished folder: it may have been moved, and the plate sheet holds its path.
    _write_sheets(design, folder, layout)
    return folder / "plates.tsv"


def _complete(
    missing: list[_Task],
    tasks: list[_Task],
    folder: Path,
    stamp: str,
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Render what is missing, gather the truth, and exchange the stamp of a start for that of an end."""
    _write_text(folder / _STARTED, stamp)
    (folder / STAMP).unlink(missing_ok=True)
    _render(missing, len(tasks), workers, progress)
    write_table(
        read_tables([task.paths.truth for task in tasks]), folder / "truth" / "cells.parquet", json.loads(stamp)
    )
    _write_text(folder / STAMP, stamp)
    (folder / _STARTED).unlink()


def field_paths(folder: Path, plate: str, well: Well, site: int) -> FieldPaths:
    """Return the paths of a field's files; images have the names an Opera Phenix gives them."""
    stem = f"r{well.row + 1:02d}c{well.column + 1:02d}f{site:02d}p01"
    truth = folder / "truth" / plate / f"{well.name}-f{site:02d}"
    return FieldPaths(
        images=tuple(folder / "images" / plate / f"{stem}-ch{number}sk1fk1fl1.tiff" for number in range(1, 6)),
        nuclei=truth.with_name(truth.name + ".nuclei.tiff"),
        cells=truth.with_name(truth.name + ".cells.tiff"),
        truth=truth.with_name(truth.name + ".parquet"),
    )


def _stamp(design: Design, seed: int) -> str:
    # What a design does not use is not told, so that folders which were rendered before there was such a thing stay.
    compounds = [_without_empty(dataclasses.asdict(compound), "wild_type") for compound in design.compounds]
    facts = {
        "renderer": RENDERER_VERSION,
        "seed": seed,
        "design": _without_empty(dataclasses.asdict(design), "alleles"),
        "compounds": compounds,
        "channels": list(CHANNELS),
    }
    return json.dumps(facts, indent=1, sort_keys=True) + "\n"


def _without_empty(facts: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name != key or value}


def _read_text(path: Path) -> str | None:
    return path.read_text() if path.is_file() else None


def _prepare(folder: Path, stamp: str) -> None:
    """Make the folder, or clear it of another rendered campaign; refuse to touch anything else."""
    folder.mkdir(parents=True, exist_ok=True)
    found = [_read_text(folder / name) for name in (STAMP, _STARTED)]
    if not any(folder.iterdir()):
        return
    if found == [None, None]:
        raise DataError(
            f"{folder}: the folder is not empty and holds neither {STAMP} nor {_STARTED}, so it is not a rendered "
            "campaign. Hint: choose a new folder; nothing was written."
        )
    if any(text is not None and text != stamp for text in found):
        # The stamp that says what will be there comes first: a crash in between leaves a half-finished campaign.
        _write_text(folder / _STARTED, stamp)
        for name in _OWN:
            _remove(folder / name)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _tasks(design: Design, seed: int, folder: Path, layout: dict[str, tuple[Well, ...]]) -> Iterator[_Task]:
    grid = FORMATS[design.plate_format]
    for plate, batch in design.plates:
        for well in layout[plate]:
            for site in range(1, design.fields_per_well + 1):
                request = FieldRequest(
                    seed=seed,
                    plate=plate,
                    well=well.name,
                    site=site,
                    compound=well.compound,
                    dose_um=well.dose_um,
                    row=well.row / (grid.rows - 1),
                    column=well.column / (grid.columns - 1),
                    at_edge=well.at_edge,
                    expected=design.cells_per_field,
                )
                paths = field_paths(folder, plate, well, site)
                yield _Task(request, batch, design.field_size, design.batch_effect, paths)


def _render(tasks: list[_Task], total: int, workers: int, progress: Callable[[int, int], None] | None) -> None:
    done = total - len(tasks)
    if workers == 1 or len(tasks) < 2:
        finished: Any = map(_render_task, tasks)
        _count(finished, done, total, progress)
        return
    # Spawned, not forked: the caller may hold threads (torch, dask) that do not survive a fork.
    with ProcessPoolExecutor(min(workers, len(tasks)), mp_context=get_context("spawn")) as pool:
        _count(pool.map(_render_task, tasks, chunksize=1), done, total, progress)


def _count(finished: Any, done: int, total: int, progress: Callable[[int, int], None] | None) -> None:
    for _ in finished:
        done += 1
        if progress is not None:
            progress(done, total)


@lru_cache(maxsize=2)
def _optics(seed: int, batch: str, plate: str, field_size: int, batch_effect: float) -> Optics:
    return plate_optics(seed, batch, plate, field_size, batch_effect)


def _render_task(task: _Task) -> None:
    optics = _optics(task.request.seed, task.batch, task.request.plate, task.field_size, task.batch_effect)
    write_field(render_field(task.request, optics), task.paths, task.batch)


def write_field(field: Field, paths: FieldPaths, batch: str) -> None:
    """Write a field's images, labels and, last of all, its truth; every file whole or not at all."""
    for image, path in zip(field.images, paths.images, strict=True):
        _write_tiff(path, image)
    _write_tiff(paths.nuclei, field.nuclei)
    _write_tiff(paths.cells, field.cells)
    table = field.truth.copy()
    table.insert(1, "Metadata_Batch", batch)
    write_table(table, paths.truth, {"renderer": RENDERER_VERSION})


def _write_tiff(path: Path, image: np.ndarray) -> None:
    with whole_file(path, flush=False) as temporary:
        tifffile.imwrite(temporary, image, compression="zlib", compressionargs={"level": 1}, metadata=None)


def _write_text(path: Path, text: str) -> None:
    """Write a text whole or not at all; a file that already says the same keeps its time of change."""
    if _read_text(path) == text:
        return
    with whole_file(path, flush=False) as temporary:
        temporary.write_text(text)


def _write_sheets(design: Design, folder: Path, layout: dict[str, tuple[Well, ...]]) -> None:
    """Write the plate sheet, the plate maps, the barcode map and the compound table."""
    metadata = folder / "metadata"
    maps = {plate: f"{plate}_platemap" for plate, _ in design.plates}
    for plate, name in maps.items():
        rows = [
            {
                "well_position": well.name,
                "perturbation": well.compound.name if well.compound else VEHICLE,
                "dose_um": f"{well.dose_um:g}" if well.compound else "",
            }
            for well in layout[plate]
        ]
        _write_text(metadata / "platemap" / f"{name}.txt", _sheet(rows, "\t"))
    barcodes = [{"Assay_Plate_Barcode": plate, "Plate_Map_Name": name} for plate, name in maps.items()]
    _write_text(metadata / "barcode_platemap.csv", _sheet(barcodes, ","))
    known = [{"perturbation": VEHICLE, "moa": "", "control_type": "negcon"}]
    known += [{"perturbation": item.name, "moa": item.moa, "control_type": ""} for item in design.compounds]
    if design.positives_per_plate:
        known.append({"perturbation": POSITIVE_CONTROL.name, "moa": POSITIVE_CONTROL.moa, "control_type": "poscon"})
    if design.alleles:
        wild_types = {item.name: item.wild_type for item in design.compounds}
        # What the phenotype of an allele is made of is not known to who screens it.
        known = [row | {"moa": "", "wild_type": wild_types.get(row["perturbation"], "")} for row in known]
    _write_text(metadata / "external_metadata.tsv", _sheet(known, "\t"))
    plates = [
        {
            "plate": plate,
            "batch": batch,
            "reader": "phenix",
            "images": (folder / "images" / plate).as_posix(),
            "platemap": (metadata / "platemap" / f"{maps[plate]}.txt").as_posix(),
            "fields_per_well": design.fields_per_well,
        }
        for plate, batch in design.plates
    ]
    _write_text(folder / "plates.tsv", _sheet(plates, "\t"))


def _sheet(rows: list[dict[str, Any]], separator: str) -> str:
    return pd.DataFrame(rows).to_csv(sep=separator, index=False, lineterminator="\n")
