"""Peak memory and CPU of the campaign-level rules on made-up profiles of a large campaign.

    python benchmarks/bench_memory.py                             # 25 plates x 384 wells x 1,000 features
    python benchmarks/bench_memory.py --plates 5 --features 500

Rows of benchmarks/measured.tsv are made from these figures; what the rules ask for (`platewise.plan.demand`) is tested
against them. Each task runs in a process of its own. Prints one figure a line: name, value, unit.
"""

import argparse
import multiprocessing
import os
import re
import resource
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from alone import ask_alone

from platewise.config.correction import SpheringCorrection
from platewise.config.evaluation import EvaluationConfig
from platewise.config.network import NetworkConfig
from platewise.config.profiles import ConsensusConfig, NormaliseConfig, SelectConfig
from platewise.correction.correct import run_correct_batches
from platewise.evaluation.batches import run_score_batches
from platewise.evaluation.evaluate import run_evaluate_network
from platewise.network.build import run_build_network
from platewise.profiles.consensus import run_build_consensus
from platewise.profiles.normalise import run_normalise_plates
from platewise.profiles.select import run_select_features
from platewise.screens.hits import run_call_hits
from platewise.tables import write_table

WELLS = [f"{row}{column:02d}" for row in "ABCDEFGHIJKLMNOP" for column in range(1, 25)]
CONTROLS = 16


def write_wells(folder: Path, plates: int, features: int, replicates: int) -> list[str]:
    """Write level 3 of full 384-well plates, 16 controls each; a plate map is made ``replicates`` times."""
    rng = np.random.default_rng(0)
    names = [f"Cells_Texture_F{number:04d}" for number in range(features)]
    paths = []
    for number in range(plates):
        layout = number // replicates
        every = len(WELLS) // CONTROLS
        compounds = ["DMSO" if i % every == 0 else f"C{layout:03d}-{i:03d}" for i in range(len(WELLS))]
        # Independent of each other, so that none is dropped at selection.
        effects = np.random.default_rng(layout).normal(size=(len(WELLS), features))
        values = (effects + rng.normal(size=effects.shape)).astype(np.float32)
        table = pd.DataFrame(
            {
                "Metadata_Plate": f"P{number:03d}",
                "Metadata_Well": WELLS,
                "Metadata_Batch": f"b{number % 5}",
                "Metadata_Perturbation": compounds,
                "Metadata_Dose": np.nan,
                "Metadata_MOA": ["" if i % every == 0 else f"moa{i % 97}" for i in range(len(WELLS))],
                "Metadata_ControlType": ["" if i % every else "negcon" for i in range(len(WELLS))],
                "Metadata_CellCount": rng.integers(100, 1000, len(WELLS)),
                "Metadata_FewCells": False,
            }
        )
        path = folder / f"P{number:03d}.wells.parquet"
        write_table(pd.concat([table, pd.DataFrame(values, columns=names)], axis=1), path)
        paths.append(str(path))
    return paths


def tasks(folder: Path, wells: list[str]) -> dict[str, Callable[[], object]]:
    """Return the campaign-level tasks in their order, with the defaults of every section."""

    def path(name: str) -> str:
        return str(folder / name)

    normalised = {plate: plate.replace(".wells.", ".normalised.") for plate in wells}
    profiles, consensus = path("sphering.parquet"), path("consensus.parquet")
    evaluation, network, aggregated = EvaluationConfig(), NetworkConfig(), ConsensusConfig()
    return {
        "normalise_plates": partial(
            run_normalise_plates, {plate: plate for plate in wells}, normalised, NormaliseConfig()
        ),
        "select_features": partial(
            run_select_features, normalised, path("selected.parquet"), path("s.parquet"), SelectConfig()
        ),
        "correct_batches": partial(
            run_correct_batches, path("selected.parquet"), profiles, path("p.h5ad"), SpheringCorrection()
        ),
        "build_consensus": partial(run_build_consensus, profiles, consensus, aggregated),
        "build_network": partial(run_build_network, profiles, consensus, path("net"), network, aggregated.method),
        "score_batches": partial(
            run_score_batches, profiles, consensus, path("b.parquet"), evaluation, network, "f", "c", wells_paths=wells
        ),
        "call_hits": partial(
            run_call_hits,
            profiles,
            path("selected.parquet"),
            path("a.parquet"),
            path("d.parquet"),
            path("q.parquet"),
            evaluation,
        ),
        "evaluate_network": partial(
            run_evaluate_network,
            profiles,
            consensus,
            path("e.parquet"),
            path("c.parquet"),
            path("s.parquet"),
            evaluation,
            network,
            "f",
            "c",
        ),
    }


def measure(task: Callable[[], object], answers: multiprocessing.SimpleQueue) -> None:
    task()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    # Not ru_maxrss: it begins with what the process that started this one held.
    peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    answers.put((int(peak[1]) / 1024, usage.ru_utime + usage.ru_stime))


def run_alone(name: str, task: Callable[[], object]) -> None:
    """Run a task in a fresh interpreter, and print its peak memory and CPU time."""
    memory, cpu = ask_alone(name, measure, task)
    print(f"{name}_memory {memory:.0f} MB", flush=True)
    print(f"{name}_cpu {cpu:.1f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plates", type=int, default=25)
    parser.add_argument("--features", type=int, default=1000)
    parser.add_argument("--replicates", type=int, default=2, help="plates with the same plate map")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wells = write_wells(folder, options.plates, options.features, options.replicates)
        print(f"wells {len(wells) * len(WELLS)} wells", flush=True)
        for rule, task in tasks(folder, wells).items():
            run_alone(rule, task)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
