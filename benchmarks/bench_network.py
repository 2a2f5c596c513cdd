"""CPU and memory of the network of a large library: all pairs of 16,600 perturbations with 672 features, on one core.

    OMP_NUM_THREADS=1 python benchmarks/bench_network.py                        # pairs, top 1 %, edges, the whole rule
    OMP_NUM_THREADS=1 python benchmarks/bench_network.py --nodes 100000 --pairs # all pairs of profiles on disk alone

Profiles are made up: 500 mechanisms, four replicates, 300 perturbations and 20 controls a plate. Each figure is of a
process of its own, kernels compiled before. ``memory`` is the highest resident memory, ``own_memory`` without pages of
files, which the system takes back when it needs room. Prints one figure a line: name, value, unit.
"""

import argparse
import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from alone import ask_alone

REPLICATES, PER_PLATE, CONTROLS, MECHANISMS = 4, 300, 20, 500
_ROWS = 4096


def made_up(start: int, stop: int, features: int, noise: float, seed: int) -> np.ndarray:
    """Profiles of perturbations, each with the direction of its mechanism at a strength of its own."""
    directions = np.random.default_rng(0).normal(size=(MECHANISMS, features)).astype(np.float32)
    rng = np.random.default_rng([seed, start])
    strength = np.random.default_rng([1, start]).uniform(0, 1.5, (stop - start, 1)).astype(np.float32)
    values = noise * rng.normal(size=(stop - start, features)).astype(np.float32)
    return values + strength * directions[np.arange(start, stop) % MECHANISMS]


def write_unit(path: Path, nodes: int, features: int) -> None:
    """Write profiles of length 1 to a file, block by block."""
    unit = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(nodes, features))
    for start in range(0, nodes, _ROWS):
        values = made_up(start, min(start + _ROWS, nodes), features, 0.5, 2)
        unit[start : start + _ROWS] = values / np.linalg.norm(values, axis=1, keepdims=True)
    unit.flush()


def write_tables(folder: Path, nodes: int, features: int, lost: float) -> tuple[Path, Path]:
    """Write levels 4c and 5 of a campaign, plate by plate, a share of the wells of all but the first replicate lost."""
    names = [f"Cells_Texture_F{number:04d}" for number in range(features)]
    consensus = []
    paths = folder / "wells.parquet", folder / "consensus.parquet"
    with _Writer(paths[0], names) as wells:
        for layout, start in enumerate(range(0, nodes, PER_PLATE)):
            stop = min(start + PER_PLATE, nodes)
            labels = [f"C{number:06d}" for number in range(start, stop)]
            replicates = []
            for replicate in range(REPLICATES):
                rng = np.random.default_rng([3, layout, replicate])
                controls = rng.normal(size=(CONTROLS, features)).astype(np.float32)
                values = made_up(start, stop, features, 1.0, 4 + replicate)
                replicates.append(values)
                plate = f"P{layout:04d}-{replicate}"
                metadata = _metadata([*labels, *["DMSO"] * CONTROLS], plate)
                kept = (np.random.default_rng([5, layout, replicate]).random(len(metadata)) >= lost) | (replicate == 0)
                wells.add(metadata[kept].reset_index(drop=True), np.concatenate([values, controls])[kept])
            consensus.append((labels, np.median(replicates, axis=0).astype(np.float32)))
    with _Writer(paths[1], names) as treatments:
        for labels, values in consensus:
            treatments.add(_metadata(labels, "").drop(columns=["Metadata_Plate", "Metadata_Well"]), values)
    return paths


def _metadata(labels: list[str], plate: str) -> pd.DataFrame:
    mechanism = ["" if name == "DMSO" else f"moa{int(name[1:]) % MECHANISMS}" for name in labels]
    return pd.DataFrame(
        {
            "Metadata_Plate": plate,
            "Metadata_Well": [f"W{place:03d}" for place in range(len(labels))],
            "Metadata_Batch": "b",
            "Metadata_Perturbation": labels,
            "Metadata_Dose": np.nan,
            "Metadata_MOA": mechanism,
            "Metadata_ControlType": ["negcon" if name == "DMSO" else "" for name in labels],
            "Metadata_CellCount": 100.0,
        }
    )


