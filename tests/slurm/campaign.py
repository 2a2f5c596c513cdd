"""A campaign on the test cluster: how it is run, what it left, and where to strike it."""

import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd
import psutil
from project import CHANNELS, ROOT, Project

from platewise.cluster.queue import queued_jobs

NAME = "faults"
PLATE = "PW01001"
PATIENCE_S = 240
# What Snakemake does for good reason slowly on a large cluster; one waits for it in a test.
QUICK = ["--slurm-init-seconds-before-status-checks", "3", "--seconds-between-status-checks", "2"]
# Kept of the undisturbed campaign when its blocks are to be made again: what a plate's blocks start from.
FIRST = ("inventory", "illumination.zarr")


class SlurmProject(Project):
    """A working folder whose campaigns run on the cluster with the profile that users take."""

    def __init__(self, folder, cluster, rendered):
        super().__init__(folder)
        self.cluster = cluster
        self.rendered = rendered
        self.results = self.folder / "results" / NAME
        self.plate = self.results / "plates" / PLATE
        self.config = self.write(
            {
                "campaign": NAME,
                "plates": str(rendered / "plates.tsv"),
                "plate_format": 6,
                "metadata": {
                    "key": "perturbation",
                    "dose": "dose_um",
                    "table": str(rendered / "metadata/external_metadata.tsv"),
                    "moa": "moa",
                    "control_type": "control_type",
                },
                "images": {"channels": CHANNELS, "pixel_size": 0.598},
                "segmentation": {"nuclei": {"engine": "classical"}},
                # Two jobs a stage: one is struck, the other one must not notice.
                "blocks": {"wells_per_block": 3},
                # The GPUs are device files without a GPU behind: jobs ask for them, and work on the CPU.
                "device": "cpu",
                "embeddings": {"deep": {"kind": "random", "width": 8, "features": 8}},
                "correction": {"methods": {"none": {"method": "none"}}, "preset": "none"},
                "evaluation": {"permutations": 20, "shuffles": 10, "bootstraps": 20},
            }
        )

    @property
    def blocks(self):
        """Names of the blocks, in plate order."""
        return sorted(path.stem for path in (self.plate / "inventory").glob("*.parquet"))

    def targets(self):
        """The tables of cells: what the blocks' jobs end in."""
        return [str((self.plate / "cells" / f"{b}.parquet").relative_to(self.folder)) for b in self.blocks]

    def on_slurm(self, *arguments):
        """Arguments of a run on the cluster."""
        return ["--configfile", self.config, "--profile", str(ROOT / "profiles" / "slurm"), *QUICK, *arguments]

    def run_on_slurm(self, *arguments, **options):
        return self.run(*self.on_slurm(*arguments), **options)

    def start_on_slurm(self, *arguments, **options):
        return self.start(*self.on_slurm(*arguments), **options)

    def run_here(self, *arguments, **options):
        """The rest of the campaign, without SLURM: the campaign level is the same either way, and sooner done here."""
        return self.run("--configfile", self.config, "--cores", "2", *arguments, **options)

    def forget_blocks(self):
        """Undo everything from segmentation on."""
        for path in self.plate.iterdir():
            if path.name not in (*FIRST, "plate.zarr"):
                shutil.rmtree(path)
        for row in (self.plate / "plate.zarr").iterdir():
            if row.is_dir():
                shutil.rmtree(row)
        self._forget_rest()

    def forget_cells(self):
        """Undo everything after segmentation."""
        for path in self.plate.iterdir():
            if path.name not in (*FIRST, "plate.zarr", "fields"):
                shutil.rmtree(path)
        self._forget_rest()

    def _forget_rest(self):
        for name in ("campaign", "report", "logs", "benchmarks"):
            shutil.rmtree(self.results / name, ignore_errors=True)

    def commits(self):
        """Inode and digest of every committed field."""
        found = {}
        for path in sorted(self.plate.glob("plate.zarr/*/*/[0-9]*/zarr.json")):
            with suppress(FileNotFoundError):
                attributes = json.loads(path.read_text())["attributes"]
                found[str(path.parent.relative_to(self.plate))] = path.stat().st_ino, attributes["platewise"]["digest"]
        return found

    def tables(self):
        """Every table of the results by its path, but for the learned features (see `test_gpu_jobs`)."""
        found = sorted(path for path in self.results.rglob("*.parquet") if "inventory" not in path.parts)
        return {str(path.relative_to(self.results)): pd.read_parquet(path) for path in found}

    def assert_equals(self, other):
        """Hold every table against that of another run of the same campaign."""
        found, expected = self.tables(), other.tables()
        assert set(found) == set(expected)
        for name, table in expected.items():
            pd.testing.assert_frame_equal(found[name], table, check_exact=True, obj=name)
        assert not list(self.plate.glob("plate.zarr/*/*/.*.tmp")), "temporary fields were left"
        assert (self.results / "report" / "index.html").is_file()

    def queued(self):
        return queued_jobs(self.folder)

    def ran(self, rule):
        """State of every SLURM job of a rule in this folder, by its wildcards, in the order of submission."""
        found = {}
        for comment, state, folder in self.cluster.accounted("comment,state,workdir"):
            if folder == str(self.folder) and comment.startswith(f"rule_{rule}_wildcards_"):
                found.setdefault(comment.partition("_wildcards_")[2], []).append(state.split()[0])
        return found

    def limits(self, rule):
        """Wildcards and time limit of every SLURM job of a rule in this folder."""
        prefix = f"rule_{rule}_wildcards_"
        jobs = self.cluster.accounted("comment,timelimit,workdir")
        return [(c.removeprefix(prefix), t) for c, t, f in jobs if f == str(self.folder) and c.startswith(prefix)]

    def freeze(self, rule, commits=0):
        """Stop the process of a running job of a rule once that many fields are committed, and return it."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            running = [process for process in self.scripts(rule) if process.status() != psutil.STATUS_STOPPED]
            for process in running:
                process.send_signal(signal.SIGSTOP)
                if len(self.commits()) >= commits:
                    return process
                process.send_signal(signal.SIGCONT)
            assert time.monotonic() < deadline, f"no job of {rule} to stop\n{self.log()}"
            time.sleep(0.01)

    def scripts(self, rule):
        """Processes that run the script of a rule in this folder."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if any(f".{rule}.py" in part for part in process.cmdline()) and process.cwd() == str(self.folder):
                    found.append(process)
        return found

    def wait(self, condition, what):
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain for {what}\n{self.log()}"
            time.sleep(0.2)

    def log(self):
        log = self.folder / "run.log"
        slurm = "".join(f"\n--- {path}\n{path.read_text()[-2000:]}" for path in self.folder.glob("slurm_logs/**/*.log"))
        return (log.read_text()[-4000:] if log.exists() else "") + slurm + self.logs()

    def clear(self):
        """Leave nothing running or mounted."""
        subprocess.run(["scancel", "--quiet", *[job.number for job in self.queued()]], check=False)
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.pid != os.getpid() and process.cwd() == str(self.folder):
                    process.send_signal(signal.SIGKILL)
        while Path("/proc/mounts").read_text().count(f" {self.folder / 'results'} "):
            subprocess.run(["umount", "--lazy", self.folder / "results"], check=True)
