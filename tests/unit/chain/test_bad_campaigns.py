"""Bad campaigns through every stage: for each what exactly is answered, or in which words it is refused."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from all_stages import METHODS, Chain, run_chain, small_campaign

from platewise.errors import PlatewiseError
from platewise.tables import read_table

F0 = "Cells_AreaShape_F0"
ANNOTATED = ("enrichment@1", "dp_enrichment", "map_moa", "map_moa_significant", "nsc", "nscb")
REPLICATES = ("map_replicate", "map_replicate_significant")
METRICS = {*ANNOTATED, *REPLICATES, "percent_replicating"}
ONE_BATCH = {
    "combat": "found batches of",
    "harmony": "found 1 batch; expected at least two",
    "mnn": "found 1 batch; expected at least two",
}
BETWEEN_BATCHES = ("silhouette_batch", "kbet_acceptance", "ilisi", "pcr_batch", "probe_batch")
NOTHING = dict.fromkeys(BETWEEN_BATCHES, "nothing is comparable")


def few_controls(found: int) -> dict[str, str]:
    words = f"found {found} negative control wells; expected at least 12"
    return {"sphering": words, "replicates": words}


@dataclass(frozen=True)
class Bad:
    """A bad campaign and all that is said of it.

    ``refused``: each correction that cannot be made, and in which words; all others are. ``unscored``: each score that
    is missing, and its note; all others are numbers. ``batches``: the same of batch metrics (kBET needs 40 wells and is
    never there). ``activity``, ``dose``, ``movers``: the notes that treatments and perturbations have. ``left_out``:
    why features are; ``dropped``: how many wells, and why. ``page``: what the report must say.
    """

    make: Callable[[], pd.DataFrame]
    features: int = 6
    left_out: str = ""
    filled: int = 0
    dropped: tuple[int, str] = (0, "")
    by_plate: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    unscored: dict[str, str] = field(default_factory=dict)
    batches: dict[str, str] = field(default_factory=dict)
    activity: str = "2 wells beside 6 controls a plate cannot have a p below"
    dose: str = ""
    movers: str = "with so few wells p is at least"
    page: str = ""


def with_feature(values: Callable[[pd.DataFrame], object], **size: int) -> pd.DataFrame:
    table = small_campaign(**size)
    return table.assign(**{F0: values(table)})


def one_well(table: pd.DataFrame, value: float) -> np.ndarray:
    return np.where(table.index == 10, value, table[F0])


def missing_on_a_small_plate() -> pd.DataFrame:
    table = with_feature(lambda t: t[F0].where(t["plate"] != "P4"))
    return table.drop(index=table.index[table["plate"] == "P4"][3:]).reset_index(drop=True)


def controls_without_cells() -> pd.DataFrame:
    table = small_campaign()
    return table.assign(cells=table["cells"].where(table["name"] != "DMSO", 0))


def controls_on_one_plate() -> pd.DataFrame:
    table = small_campaign(controls=14)
    return table[(table["name"] != "DMSO") | (table["plate"] == "P1")].reset_index(drop=True)


def each_well_its_own() -> pd.DataFrame:
    table = small_campaign()
    own = [f"drug {number}" for number in range(len(table))]
    return table.assign(name=table["name"].where(table["name"] == "DMSO", own))


def one_drug_in_one_well() -> pd.DataFrame:
    table = small_campaign()
    drug = table["name"] == "drug 7"
    return table[~drug | (drug.cumsum() == 1)].reset_index(drop=True)


def controls_all_equal() -> pd.DataFrame:
    table = small_campaign()
    features = [name for name in table if name.startswith("Cells_")]
    return table.assign(**{name: table[name].where(table["name"] != "DMSO", 100.0) for name in features})


def annotated(moas: dict[str, str]) -> pd.DataFrame:
    table = small_campaign()
    return table.assign(moa=[moas.get(name, "") for name in table["name"]])


CASES: dict[str, Bad] = {
    "nothing bad": Bad(small_campaign, page="8 of 8"),
    "a feature that is missing": Bad(
        lambda: with_feature(lambda _: np.nan), 5, "missing in too many wells (100.0%, limit 5.0%)", page="1: missing"
    ),
    "a feature that is missing in one well": Bad(
        lambda: with_feature(lambda t: one_well(t, np.nan)), filled=1, page="1 value of 1 feature, missing in a well"
    ),
    "a feature that is missing on a small plate": Bad(
        missing_on_a_small_plate,
        5,
        "missing on a whole plate (P4)",
        by_plate=1,
        dose="only 3 of 4 doses that a curve needs have wells",
        page="1: missing on a whole plate",
    ),
    "an infinite value": Bad(lambda: with_feature(lambda t: one_well(t, np.inf)), filled=1),
    "many infinite values": Bad(
        lambda: with_feature(lambda t: t[F0].where(t["plate"] != "P1", -np.inf)), 5, "missing in too many wells"
    ),
    "a value beyond single precision": Bad(lambda: with_feature(lambda t: one_well(t, 1e300)), filled=1),
    "a value that is far too large": Bad(
        lambda: with_feature(lambda t: one_well(t, 1e37)), 5, "too large after normalisation"
    ),
    "a constant feature": Bad(lambda: with_feature(lambda _: 3.0), 5, "near-zero variance (0)"),
    "one feature": Bad(
        lambda: small_campaign(features=1),
        1,
        refused={
            "combat": "found 1 feature; expected at least two",
            "harmony": "found 1 features of 88 wells; expected",
        },
    ),
    "one plate": Bad(
        lambda: small_campaign(plates=1, batches=1),
        refused=few_controls(6) | ONE_BATCH,
        unscored={"nscb": "all treatments lie in one batch"},
        batches=NOTHING
        | {
            "probe_plate": "cannot tell one plate from another",
            "map_replicate_across_batches": "no perturbation has wells in two batches",
        },
        dose="only 1 of 4 doses that a curve needs have wells",
        page="All plates are of one batch: nothing can be said about another day",
    ),
    "one batch": Bad(
        lambda: small_campaign(batches=1),
        refused=ONE_BATCH,
        unscored={"nscb": "all treatments lie in one batch"},
        batches=NOTHING | {"map_replicate_across_batches": "no perturbation has wells in two batches"},
        page="All plates are of one batch",
    ),
    "no controls left": Bad(
        controls_without_cells,
        dropped=(24, "no cells"),
        by_plate=4,
        refused=few_controls(0) | {"mnn": "found 0 negative control wells in batch B1; expected at least 4"},
        unscored=dict.fromkeys(REPLICATES, "no negative controls on the plates of the treated wells"),
        batches=NOTHING
        | dict.fromkeys(("map_replicate", "map_replicate_across_batches"), "no ")
        | {"probe_plate": "cannot tell one plate from another"},
        activity="no negative controls on the plates of the treated wells",
        dose="0 negative controls are too few to tell how far a well is from them",
        movers="no negative controls on its plates",
        page="4 of 4 plates (P1, P2, P3, P4) had too few negative controls to be measured from them.",
    ),
    "two controls": Bad(
        lambda: small_campaign(plates=1, batches=1, controls=2),
        by_plate=1,
        refused=few_controls(2) | ONE_BATCH,
        unscored={"nscb": "all treatments lie in one batch"},
        batches=NOTHING
        | {
            "probe_plate": "cannot tell one plate from another",
            "map_replicate_across_batches": "no perturbation has wells in two batches",
        },
        activity="2 wells beside 2 controls a plate cannot have a p below 0.3",
        dose="only 1 of 4 doses that a curve needs have wells",
        page="1 of 1 plate (P1) had too few negative controls",
    ),
    "two controls a plate": Bad(
        lambda: small_campaign(controls=2),
        by_plate=4,
        refused=few_controls(8),
        batches={
            "ilisi": "no comparable group has 10 wells",
            "pcr_batch": "no comparable group has 10 wells",
            "probe_plate": "too few comparable wells to learn from and to hold out",
        },
        activity="2 wells beside 2 controls a plate cannot have a p below 0.3",
        dose="8 negative controls are too few to tell how far a well is from them",
    ),
    "controls on one plate": Bad(
        controls_on_one_plate,
        by_plate=3,
        refused={
            "sphering": "found 0 negative controls beside those of one plate",
            "mnn": "found 0 negative control wells in batch B2",
        },
        batches=NOTHING | {"probe_plate": "cannot tell one plate from another"},
        activity="no negative controls on its plates|",
        movers="no negative controls on its plates|",
        page="3 of 4 plates (P2, P3, P4) had too few negative controls",
    ),
    "controls that do not vary": Bad(
        controls_all_equal,
        dose="the negative controls do not vary: there is no unit for a distance from them",
        movers="",
    ),
    "every compound in one well": Bad(
        each_well_its_own,
        refused={"replicates": "found 0 treated wells beyond the first of their treatment; expected at least 24"},
        unscored=dict.fromkeys(REPLICATES, "no perturbation has two wells to compare")
        | {"percent_replicating": "no treatment has two wells to compare"},
        batches={
            "map_replicate": "no perturbation has two wells to compare",
            "map_replicate_across_batches": "no perturbation has wells in two batches",
            "silhouette_perturbation": "fewer than two perturbations have two wells",
        },
        activity="no perturbation has two wells to compare",
        dose="only 1 of 4 doses that a curve needs have wells",
        movers="one well: nothing can be sure",
    ),
    "a compound in one well": Bad(
        one_drug_in_one_well,
        activity="one well: no other to compare it with|2 wells beside 6 controls",
        dose="only 1 of 4 doses that a curve needs have wells|",
        movers="one well: nothing can be sure|with so few wells",
    ),
    "all of one mechanism": Bad(
        lambda: small_campaign(moas=1),
        unscored=dict.fromkeys(ANNOTATED, "all perturbations share an annotation"),
        batches={"map_moa": "all perturbations share an annotation"},
        page="Not computed: all perturbations share an annotation",
    ),
    "no mechanism": Bad(
        lambda: annotated({}),
        unscored=dict.fromkeys(ANNOTATED, "fewer than two annotated perturbations"),
        batches={"map_moa": "fewer than two annotated perturbations"},
        page="A mechanism of action is known for 0 of the 8 perturbations",
    ),
    "mechanisms with one member": Bad(
        lambda: small_campaign(moas=8),
        unscored=dict.fromkeys(ANNOTATED[:4], "no two perturbations share an annotation")
        | dict.fromkeys(ANNOTATED[4:], "no two treatments share an annotation but those of a perturbation"),
        batches={"map_moa": "no two perturbations share an annotation"},
    ),
    "only controls": Bad(
        lambda: small_campaign(drugs=0),
        refused={"replicates": "found 0 treated wells beyond the first of their treatment"},
        unscored=dict.fromkeys(ANNOTATED, "fewer than two annotated perturbations")
        | dict.fromkeys(REPLICATES, "no treated wells")
        | {"percent_replicating": "no treatment has two wells to compare"},
        batches={
            "map_replicate": "no treated wells",
            "map_replicate_across_batches": "no perturbation has wells in two batches",
            "map_moa": "fewer than two annotated perturbations",
            "silhouette_perturbation": "fewer than two perturbations have two wells",
        },
    ),
    "one compound": Bad(
        lambda: small_campaign(drugs=1, moas=1),
        refused={"replicates": "found 4 treated wells beyond the first of their treatment"},
        unscored=dict.fromkeys(ANNOTATED[:4], "fewer than two annotated perturbations")
        | dict.fromkeys(ANNOTATED[4:], "all perturbations share an annotation")
        | {"percent_replicating": "fewer perturbations than replicates"},
        batches={
            "map_moa": "fewer than two annotated perturbations",
            "silhouette_perturbation": "fewer than two perturbations have two wells",
        },
    ),
}


@pytest.fixture(scope="module", params=CASES)
def run(request, tmp_path_factory) -> tuple[Bad, pd.DataFrame, Chain]:
    bad = CASES[request.param]
    table = bad.make()
    with warnings.catch_warnings():
        # Numbers out of nothing are said in words, not on the way.
        warnings.filterwarnings("error", category=RuntimeWarning, module=r"platewise\.")
        return bad, table, run_chain(table, tmp_path_factory.mktemp("bad"))


def test_every_well_is_in_the_tables_or_among_the_dropped(run) -> None:
    bad, table, chain = run
    wells, dropped = chain.wells(), chain.dropped()
    number, reason = bad.dropped
    assert dropped["Reason"].tolist() == [reason] * number
    assert len(wells) + len(dropped) == len(table)
    keys = ["Metadata_Plate", "Metadata_Well", "Metadata_Perturbation"]
    for level in ("selected", *(name for name in METHODS if name not in chain.refused)):
        assert chain.read(f"profiles/classical.{level}")[keys].equals(wells[keys]), level
        if level != "selected":
            assert chain.read(f"profiles/classical.{level}.consensus")["Metadata_Replicates"].sum() == len(wells)
    assert chain.read("screens/distances")[keys].equals(wells[keys])
    treated = wells[wells["Metadata_ControlType"] == ""]
    treatments = treated.drop_duplicates(["Metadata_Perturbation", "Metadata_Dose"])
    names = sorted(set(treated["Metadata_Perturbation"]))
    for name, rows in {
        "evaluation/classical.none.perturbations": len(names),
        "network/classical.none/nodes": len(names),
        "network/classical.none/shortlist": len(names),
        "screens/dose_response": len(names),
        "evaluation/activity": len(treatments),
        "explanation/treatments": len(treatments),
    }.items():
        assert len(chain.read(name)) == rows, name
    assert sorted(chain.read("network/classical.none/shortlist")["Metadata_Perturbation"]) == names


def test_profiles_are_finite_and_what_was_left_out_or_filled_is_told(run) -> None:
    bad, _, chain = run
    selection = chain.read("profiles/classical.selection")
    assert selection["Kept"].sum() == bad.features
    assert all(reason.startswith(bad.left_out) for reason in selection.loc[~selection["Kept"], "Reason"])
    selected = chain.read("profiles/classical.selected")
    assert selected["Metadata_ImputedFeatures"].sum() == bad.filled
    by_plate = selected.loc[selected["Metadata_NormalisedTo"] == "plate", "Metadata_Plate"]
    assert by_plate.nunique() == bad.by_plate
    for path in (Path(chain.folder) / "campaign" / "profiles").glob("classical.*.parquet"):
        if "selection" not in path.name:
            table = read_table(path)
            assert np.isfinite(table[[name for name in table if not name.startswith("Metadata_")]]).all(axis=None), path
    for name in ("network/classical.none/nodes", "network/query"):
        places = [column for column in ("X", "Y", "Similarity", "PValue", "QValue") if column in chain.read(name)]
        assert np.isfinite(chain.read(name)[places].to_numpy(dtype=float)).all(), name


def test_corrections_are_made_or_say_what_they_need(run) -> None:
    bad, _, chain = run
    assert set(chain.refused) == set(bad.refused)
    for name, words in bad.refused.items():
        assert words in chain.refused[name]
        assert re.search(r"expected .*\. Hint: ", chain.refused[name])


def test_every_score_is_a_number_or_says_why_not(run) -> None:
    bad, _, chain = run
    everything = chain.read("evaluation/classical.none.scores")
    assert len(everything) == 4 * len(METRICS)
    assert (everything.loc[everything["Value"].isna(), "Note"] != "").all()
    scores = chain.scores()
    assert set(scores.index) == METRICS
    assert set(scores.index[scores["Value"].isna()]) == set(bad.unscored)
    assert (scores.loc[list(bad.unscored), "Evaluated"] == 0).all()
    for metric, words in bad.unscored.items():
        assert words in scores.loc[metric, "Note"], metric
    curve = chain.read("evaluation/classical.none.enrichment")
    assert (curve["OddsRatio"].isna() == curve["Pairs"].isna()).all()
    assert (curve.loc[curve["OddsRatio"].isna(), "Note"] != "").all()
    singles = chain.read("evaluation/classical.none.perturbations")
    assert (singles.loc[singles[["MapReplicate", "Replicating"]].isna().all(axis=1), "Note"] != "").all()
    differences = chain.read("evaluation/differences")
    assert (differences.loc[differences["Difference"].isna(), "Note"] != "").all()


def test_every_batch_metric_is_a_number_or_says_why_not(run) -> None:
    bad, _, chain = run
    table = chain.read("evaluation/classical.none.batches")
    assert (table.loc[table["Value"].isna(), "Note"] != "").all()
    rows = table[table["Correction"] == "none"].set_index("Metric")
    expected = {"kbet_acceptance": "no comparable group has 40 wells"} | bad.batches
    assert set(rows.index[rows["Value"].isna()]) == set(expected)
    for metric, words in expected.items():
        assert words in rows.loc[metric, "Note"], metric


def test_screens_and_explanations_answer_or_say_why_not(run) -> None:
    bad, _, chain = run
    activity, doses = chain.read("evaluation/activity"), chain.read("screens/dose_response")
    movers = chain.read("explanation/treatments")
    for table, words in ((activity, bad.activity), (doses, bad.dose), (movers, bad.movers)):
        for note in table["Note"].unique():
            assert any(note.startswith(word) if word else not note for word in words.split("|")), note
    assert (activity.loc[activity["PValue"].isna(), "Note"] != "").all()
    untested = doses["Answer"] == "not tested"
    assert (doses["PValue"].isna() == untested).all()
    assert (doses.loc[untested, "Note"] != "").all()
    distances = chain.read("screens/distances")["Distance"]
    assert distances.isna().all() or np.isfinite(distances).all()


def test_the_report_tells_it(run) -> None:
    bad, _, chain = run
    assert bad.page in re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", chain.page))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: with_feature(lambda _: 1.0, features=1),
            r"none of 1 features is left \(most often: near-zero",
        ),
        (
            lambda: with_feature(lambda _: np.nan, features=1),
            r"none of 1 features is left \(most often: missing",
        ),
        (lambda: small_campaign().assign(cells=0), r"no plate has a well left.*\.wells\.dropped\.parquet"),
        (lambda: small_campaign().assign(name=""), "no plate has a well left"),
        (lambda: small_campaign().assign(batch=""), r"row 1, batch: found ''; expected the name of a batch"),
        (lambda: small_campaign().assign(batch="a|b"), r"row 1, batch: found 'a\|b'; expected .* without `\|`"),
        (
            lambda: small_campaign().assign(batch=lambda t: np.where(t.index == 3, "B9", t["batch"])),
            r"row 4, batch: found 'B9' for plate P1, which has 'B1' in .*row 1; expected one batch a plate",
        ),
        (
            lambda: small_campaign().assign(moa=lambda t: np.where(t.index == 14, "other", t["moa"])),
            r"row 15, mechanism: found 'other' for 'drug 0', which has 'moa 0' in .*row 7; expected the same",
        ),
        (
            lambda: small_campaign().assign(well=lambda t: t["well"].replace({"A2": "a01"})),
            r"row 2, columns plate and well: found plate P1, well A01 a second time \(first in .*row 1\)",
        ),
    ],
    ids=[
        "constant",
        "missing",
        "no cells",
        "no names",
        "no batch",
        "two batches in a name",
        "a plate in two batches",
        "two mechanisms",
        "a well twice",
    ],
)
def test_what_cannot_be_profiled_is_an_error(make, words, tmp_path) -> None:
    with pytest.raises(PlatewiseError, match=words) as caught:
        run_chain(make(), tmp_path)
    assert "Hint: " in str(caught.value)
