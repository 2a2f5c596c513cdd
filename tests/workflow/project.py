"""How the tests run campaigns."""

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]

CHANNELS = {"DNA": "ch5", "ER": "ch4", "RNA": "ch3", "AGP": "ch2", "Mito": "ch1"}


class Project:
    """A working folder in which campaigns run."""

    def __init__(self, folder):
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)

    def command(self, *arguments, launcher=("-m", "platewise.cli", "run")):
        return [sys.executable, *launcher, "--snakefile", str(ROOT / "Snakefile"), *arguments]

    def start(self, *arguments, launcher=("-m", "platewise.cli", "run"), **options):
        """Start a run in the background, its output in run.log."""
        log = (self.folder / "run.log").open("w")
        return subprocess.Popen(
            self.command(*arguments, launcher=launcher),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment(),
            **options,
        )

    def run(self, *arguments, fails=False, launcher=("-m", "platewise.cli", "run")):
        """Run to the end and return what was printed."""
        done = subprocess.run(
            self.command(*arguments, launcher=launcher),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=environment(),
            check=False,
        )
        text = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, text[-6000:] + self.logs()
        return text

    def platewise(self, *arguments):
        """Run a command of platewise and return the lines it printed."""
        command = [sys.executable, "-m", "platewise.cli", *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, env=environment(), check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()

    def logs(self):
        """The ends of the jobs' logs that hold an error."""
        logs = [path for path in self.folder.glob("results/*/logs/**/*.log") if "CRITICAL" in path.read_text()]
        return "".join(f"\n--- {path}\n{path.read_text()[-3000:]}" for path in logs)

    def planned(self, *arguments):
        """Number of planned jobs by rule, from a dry run."""
        text = self.run("--dry-run", *arguments)
        return {
            rule: int(count) for rule, count in re.findall(r"^(\w+)\s+(\d+)$", text, re.MULTILINE) if rule != "total"
        }

    def write(self, config, name="config.yaml"):
        path = self.folder / name
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        return str(path)


def environment():
    # One thread a job: two workers of the tests share the machine.
    return os.environ | {"OMP_NUM_THREADS": "1"}
