"""Choose the preset of BBBC021 without its mechanisms, and only then score every candidate.

    python benchmarks/bench_bbbc021.py             # what is chosen on: the mechanisms are not even read
    python benchmarks/bench_bbbc021.py --scores    # NSC, NSCB and MOA mAP of all candidates besides
    python benchmarks/bench_bbbc021.py --shuffled  # what corrections make of replicates that are none

The data are in PLATEWISE_DATA. docs/methods.md has the figures and the story.

The plan, written down before any candidate was scored. (Known beforehand, from earlier tries with the labels in sight:
`none` 0.903 / 0.728, sphering with its shrinkage by plates 0.893 / 0.717, by batches 0.913 / 0.739, fixed at 0.5 0.922
/ 0.750, and a hint of 0.93 / 0.80 for a pooled scale, 0.5 and mean consensus.)

- Numbers within a method are chosen by likelihood: how much a plate's scale is pulled to the campaign's, by held-out
  controls; the shrinkage of a sphering by its own kind of rows (controls, differences of replicates) on what is left
  out (plates or batches).
- Methods are held against each other by retrieval of replicates. For each treated well, wells of its treatment on other
  plates rank against wells of other treatments of the same batch on other plates (average precision; mean over the
  wells of a treatment, then over treatments). Other doses of the same compound count for neither side. All that is
  fitted is fitted without the batch that is judged, and so without its treatments. The batch has to be the same: each
  treatment lies in one batch, so against other batches the batch alone would find the partners. Each treatment lies in
  one well position too: position helps every candidate, and nothing in this screen can take that apart.
- All combinations: values as they are or asinh of them; features without those that correlate (limit 0.9), all, or of
  the first those that differ between treatments of one batch (F test at 0.05); correction none, sphering by controls
  (shrinkage by plates, by batches), by replicates, by both, by both and then weighed by reliability. ComBat, Harmony
  and MNN, which need all batches at once and cannot be held out, are beside them and not eligible.
- The highest mean is chosen; within 0.005 of it the one that comes first in the list, which goes from simple to
  involved. If more than one exceed 0.99, the mean distance between the cosines of partners and others, in standard
  deviations of the others, decides instead.
- Not decidable: mean, median or MODZ of replicates. With three replicates, one held out leaves two, of which all three
  are the same. It stays the mean, as before.

Continued when retrieval of these was known, and still no score, by the same rule, with values as they are and
uncorrelated features:

- Controls lie in columns 2 and 11, treated wells in 3 to 10: what all treated wells have in common may be position. So
  each correction also with the mean treatment (of other batches) as the origin of cosines (`treated`).
- Strong treatments have the largest differences between replicates: each difference at unit length (`even`).
- A few factors and equal noise (probabilistic PCA of the correlations) in place of shrinkage, as many as are likeliest
  on batches left out.
- Then, when that was known too, what helped most joined: replicates or both, weighed by reliability, from the
  mean treatment.

Chosen, and only then scored: sphering by both, weighed by reliability, from the mean treatment. It is the preset of
config/bbbc021. There was no second round.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "lib"))

from bbbc021_candidates import CONTINUED, FIRST, SELECTIONS, TRANSFORMS, WHOLE, corrected_whole, select
from sklearn.metrics import average_precision_score

from platewise.columns import BATCH, DOSE, MOA, PERTURBATION, PLATE
from platewise.config.network import NetworkConfig
from platewise.config.profiles import NormaliseConfig
from platewise.config.table import TableConfig
from platewise.evaluation.annotations import annotation_matches
from platewise.evaluation.levels import read_levels
from platewise.evaluation.nearest import in_several_batches, nearest_match, same_perturbation, shared_batch
from platewise.evaluation.precision import annotation_precision, mean_precision
from platewise.evaluation.similarity import Cosine
from platewise.network.build import build_network
from platewise.network.nodes import unit_rows
from platewise.profiles.consensus import consensus
from platewise.profiles.frame import is_negcon, join_profiles, split_profiles, treatment_codes
from platewise.profiles.importing import read_profiles
from platewise.profiles.normalise import fit_campaign_scale, normalise_plate

ROOT = Path(__file__).parents[1]
# Candidates that are as good as the best within this are ties.
TIE = 0.005
SHUFFLES = 5
SHUFFLED = (
    "none",
    "controls, by plates",
    "both",
    "both, reliability",
    "both, treated",
    "both, reliability, treated",
)


@dataclass(frozen=True)
class Candidate:
    """A way from normalised wells to corrected ones, by the names that its parts have in bbbc021_candidates.py."""

    transform: str
    selection: str
    correction: str
    eligible: bool = True


def candidates() -> list[Candidate]:
    """Return all that was tried, in the order of the plan."""
    first = [Candidate(*names) for names in product(TRANSFORMS, SELECTIONS, FIRST)]
    continued = [Candidate("as is", "uncorrelated", name) for name in CONTINUED]
    return first + continued + [Candidate("as is", "uncorrelated", name, eligible=False) for name in WHOLE]


def normalised_wells(named: bool) -> pd.DataFrame:
    """Return level 4a of all plates, without the mechanisms unless they are wanted."""
    config = yaml.safe_load((ROOT / "config" / "bbbc021" / "config.yaml").read_text())
    wells, _ = read_profiles(TableConfig.model_validate(config["table"]))
    if not named:
        wells[MOA] = ""
    normalise = NormaliseConfig.model_validate(config["profiles"]["normalise"])
    plates = [table for _, table in wells.groupby(PLATE, sort=True)]
    controls = [values[is_negcon(metadata)] for metadata, values, _ in map(split_profiles, plates)]
    scale = fit_campaign_scale(controls, normalise)
    return pd.concat([normalise_plate(table, scale, normalise) for table in plates], ignore_index=True)


def values_of(table: pd.DataFrame, features: list[str], transform: str) -> np.ndarray:
    """Return features of wells after a transform, missing ones 0."""
    return TRANSFORMS[transform](np.nan_to_num(table[features].to_numpy(dtype=np.float64)))


def retrieval(metadata: pd.DataFrame, values: np.ndarray) -> pd.DataFrame:
    """Return how well each treated well finds the wells of its treatment, those of one batch among themselves.

    Returns
    -------
    found
        ``treatment``, ``precision`` (0 to 1), ``margin``; wells without partners or others are left out.
    """
    treated = ~is_negcon(metadata)
    own = metadata[treated].reset_index(drop=True)
    codes, _ = treatment_codes(own)
    cosine = unit_rows(values[treated]) @ unit_rows(values[treated]).T
    plate, batch, drug = (own[name].to_numpy(dtype=str) for name in (PLATE, BATCH, PERTURBATION))
    rows = []
    for well in range(len(own)):
        allowed = (batch == batch[well]) & (plate != plate[well])
        partners, others = allowed & (codes == codes[well]), allowed & (drug != drug[well])
        if partners.any() and others.any():
            near, far = cosine[well, partners], cosine[well, others]
            precision = average_precision_score([1] * len(near) + [0] * len(far), np.r_[near, far])
            rows.append((codes[well], precision, (near.mean() - far.mean()) / far.std()))
    return pd.DataFrame(rows, columns=["treatment", "precision", "margin"])


def held_out(table: pd.DataFrame, candidate: Candidate, features: dict[tuple[str, str], list[str]]) -> pd.DataFrame:
    """Return `retrieval` by treatment, each batch corrected by what the others show."""
    corrections, found = FIRST | CONTINUED, []
    for batch in sorted(table[BATCH].unique()):
        inside = (table[BATCH] == batch).to_numpy()
        chosen = features[batch, candidate.selection]
        metadata, _, _ = split_profiles(table)
        values = values_of(table, chosen, candidate.transform)
        fitted = corrections[candidate.correction].fit(metadata[~inside].reset_index(drop=True), values[~inside])
        score = retrieval(metadata[inside].reset_index(drop=True), fitted(values[inside]))
        found.append(score.groupby("treatment").mean())
    return pd.concat([score for score in found if len(score)])


def corrected(table: pd.DataFrame, candidate: Candidate) -> tuple[pd.DataFrame, np.ndarray]:
    """Return all wells, corrected by what all of them show."""
    metadata, _, _ = split_profiles(table)
    values = values_of(table, select(table, candidate.selection), candidate.transform)
    if candidate.correction in WHOLE:
        return metadata, corrected_whole(candidate.correction, metadata, values)
    return metadata, (FIRST | CONTINUED)[candidate.correction].fit(metadata, values)(values)


def criteria(table: pd.DataFrame) -> Iterator[tuple[Candidate, dict[str, float]]]:
    """Yield what each candidate is chosen on: retrieval held out, and on the wells that it was fitted on."""
    features = {
        (batch, selection): select(table[table[BATCH] != batch], selection)
        for batch in sorted(table[BATCH].unique())
        for selection in SELECTIONS
    }
    for candidate in candidates():
        seen = retrieval(*corrected(table, candidate)).groupby("treatment").mean()
        row = {"held out": float("nan"), "error": float("nan"), "margin": float("nan")}
        if candidate.eligible:
            found = held_out(table, candidate, features)
            precision = found["precision"]
            row = {
                "held out": precision.mean(),
                "error": precision.std() / np.sqrt(len(precision)),
                "margin": found["margin"].mean(),
            }
        yield candidate, row | {"fitted": seen["precision"].mean()}


def scores(named: pd.DataFrame, candidate: Candidate) -> dict[str, float]:
    """Return NSC, NSCB and MOA mAP of a candidate, with the mean of replicates."""
    metadata, values = corrected(named, candidate)
    wells = join_profiles(metadata, values, [f"Deep_{number:03d}" for number in range(values.shape[1])])
    campaign = read_levels(wells, consensus(wells, "mean"), NetworkConfig())
    found = {}
    for name in ("nsc", "nscb"):
        level = campaign.treatments.annotated()
        if name == "nscb":
            level = level.keep(in_several_batches(level.metadata[MOA], level.metadata[BATCH]))
        excluded = same_perturbation(level.metadata[PERTURBATION])
        if name == "nscb":
            excluded |= shared_batch(level.metadata[BATCH])
        matches = annotation_matches(level.metadata[MOA])
        found[name] = nearest_match(Cosine(level.values), matches, excluded, level.clusters()).score
    level = campaign.perturbations.annotated()
    matches = annotation_matches(level.metadata[MOA])
    return found | {"map_moa": mean_precision(annotation_precision(Cosine(level.values), matches)).score}


def shuffled(table: pd.DataFrame) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield what a correction makes of treatments that were shuffled within plates before it was fitted.

    Mean of five shuffles: retrieval on the wells that it was fitted on (by chance, if it had no part in that, that of
    `none`), the share of pairs of the network with p < 0.05, and its edges.
    """
    # All pairs, also those at q = 1.
    settings = NetworkConfig().model_copy(update={"neighbours": len(table), "max_q": 2.0})
    for correction in SHUFFLED:
        candidate, rows = Candidate("as is", "uncorrelated", correction), []
        for seed in range(SHUFFLES):
            metadata, values = corrected(shuffle_treatments(table, np.random.default_rng(seed)), candidate)
            wells = join_profiles(metadata, values, [f"Deep_{number:03d}" for number in range(values.shape[1])])
            edges = build_network(wells, consensus(wells, "mean"), settings, "mean").edges
            seen = retrieval(metadata, values).groupby("treatment").mean()["precision"].mean()
            rows.append((seen, (edges["PValue"] < 0.05).mean(), (edges["QValue"] < 0.05).sum()))
        yield correction, dict(zip(("fitted", "p < 0.05", "edges"), np.mean(rows, axis=0), strict=True))


