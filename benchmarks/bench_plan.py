"""CPU and memory of planning a campaign, new or finished: over sheets and empty files, without one image.

    python benchmarks/bench_plan.py                           # 25 plates x 384 wells x 9 fields, nothing done yet
    python benchmarks/bench_plan.py --finished                # the same with everything done: a dry run and a run
    python benchmarks/bench_plan.py --plates 290              # a million fields
    python benchmarks/bench_plan.py --plates 290 --wells-per-block 48

Prints one figure a line: name, value, unit.
"""

import argparse
import tempfile
from pathlib import Path

from campaigns import Run, dry_run, finish_campaign, measure, snakemake, write_campaign


def show(name: str, run: Run) -> None:
    print(f"{name}_jobs {run.jobs} jobs")
    print(f"{name}_cpu {run.cpu:.1f} s")
    print(f"{name}_memory {run.memory:.0f} MB", flush=True)


def largest_folder(root: Path) -> tuple[int, str]:
    """Return the number of entries of the fullest folder, and its path below ``root``."""
    return max((len(list(folder.iterdir())), str(folder.relative_to(root))) for folder in [root, *root.rglob("*/")])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plates", type=int, default=25)
    parser.add_argument("--fields", type=int, default=9)
    parser.add_argument("--wells-per-block", type=int, default=16)
    parser.add_argument("--finished", action="store_true", help="plan a campaign whose jobs are all done")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = write_campaign(folder, options.plates, options.fields, options.wells_per_block)
        print(f"plan_fields {options.plates * 384 * options.fields} fields")
        if not options.finished:
            show("plan", dry_run(config))
            return
        finish_campaign(config)
        records = sum(path.is_file() for path in (folder / ".snakemake" / "metadata").rglob("*"))
        print(f"records {records} files")
        print("largest_folder {} entries ({})".format(*largest_folder(folder)), flush=True)
        show("dry", dry_run(config))
        show("noop", measure(snakemake(config, "--quiet", "rules", "reason", "host"), folder))


if __name__ == "__main__":
    main()
