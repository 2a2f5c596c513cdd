"""Campaigns without an image for the benchmarks of planning, and for tests that count what planning does."""

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

from platewise.plan.campaign import Campaign, load_campaign
from platewise.plan.fitted import fitted_keys, fitted_plates, write_fit
from platewise.plan.jobs import list_jobs
from platewise.plan.training import record_path, training_keys, training_plates, write_record

ROOT = Path(__file__).resolve().parents[1]
SHAPES = {6: ("AB", 3), 24: ("ABCD", 6), 96: ("ABCDEFGH", 12), 384: ("ABCDEFGHIJKLMNOP", 24)}

CONFIG = """\
campaign: bench
results: {folder}/results
plates: {folder}/plates.tsv
plate_format: {wells}
metadata: {{ key: compound, table: {folder}/compounds.tsv, moa: moa, negcon: [DMSO] }}
images:
  channels: {{ DNA: ch5, ER: ch4, RNA: ch3, AGP: ch2, Mito: ch1 }}
blocks: {{ wells_per_block: {wells_per_block} }}
embeddings:
  deep: {{ kind: weak, train_plates: [P001], validation_plates: [P002] }}
"""


@dataclass(frozen=True)
class Run:
    """What a command cost: CPU seconds, peak memory (MB), and what it printed."""

    cpu: float
    memory: float
    text: str

    @property
    def jobs(self) -> int:
        """Number of jobs that Snakemake counted; 0 where nothing is to be done."""
        total = re.search(r"^total\s+(\d+)", self.text, re.MULTILINE)
        return 0 if total is None else int(total[1])


def write_campaign(
    folder: Path,
    plates: int = 25,
    fields: int = 9,
    wells_per_block: int = 16,
    plate_format: int = 384,
    replicates: int = 5,
) -> Path:
    """Write the sheets of full plates into a folder and return the config.

    One well in 24 is a control; ``replicates`` plates share a plate map.
    """
    letters, columns = SHAPES[plate_format]
    wells = [f"{row}{column:02d}" for row in letters for column in range(1, columns + 1)]
    compounds = ["DMSO" if i % 24 == 0 else f"C{i:03d}" for i in range(len(wells))]
    table = [f"{name}\tm{i % 10}" for i, name in enumerate(dict.fromkeys(compounds))]
    (folder / "compounds.tsv").write_text("\n".join(["compound\tmoa", *table]) + "\n")
    (folder / "images").mkdir()
    sheet = ["plate\tbatch\treader\timages\tplatemap\tfields_per_well"]
    for number in range(1, plates + 1):
        platemap = folder / f"map{(number - 1) // replicates + 1}.txt"
        rows = [f"{well}\t{name}" for well, name in zip(wells, compounds, strict=True)]
        platemap.write_text("\n".join(["well_position\tcompound", *rows]) + "\n")
        sheet.append(f"P{number:03d}\tb{number % 5}\tphenix\t{folder}/images\t{platemap}\t{fields}")
    (folder / "plates.tsv").write_text("\n".join(sheet) + "\n")
    path = folder / "config.yaml"
    path.write_text(CONFIG.format(folder=folder, wells=plate_format, wells_per_block=wells_per_block))
    return path


def read_campaign(config: Path) -> Campaign:
    """Read a written campaign back."""
    return load_campaign(yaml.safe_load(config.read_text()), str(config))


def snakemake(config: Path, *arguments: str, tree: Path = ROOT) -> list[str]:
    """Return the command that runs Snakemake on a campaign, in its own folder; ``tree`` holds the workflow."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(tree / "Snakefile")]
    return [*command, "--directory", str(config.parent), "--configfile", str(config), "--cores", "1", *arguments]


def measure(command: list[str], folder: Path, place: Path = ROOT) -> Run:
    """Run a command to its end, started in ``place``: in the project, Snakemake takes its default profile."""
    out = folder / "out.txt"
    with out.open("w") as handle:
        process = subprocess.Popen(command, stdout=handle, stderr=subprocess.STDOUT, cwd=place)
        _, status, usage = os.wait4(process.pid, 0)
    text = out.read_text()
    if status != 0:
        sys.exit(f"{' '.join(command)} failed:\n{text[-3000:]}")
    return Run(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, text)


def dry_run(config: Path) -> Run:
    """Plan a campaign and run nothing."""
    return measure(snakemake(config, "--dry-run", "--quiet", "rules", "reason", "host"), config.parent)


def finish_campaign(config: Path) -> None:
    """Make a campaign look finished: Snakemake's records of all jobs, and every output, empty and of one age.

    Snakemake's `--touch` writes the records, with all that a later plan compares: rules, inputs, parameters, checksums.
    It waits for a tenth of a second a job whose outputs exist, so they are made afterwards.
    """
    # Many at a time: the scheduler looks at all jobs that are ready for each that it starts.
    measure(snakemake(config, "--touch", "--quiet", "all", "--cores", "5000"), config.parent)
    campaign = read_campaign(config)
    made = time.time()
    for job in list_jobs(campaign):
        for path in map(Path, (*job.outputs, job.log, job.benchmark)):
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".zarr":
                # What Snakemake leaves in an output that is a folder.
                path.mkdir(exist_ok=True)
                path = path / ".snakemake_timestamp"
            path.touch()
            os.utime(path, (made, made))
    for model in campaign.config.embeddings:
        plates = training_plates(campaign, model)
        crops = [
            f"{campaign.folder}/plates/{plate.row['plate']}/crops/{block}.zarr"
            for plate in plates
            for block in plate.blocks
        ]
        folder = record_path(campaign, model).with_name(model)
        write_record(folder, training_keys(campaign, model), [plate.row for plate in plates], crops)
    for features in campaign.config.features:
        selection = campaign.folder / "campaign" / "profiles" / f"{features}.selection.parquet"
        write_fit(selection, fitted_keys(campaign), fitted_plates(campaign, features))