def shuffle_treatments(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return the wells with the treatments of each plate dealt anew among its treated wells."""
    source = np.arange(len(table))
    treated = ~is_negcon(table)
    for plate in table[PLATE].unique():
        rows = np.flatnonzero(treated & (table[PLATE] == plate).to_numpy())
        source[rows] = rng.permutation(rows)
    dealt = table[[PERTURBATION, DOSE]].iloc[source].reset_index(drop=True)
    return table.assign(**{name: dealt[name] for name in dealt})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scores", action="store_true", help="Also score every candidate, after the choice.")
    parser.add_argument("--shuffled", action="store_true", help="Only look at shuffled treatments.")
    arguments = parser.parse_args()
    table = normalised_wells(named=False)
    if arguments.shuffled:
        print("correction\tfitted\tp < 0.05\tedges")
        for correction, row in shuffled(table):
            print(correction, *(f"{value:.3f}" for value in row.values()), sep="\t", flush=True)
        return
    found = list(criteria(table))
    print("transform\tfeatures\tcorrection\theld out\terror\tmargin\tfitted")
    for candidate, row in found:
        print(*_names(candidate), *(f"{value:.3f}" for value in row.values()), sep="\t")
    best = max(row["held out"] for candidate, row in found if candidate.eligible)
    chosen = next(candidate for candidate, row in found if candidate.eligible and row["held out"] >= best - TIE)
    print("chosen", *_names(chosen), sep="\t")
    if arguments.scores:
        named = normalised_wells(named=True)
        print("transform\tfeatures\tcorrection\tNSC\tNSCB\tMOA mAP")
        for candidate in [chosen, *candidates()]:
            print(*_names(candidate), *(f"{value:.3f}" for value in scores(named, candidate).values()), sep="\t")


def _names(candidate: Candidate) -> tuple[str, str, str]:
    return candidate.transform, candidate.selection, candidate.correction


if __name__ == "__main__":
    main()
