"""Peak memory and CPU of the steps from cells to consensus on made-up cells and wells.

    make bench-profiles                                            # 600,000 cells, 25 x 384 wells, 1,000 features
    python benchmarks/bench_profiles.py --cells 60000 --plates 4   # a tenth
    python benchmarks/bench_profiles.py --peer                     # one block by pycytominer, too

The cells of one plate of 384 wells lie in blocks of 16 wells, as `measure_block` writes them, and once more in a single
file in any order, the worst that can be handed over. Each step runs in a process of its own; what Python and the
libraries hold is printed as the step `nothing`. Prints one figure a line: name, value, unit.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from bench_memory import WELLS, run_alone, tasks, write_wells

from platewise.config.profiles import AggregateConfig, CellsConfig, OutlierRule, SizeRule
from platewise.profiles.aggregate import run_aggregate_plate

WELLS_PER_BLOCK = 16
CAMPAIGN_STEPS = ("normalise_plates", "select_features", "build_consensus")
AREA, DNA = "Nuclei_AreaShape_Area", "Nuclei_Intensity_MeanIntensity_DNA"


def write_cells(folder: Path, cells: int, features: int) -> None:
    """Write the cells of a full plate, evenly over its wells: in blocks, and once in one file in any order."""
    rng = np.random.default_rng(0)
    each = cells // len(WELLS)
    anywhere = rng.permutation(np.repeat(WELLS, each))
    (folder / "blocks").mkdir()
    writer = None
    for start in range(0, len(WELLS), WELLS_PER_BLOCK):
        rows = np.repeat(WELLS[start : start + WELLS_PER_BLOCK], each)
        table = made_up_cells(rng, rows, features)
        pq.write_table(table, folder / "blocks" / f"{start:03d}.parquet", compression="zstd")
        table = table.set_column(1, "Metadata_Well", pa.array(anywhere[start * each :][: len(rows)]))
        writer = writer or pq.ParquetWriter(folder / "whole.parquet", table.schema, compression="zstd")
        writer.write_table(table)
    writer.close()


def made_up_cells(rng: np.random.Generator, wells: np.ndarray, features: int) -> pa.Table:
    count = len(wells)
    columns = {
        "Metadata_Plate": np.repeat("P", count),
        "Metadata_Well": wells,
        "Metadata_Site": np.arange(count) % 9 + 1,
        "Metadata_ObjectNumber": np.arange(count) + 1,
        "Metadata_TouchesBorder": rng.random(count) < 0.1,
    }
    names = [AREA, DNA, *(f"Cells_Texture_F{number:04d}" for number in range(2, features))]
    columns |= {name: rng.random(count, dtype=np.float32) for name in names}
    # A feature here and there is missing in a cell.
    columns[names[-1]][::1000] = np.nan
    return pa.table(columns)


def platemap() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Metadata_Well": WELLS,
            "Metadata_Perturbation": ["DMSO" if i % 24 == 0 else f"C{i:03d}" for i in range(len(WELLS))],
            "Metadata_Dose": 1.0,
            "Metadata_MOA": "",
            "Metadata_ControlType": ["" if i % 24 else "negcon" for i in range(len(WELLS))],
            "Metadata_Batch": "B",
        }
    )


def nothing() -> None:
    """What a job holds before it reads anything."""


def by_pycytominer(path: str) -> None:
    """The peer: one block, read whole and grouped."""
    from pycytominer import aggregate

    aggregate(pd.read_parquet(path), operation="median", compute_object_count=True)


def aggregations(folder: Path) -> dict[str, Callable[[], object]]:
    """Return the ways to aggregate a plate; the last is one block alone, as the peer does it."""
    blocks, whole = sorted(map(str, (folder / "blocks").iterdir())), [str(folder / "whole.parquet")]
    rules = CellsConfig(size=SizeRule(), outliers=OutlierRule(features=(DNA,)))
    settings = {
        "aggregate_median": (blocks, AggregateConfig(), None),
        "aggregate_mean": (blocks, AggregateConfig(method="mean"), None),
        "aggregate_distribution": (blocks, AggregateConfig(method="distribution"), None),
        "aggregate_median_with_rules": (blocks, AggregateConfig(), rules),
        "aggregate_median_one_file": (whole, AggregateConfig(), None),
        "aggregate_median_one_block": (blocks[:1], AggregateConfig(), None),
    }
    return {
        name: partial(run_aggregate_plate, paths, platemap(), "P", str(folder / f"{name}.out"), config, given, paths)
        for name, (paths, config, given) in settings.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=600_000)
    parser.add_argument("--plates", type=int, default=25)
    parser.add_argument("--features", type=int, default=1000)
    parser.add_argument("--peer", action="store_true", help="aggregate one block with pycytominer, too")
    options = parser.parse_args()
    run_alone("nothing", nothing)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_cells(folder, options.cells, options.features)
        print(f"cells {options.cells // len(WELLS) * len(WELLS)} cells", flush=True)
        for step, task in aggregations(folder).items():
            run_alone(step, task)
        if options.peer:
            run_alone("pycytominer_one_block", partial(by_pycytominer, str(folder / "blocks" / "000.parquet")))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wells = write_wells(folder, options.plates, options.features, 2)
        print(f"wells {len(wells) * len(WELLS)} wells", flush=True)
        found = tasks(folder, wells)
        for step in CAMPAIGN_STEPS:
            if step == "build_consensus":
                # Uncorrected profiles have as many rows and columns as corrected ones.
                (folder / "selected.parquet").rename(folder / "sphering.parquet")
            run_alone(step, found[step])


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
