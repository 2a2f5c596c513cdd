"""Write the scores of finished campaigns as the table that later versions are held against: ``release_scores.tsv``.

Usage: ``python benchmarks/record_scores.py RESULTS... > benchmarks/release_scores.tsv``, each the results of a
campaign whose name is that of its folder. Tests of the demo and of BBBC021 fail when a score has fallen below the
interval that is recorded here.
"""

import sys
from pathlib import Path

import pandas as pd

from platewise.config.campaign import CLASSICAL

COLUMNS = ["Campaign", "Features", "Correction", "Metric", "Value", "Low", "High", "Better"]


def read_scores(results: Path) -> pd.DataFrame:
    """Return the scores and batch metrics of a campaign that have a value and an interval, without baselines."""
    folder = results / "campaign" / "evaluation"
    scores = pd.concat([pd.read_parquet(path) for path in sorted(folder.glob("*.scores.parquet"))])
    # How much of the batch a network's features show changes with its last digits, and so with the processor.
    batches = [pd.read_parquet(path) for path in sorted(folder.glob(f"{CLASSICAL}.*.batches.parquet"))]
    own = scores[scores["Baseline"] == ""].assign(Better="higher")
    found = pd.concat([own, *batches]).assign(Campaign=results.name)
    known = found[found[["Value", "Low", "High"]].notna().all(axis=1)]
    # What was not corrected is told once with each correction.
    return known.drop_duplicates(COLUMNS[:4])[COLUMNS].reset_index(drop=True)


def fallen(now: pd.DataFrame, released: pd.DataFrame) -> list[str]:
    """Return, in words, the scores that are worse than the interval of the release, or gone."""
    keys = COLUMNS[1:4]
    own = now.set_index(keys)["Value"]
    found = []
    for row in released.itertuples():
        key = tuple(getattr(row, name) for name in keys)
        value = own.get(key)
        if value is None:
            found.append(f"{' '.join(key)}: no value; was {row.Value:.3f}")
        elif not (value >= row.Low if row.Better == "higher" else value <= row.High):
            found.append(f"{' '.join(key)}: {value:.3f}; was {row.Value:.3f} ({row.Low:.3f} to {row.High:.3f})")
    return found


if __name__ == "__main__":
    table = pd.concat([read_scores(Path(results)) for results in sys.argv[1:]])
    table.to_csv(sys.stdout, sep="\t", index=False, float_format="%.4f")
