"""CPU and memory of each stage of a finished demo, beside the stage's budget.

    make demo && make bench-demo

Reads the benchmark files that Snakemake wrote. Prints one figure a line: name, value, unit. Stages over their budget
are named at the end, and then the exit status is 1. Budgets are in budget.tsv, in CPU seconds on one core of a small
server: all of them together keep the demo under 10 minutes on two cores.
"""

import sys
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]


def read_benchmarks(folder: Path) -> pd.DataFrame:
    """Return CPU seconds, jobs and peak memory (MB) by rule."""
    rows = []
    for path in folder.rglob("*.tsv"):
        table = pd.read_csv(path, sep="\t")
        rule = path.relative_to(folder).parts[0].removesuffix(".tsv")
        rows.append({"rule": rule, "cpu_s": table["cpu_time"].sum(), "mb": table["max_rss"].max(), "jobs": 1})
    if not rows:
        sys.exit(f"{folder} has no benchmarks. Run `make demo` first.")
    return pd.DataFrame(rows).groupby("rule").agg({"cpu_s": "sum", "mb": "max", "jobs": "sum"})


def main() -> None:
    measured = read_benchmarks(ROOT / "results" / "demo" / "benchmarks")
    budget = pd.read_csv(ROOT / "benchmarks" / "budget.tsv", sep="\t").set_index("rule")
    over = []
    for rule, row in measured.iterrows():
        allowed = budget["cpu_s"].get(rule, 0)
        if row["cpu_s"] > allowed:
            over.append(f"{rule} took {row['cpu_s']:.1f} s of its {allowed:g} s")
        print(f"demo_{rule}_cpu {row['cpu_s']:.1f} s")
    print(f"demo_memory {measured['mb'].max():.0f} MB")
    print(f"demo_cpu {measured['cpu_s'].sum():.0f} s")
    if over:
        sys.exit("over budget: " + "; ".join(over))


if __name__ == "__main__":
    main()
