"""The training of one network by several processes of a node, each with a GPU of its own.

``train_together`` starts them through torchrun and waits; ``python -m platewise.embedding.together FOLDER`` is what
each of them runs. They read the training from a folder, in which the first of them leaves the result.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import torch

import platewise
from platewise.config.base import parse_section
from platewise.config.embedding import EmbeddingConfig, TrainedEmbedding
from platewise.device import torch_threads
from platewise.embedding.cells import hold_out_wells, read_cells
from platewise.embedding.group import join_group
from platewise.embedding.network import build_network
from platewise.embedding.training import Trained, TrainingError, train
from platewise.jobs import use_library
from platewise.weights import load_tensors, save_tensors

log = logging.getLogger(__name__)

TRAINING, VALIDATION = "training", "validation"
_ASKED, _RESULT, _FAILED = "asked.json", "trained.safetensors", "failed.txt"


def train_together(
    folder: Path, config: TrainedEmbedding, seed: int, device: str, processes: int, threads: int, resume: Path
) -> Trained:
    """Train a network in several processes.

    Parameters
    ----------
    folder
        Holds the cells, in ``training`` (before wells are held out) and, if there are any, ``validation``, each as
        ``Cells.save`` leaves them.
    config, seed, resume
        See ``training.train``.
    device
        ``cuda``: each process has a GPU of its own; ``cpu``.
    processes
        How many train together; ``config.train_batch`` must be a multiple of it.
    threads
        CPU threads of each.

    Returns
    -------
    Trained
        Its network has no head.

    Raises
    ------
    TrainingError
        If one of them failed: with what it failed of.
    """
    asked = {"config": config.model_dump(mode="json"), "seed": seed, "device": device, "threads": threads}
    (folder / _ASKED).write_text(json.dumps(asked | {"resume": str(resume)}))
    use_library(str(Path(platewise.__file__).parents[1]))
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [*torchrun, "-m", "platewise.embedding.together", str(folder)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as started:
        try:
            for line in started.stdout:
                log.info("%s", line.rstrip())
        finally:
            # Whoever ends this job ends them, too.
            started.terminate()
    if started.returncode != 0:
        why = (folder / _FAILED).read_text() if (folder / _FAILED).exists() else f"it ended with {started.returncode}"
        raise TrainingError(
            f"embedding: {processes} processes trained together on {device}, and one of them failed: {why} "
            "(the log of this job has all that they wrote; with `gpus: 1` one process trains alone)"
        )
    weights, facts = load_tensors(folder / _RESULT)
    channels = read_cells(folder / TRAINING).crops.shape[1]
    network = build_network(config.network, channels, config.width, config.features, seed)
    network.load_state_dict(weights)
    return Trained(network, tuple(facts["classes"]), facts["curves"])


def main(folder: Path) -> None:
    """Train as one of the processes that torchrun started."""
    asked = json.loads((folder / _ASKED).read_text())
    config, seed = parse_section(EmbeddingConfig, asked["config"]), asked["seed"]
    group = join_group(asked["device"])
    level = logging.INFO if group.rank == 0 else logging.WARNING
    logging.basicConfig(level=level, format=f"process {group.rank}: %(message)s", stream=sys.stderr)
    cells, held_out_wells = hold_out_wells(read_cells(folder / TRAINING), config.validation_wells, seed)
    validation = read_cells(folder / VALIDATION) if (folder / VALIDATION).is_dir() else None
    with torch_threads(asked["threads"]):
        device, resume = torch.device(asked["device"]), Path(asked["resume"])
        trained = train(cells, validation, config, seed, device, resume, held_out_wells, group)
    if group.rank == 0:
        trained.network.head = None
        trained.network.adversaries.clear()
        facts = {"classes": list(trained.classes), "curves": trained.curves}
        save_tensors(folder / _RESULT, trained.network.state_dict(), facts)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except Exception as error:
        # torchrun itself only tells which of them failed.
        (Path(sys.argv[1]) / _FAILED).write_text(f"{type(error).__name__}: {error}")
        raise
