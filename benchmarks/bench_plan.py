"""CPU and memory of planning a campaign: a dry run over sheets, without one image.

    python benchmarks/bench_plan.py                     # 25 plates x 384 wells x 9 fields
    python benchmarks/bench_plan.py --plates 290        # a million fields

Prints one figure a line: name, value, unit.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

CONFIG = """\
campaign: bench
results: {folder}/results
plates: {folder}/plates.tsv
plate_format: 384
metadata: {{ key: compound, negcon: [DMSO] }}
images:
  channels: {{ DNA: ch5, ER: ch4, RNA: ch3, AGP: ch2, Mito: ch1 }}
blocks: {{ wells_per_block: {wells_per_block} }}
embeddings:
  deep: {{ kind: weak, train_plates: [P001], validation_plates: [P002] }}
"""


def write_campaign(folder: Path, plates: int, fields: int, wells_per_block: int) -> Path:
    """Write sheets of full 384-well plates, 16 controls each, and return the config."""
    letters = "ABCDEFGHIJKLMNOP"
    wells = [f"{row}{column:02d}" for row in letters for column in range(1, 25)]
    rows = [f"{well}\t{'DMSO' if i % 24 == 0 else f'C{i:03d}'}" for i, well in enumerate(wells)]
    (folder / "map.txt").write_text("well_position\tcompound\n" + "\n".join(rows) + "\n")
    (folder / "images").mkdir()
    sheet = ["plate\tbatch\treader\timages\tplatemap\tfields_per_well"]
    for number in range(1, plates + 1):
        sheet.append(f"P{number:03d}\tb{number % 5}\tphenix\t{folder}/images\t{folder}/map.txt\t{fields}")
    (folder / "plates.tsv").write_text("\n".join(sheet) + "\n")
    path = folder / "config.yaml"
    path.write_text(CONFIG.format(folder=folder, wells_per_block=wells_per_block))
    return path


def dry_run(config: Path, folder: Path) -> tuple[float, float, int]:
    """Return CPU seconds, peak memory (MB) and the number of jobs of a dry run in ``folder``."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    command += ["--configfile", str(config), "--cores", "1", "--dry-run", "--quiet", "rules", "reason", "host"]
    with (folder / "out.txt").open("w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, cwd=ROOT)
        _, status, usage = os.wait4(process.pid, 0)
    text = (folder / "out.txt").read_text()
    if status != 0:
        sys.exit(f"the dry run failed:\n{text[-3000:]}")
    jobs = int(re.search(r"^total\s+(\d+)", text, re.MULTILINE)[1])
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, jobs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plates", type=int, default=25)
    parser.add_argument("--fields", type=int, default=9)
    parser.add_argument("--wells-per-block", type=int, default=16)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = write_campaign(folder, options.plates, options.fields, options.wells_per_block)
        cpu, memory, jobs = dry_run(config, folder)
    print(f"plan_fields {options.plates * 384 * options.fields} fields")
    print(f"plan_jobs {jobs} jobs")
    print(f"plan_cpu {cpu:.1f} s")
    print(f"plan_memory {memory:.0f} MB")


if __name__ == "__main__":
    main()