class _Writer:
    """Writes one Parquet file, a row group a plate."""

    def __init__(self, path: Path, names: list[str]) -> None:
        self._path, self._names, self._writer = path, names, None

    def __enter__(self) -> "_Writer":
        return self

    def add(self, metadata: pd.DataFrame, values: np.ndarray) -> None:
        table = pa.Table.from_pandas(pd.concat([metadata, pd.DataFrame(values, columns=self._names)], axis=1))
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema, write_page_checksum=True)
        self._writer.write_table(table)

    def __exit__(self, *_: object) -> None:
        self._writer.close()


def all_pairs(path: Path, share: float) -> int:
    """Compute all pairs of profiles on disk, keep the nearest of each and the strongest of all."""
    from platewise.network.pairs import scan_pairs
    from platewise.network.sharing import SharedPlates

    unit = np.load(path, mmap_mode="r")
    nodes = len(unit)
    layout = np.arange(nodes) // PER_PLATE
    plates = (REPLICATES * layout[:, None] + np.arange(REPLICATES)).ravel()
    shared = SharedPlates(np.repeat(np.arange(nodes), REPLICATES), plates, nodes)
    return len(scan_pairs(unit, shared, 10, round(nodes * (nodes - 1) / 2 * share / 100)).strongest)


def edges_alone(wells: Path, consensus: Path, folder: Path, shuffles: int) -> int:
    """Compute the rule's edges from its tables: null, pairs, p- and q-values."""
    from platewise.config.network import NetworkConfig
    from platewise.network.build import link_nodes
    from platewise.network.nodes import build_nodes
    from platewise.network.staging import stage_profiles

    config = NetworkConfig(shuffles=shuffles)
    nodes = build_nodes(*stage_profiles(consensus, folder), config)
    return len(link_nodes(stage_profiles(wells, folder), nodes, config, "median").edges)


def whole_rule(wells: Path, consensus: Path, folder: Path, shuffles: int) -> int:
    """Run the rule `build_network`: null, pairs, edges, communities, files."""
    from platewise.config.network import NetworkConfig
    from platewise.network.build import run_build_network

    run_build_network(str(wells), str(consensus), str(folder), NetworkConfig(shuffles=shuffles), "median")
    return pq.read_metadata(folder / "edges.parquet").num_rows


def compile_kernels() -> int:
    """Compute a few pairs, so that what follows finds the kernels in the cache."""
    from platewise.network.pairs import scan_pairs
    from platewise.network.sharing import SharedPlates

    for strongest in (0, 5):
        unit = np.eye(20, dtype=np.float32)
        scan_pairs(unit, SharedPlates(np.arange(20), np.arange(20), 20), 5, strongest)
    return 0


def measure(task: Callable[[], int], answers: multiprocessing.SimpleQueue) -> None:
    """Run a task, and look at the memory of the process while it runs."""
    own, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            for line in Path("/proc/self/status").read_text().splitlines():
                if line.startswith("RssAnon"):
                    own[0] = max(own[0], int(line.split()[1]) / 1024)

    threading.Thread(target=watch, daemon=True).start()
    start = time.process_time()
    found = task()
    cpu = time.process_time() - start
    done.set()
    highest = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    answers.put((found, cpu, int(highest.split()[1]) / 1024, own[0]))


def report(name: str, task: Callable[[], int]) -> None:
    """Print the lines of one task, run in a fresh interpreter."""
    found, cpu, memory, own = ask_alone(name, measure, task)
    print(f"{name}.edges {found} edges")
    print(f"{name}.cpu {cpu:.1f} cpu_s")
    print(f"{name}.memory {memory:.0f} MB")
    print(f"{name}.own_memory {own:.0f} MB", flush=True)


def main() -> None:
    """Print one figure a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=16_600)
    parser.add_argument("--features", type=int, default=672)
    parser.add_argument("--shuffles", type=int, default=200, help="shuffles behind the null")
    parser.add_argument("--lost", type=float, default=0.0, help="share of wells lost, so that replicates are unequal")
    parser.add_argument("--pairs", action="store_true", help="all pairs and the nearest alone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report_compiled = multiprocessing.get_context("spawn").Process(target=compile_kernels)
        report_compiled.start()
        report_compiled.join()
        write_unit(folder / "unit.npy", options.nodes, options.features)
        report("pairs_nearest", partial(all_pairs, folder / "unit.npy", 0))
        if options.pairs:
            return
        report("pairs_top_1_percent", partial(all_pairs, folder / "unit.npy", 1))
        (folder / "unit.npy").unlink()
        tables = write_tables(folder, options.nodes, options.features, options.lost)
        report("edges", partial(edges_alone, *tables, folder, options.shuffles))
        report("build_network", partial(whole_rule, *tables, folder / "network", options.shuffles))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
