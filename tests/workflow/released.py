"""The scores of the last release, against which campaigns are held."""

import pandas as pd
from project import ROOT
from record_scores import fallen, read_scores


def worse_than_released(results):
    """Return the scores of a campaign that fell below the interval of the last release, in words."""
    released = pd.read_csv(ROOT / "benchmarks" / "release_scores.tsv", sep="\t")
    own = released[released["Campaign"] == results.name]
    assert len(own) > 10
    return fallen(read_scores(results), own)
