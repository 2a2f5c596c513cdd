import numpy as np
import pandas as pd
import pytest
from small_run import profiles_table

from platewise.columns import CONTROL_TYPE, PERTURBATION
from platewise.compare.hits import Hits, compare_hits, find_hits, match_hits, read_hits
from platewise.config.evaluation import EvaluationConfig
from platewise.config.network import NetworkConfig
from platewise.evaluation.evaluate import evaluate
from platewise.profiles.consensus import consensus

PROFILES = "campaign/profiles/classical.none.parquet"
CONFIG = EvaluationConfig(permutations=20, shuffles=10, bootstraps=20, null_size=2000, max_q=0.3)


@pytest.fixture(scope="module")
def wells():
    """40 perturbations on two plates, two wells each; every other one has a phenotype."""
    rng = np.random.default_rng(5)
    base = pd.concat([profiles_table().head(8)] * 12, ignore_index=True).iloc[:92].reset_index(drop=True)
    names = np.array(["DMSO"] * 12 + [f"C{number:02d}" for number in range(40) for _ in range(2)])
    values = rng.normal(size=(92, 3))
    centres = rng.normal(size=(40, 3)) * 6
    for number in range(0, 40, 2):
        values[12 + 2 * number : 14 + 2 * number] += centres[number]
    table = base.assign(**{PERTURBATION: names, CONTROL_TYPE: np.where(names == "DMSO", "negcon", "")})
    table["Metadata_Plate"] = "P1"
    table["Metadata_Well"] = [f"{row}{column:02d}" for row in "ABCDEFGH" for column in range(1, 13)][:92]
    table["Metadata_Dose"] = np.where(names == "DMSO", np.nan, 1.0)
    for place, name in enumerate(table.columns[-3:]):
        table[name] = values[:, place]
    return table


def test_hits_are_those_that_the_scores_count(wells):
    """The shares in the scores tables are the means of the hits that are found here."""
    scores, _ = evaluate(wells, consensus(wells, "median"), CONFIG, NetworkConfig(), "classical", "none")
    scores = scores[scores["Baseline"] == ""].set_index("Metric")["Value"]
    hits = find_hits(wells, CONFIG)
    assert hits.active["Active"].mean() == scores["map_replicate_significant"]
    assert hits.active["Precision"].mean() == pytest.approx(scores["map_replicate"])
    assert hits.replicating["Replicates"].mean() == scores["percent_replicating"]
    assert 0 < hits.active["Active"].sum() < 40


def test_without_controls_or_replicates_the_reason_is_kept(wells):
    hits = find_hits(wells[wells[CONTROL_TYPE] == ""].reset_index(drop=True), CONFIG)
    assert hits.active.empty
    assert "no negative controls" in hits.note
    single = wells.drop_duplicates([PERTURBATION, CONTROL_TYPE]).reset_index(drop=True)
    hits = find_hits(single, CONFIG)
    assert hits.active.empty
    assert hits.replicating.empty
    assert "no treatment has two wells" in hits.note


def test_the_settings_are_those_of_the_scores(pair):
    found = pair()
    strict = read_hits(found.old, ("classical", "none"))
    # max_q is 0.5 in the provenance of the small run: with 0.05, four replicates among two controls cannot reach it.
    assert strict.active["Active"].all()
    assert not (strict.active["QValue"] < 0.05).any()


def test_gained_and_lost_come_first():
    old = pd.DataFrame({"Perturbation": list("abcd"), "Active": [True, True, False, False]})
    new = pd.DataFrame({"Perturbation": list("bcde"), "Active": [False, True, False, True]})
    table = match_hits(old, new, ["Perturbation"], "Active")
    assert dict(zip(table["Perturbation"], table["Change"], strict=True)) == {
        "b": "lost",
        "c": "gained",
        "a": "only in OLD",
        "e": "only in NEW",
        "d": "hit in neither",
    }
    assert table["Perturbation"].tolist()[:2] == ["b", "c"]


def test_the_same_hits(pair):
    found = pair()
    hits = read_hits(found.old, ("classical", "none"))
    section = compare_hits(found, {("classical", "none"): (hits, hits)})
    assert section.moved is False
    facts = section.facts["classical.none"]
    assert facts["active"] == {"largest_change": 0, "compared": 3, "old": 3, "new": 3, "gained": 0, "lost": 0}
    assert (facts["replicating"]["gained"], facts["replicating"]["lost"]) == (0, 0)


def test_a_lost_hit_is_named_with_its_dose(pair):
    found = pair()
    active = read_hits(found.old, ("classical", "none")).active
    table = pd.DataFrame(
        {"Perturbation": ["X", "Y", "Z"], "Dose": [1.0, 1.0, np.nan], "Replicates": [True, True, False]}
    )
    before, after = (Hits(active, rows) for rows in (table, table.assign(Replicates=[False, True, False])))
    section = compare_hits(found, {("classical", "none"): (before, after)})
    assert section.moved is True
    assert "2 replicating in OLD, 1 in NEW (of 3 treatments in both); 1 lost (X at 1)" in section.sentences[-1]
    assert section.rows("classical.none.replicating")["Change"].tolist() == ["lost", "hit in both", "hit in neither"]


def test_missing_profiles_are_said(pair):
    found = pair(leave_out=[PROFILES])
    assert read_hits(found.new, ("classical", "none")) is None
    section = compare_hits(found, {("classical", "none"): (read_hits(found.old, ("classical", "none")), None)})
    assert section.moved is None
    assert section.sentences[0] == "classical.none: no corrected well profiles in NEW."
