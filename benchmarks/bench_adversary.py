"""How much of what an adversary does is chance: several trainings with and without one, on the same cells.

    make demo-batches && make bench-adversary

Takes the finished campaign of `config/batches`, trains its two networks with further seeds (about three CPU minutes
each), and scores each of them without a correction, and the one without an adversary after every correction as well.
Prints a table of all trainings, then for each score the mean difference between the networks with and without an
adversary and its 95 % interval over trainings (Student's t; pairs have their seed in common). Silhouettes are less
those by chance; what is below chance counts as chance, as in the report.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy import stats

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "config" / "batches" / "config.yaml"
PLAIN, ADVERSARIAL = "deep", "deep_adversarial"
METRICS = ["probe_batch", "silhouette_batch", "map_moa", "map_replicate"]


def with_seeds(config: dict, seeds: int) -> dict:
    """Return the campaign's config with its two networks again for each further seed, ``deep_seed1`` and so on."""
    networks = dict(config["embeddings"])
    for seed in range(1, seeds + 1):
        for name in (PLAIN, ADVERSARIAL):
            networks[f"{name}_seed{seed}"] = config["embeddings"][name] | {"seed": seed}
    return config | {"embeddings": networks}


def list_trainings(config: dict, seeds: int) -> list[tuple[str, str, int]]:
    """Return network, correction and seed of everything that is scored."""
    pairs = [(PLAIN, method) for method in config["correction"]["methods"]] + [(ADVERSARIAL, "none")]
    return [(name, method, seed) for name, method in pairs for seed in range(seeds + 1)]


def table_of(evaluation: Path, name: str, method: str, seed: int) -> pd.DataFrame:
    """Return the batch metrics of one training, at level 3 and after the correction, from its evaluation's table."""
    model = f"{name}_seed{seed}" if seed else name
    table = pd.read_parquet(evaluation / f"{model}.{method}.batches.parquet")
    table = table[table["Metric"].isin(METRICS) & ((table["Correction"] == method) | (method == "none"))]
    # What tells batches worse than by guessing reads what was equalised backwards: it is guessing. What a silhouette is
    # by chance differs between profiles.
    guessing = table["Metric"].isin(["probe_batch", "silhouette_batch"]) & (table["Value"] < table["Chance"])
    value = table["Value"].mask(guessing, table["Chance"])
    value = value.mask(table["Metric"] == "silhouette_batch", value - table["Chance"])
    return table.assign(Features=name, Seed=seed, Value=value)[["Features", "Correction", "Seed", "Metric", "Value"]]


def print_differences(scores: pd.DataFrame) -> None:
    """Print how the network with an adversary differs from the other, correction by correction."""
    values = scores.set_index(["Features", "Correction", "Metric", "Seed"])["Value"].sort_index()
    for correction in dict.fromkeys(scores["Correction"]):
        level = "uncorrected" if correction == "uncorrected" else "none"
        for metric in METRICS:
            apart = values[ADVERSARIAL, level, metric] - values[PLAIN, correction, metric]
            half = stats.t.ppf(0.975, len(apart) - 1) * apart.std(ddof=1) / np.sqrt(len(apart))
            print(
                f"{ADVERSARIAL}.{level} - {PLAIN}.{correction}, {metric}: {apart.mean():+.3f} "
                f"({apart.mean() - half:+.3f} to {apart.mean() + half:+.3f})"
            )


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4, help="further trainings of each network (at least one)")
    parser.add_argument("--cores", default="all")
    options = parser.parse_args()
    config = yaml.safe_load(CONFIG.read_text())
    evaluation = ROOT / "results" / config["campaign"] / "campaign" / "evaluation"
    trainings = list_trainings(config, options.seeds)
    targets = [f"{name}_seed{seed}.{method}" if seed else f"{name}.{method}" for name, method, seed in trainings]
    path = ROOT / "results" / config["campaign"] / "seeds.yaml"
    path.write_text(yaml.safe_dump(with_seeds(config, options.seeds), sort_keys=False))
    files = [str((evaluation / f"{target}.batches.parquet").relative_to(ROOT)) for target in targets]
    command = ["platewise", "run", "--cores", options.cores, "--configfile", str(path), "--", *files]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        sys.exit("the trainings failed; what is above says why")
    scores = pd.concat([table_of(evaluation, *training) for training in trainings], ignore_index=True)
    wide = scores.pivot_table(index=["Features", "Correction", "Seed"], columns="Metric", values="Value")
    print(wide[METRICS].round(3).to_string())
    means = scores.groupby(["Features", "Correction", "Metric"], sort=False)["Value"].agg(["mean", "std"])
    print(means.round(3).to_string())
    print_differences(scores)


if __name__ == "__main__":
    main()
