"""Each criterion of the shortlist on a campaign where one perturbation fails it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from platewise.config.shortlist import ShortlistConfig
from platewise.errors import DataError
from platewise.network.count_share import count_shares
from platewise.network.shortlist import CRITERIA, SHORTLIST_COLUMNS, run_shortlist_perturbations, shortlist
from platewise.tables import read_table, write_table

# Name: mechanism, q, share of doses that replicate, cells beside 100 of the controls, direction of the profile.
PERTURBATIONS = {
    "best": ("", 0.001, 1.0, 100.0, 0),
    "good": ("kinase", 0.01, 0.5, 100.0, 1),
    "quiet": ("kinase", 0.4, 1.0, 100.0, 0),
    "unsteady": ("", 0.02, 0.0, 100.0, 0),
    "alone": ("", np.nan, np.nan, 100.0, 0),
    # Four that look alike, the more the fewer cells are left.
    "toxic": ("toxin", 0.001, 1.0, 20.0, 2),
    "toxic too": ("", 0.001, 1.0, 40.0, 2),
    "toxic as well": ("", 0.001, 1.0, 60.0, 2),
}
EDGES = [("best", "good", 0.8), ("best", "quiet", 0.7), ("toxic", "toxic too", 0.9)]


def tables() -> tuple[pd.DataFrame, ...]:
    rng = np.random.default_rng(0)
    rows = []
    for plate in ("P1", "P2"):
        for well in range(3):
            rows.append((plate, f"H0{well}", "DMSO", "", "negcon", 100.0, rng.normal(scale=0.1, size=4)))
        for place, (name, (moa, _, _, cells, direction)) in enumerate(PERTURBATIONS.items()):
            profile = rng.normal(scale=0.1, size=4)
            profile[direction] += -10 * np.log(cells / 100) if direction == 2 else 5
            rows.append((plate, f"A{place:02d}", name, moa, "", cells, profile))
    columns = ["Plate", "Well", "Perturbation", "MOA", "ControlType", "CellCount"]
    wells = pd.DataFrame([row[:6] for row in rows], columns=[f"Metadata_{name}" for name in columns])
    wells = wells.assign(
        Metadata_Batch="b", Metadata_Dose=1.0, **{f"Cells_X_{i}": [row[6][i] for row in rows] for i in range(4)}
    )
    names = sorted(PERTURBATIONS)
    facts = [PERTURBATIONS[name] for name in names]
    nodes = pd.DataFrame({"Metadata_Perturbation": names, "Metadata_MOA": [fact[0] for fact in facts]}).assign(
        Metadata_CellCount=1.0, Degree=1, Community=0, Hub=False, Bridge=False
    )
    edges = pd.DataFrame(EDGES, columns=["Source", "Target", "Similarity"])
    scores = pd.DataFrame(
        {
            "Metadata_Perturbation": names,
            "Wells": 2,
            "MapReplicate": 0.5,
            "PValue": 0.1,
            "QValue": [fact[1] for fact in facts],
            "Replicating": [fact[2] for fact in facts],
            "Note": ["one well" if np.isnan(fact[1]) else "" for fact in facts],
        }
    )
    return wells, nodes, edges, scores


def judged(**keys: object) -> pd.DataFrame:
    return shortlist(*tables(), ShortlistConfig(**keys)).set_index("Metadata_Perturbation")


def test_every_perturbation_has_a_row_with_its_reason() -> None:
    table = judged()
    assert table.index[:2].tolist() == ["best", "good"]
    assert sorted(table.index) == sorted(PERTURBATIONS)
    assert table["Listed"].tolist() == [True] * 2 + [False] * 6
    assert table["Rank"].tolist()[:2] == [1.0, 2.0]
    assert table["Rank"].isna().sum() == 6
    failed = {name: [key for key in CRITERIA if not table.loc[name, key]] for name in PERTURBATIONS}
    assert failed == {
        "best": [],
        "good": [],
        "quiet": ["Active"],
        "unsteady": ["Reproducible"],
        "alone": ["Active", "Reproducible"],
        "toxic": ["BeyondCount"],
        "toxic too": ["BeyondCount"],
        "toxic as well": ["BeyondCount"],
    }
    reasons = table["Reason"]
    assert reasons["best"] == (
        "active (q = 0.001), replicates, cell count explains 0% of the profile, connected with good (kinase)"
    )
    assert reasons["quiet"] == "not shown to be active (q = 0.4)"
    assert reasons["alone"] == "not known to be active: one well; replicates not compared"
    assert reasons["toxic"].startswith("cell count explains 100%")
    assert table.loc["best", "NearestSimilarity"] == 0.8
    assert table.loc["toxic", "CountRatio"] == pytest.approx(0.2)


def test_near_and_far_from_known_mechanisms() -> None:
    # `good` is of a known mechanism, but connected with none that is.
    assert judged(mechanism="near").query("Listed").index.tolist() == ["best"]
    assert judged(mechanism="far").query("Listed").index.tolist() == ["good"]
    toxins = judged(mechanism="near", mechanisms=["toxin"], max_count_share=1.0)
    assert toxins.query("Listed").index.tolist() == ["toxic too"]
    assert toxins.loc["good", "Reason"] == "connected with none of the mechanisms asked for"
    assert judged(mechanism="far").loc["best", "Reason"] == "connected with good"


def test_the_list_is_no_longer_than_asked() -> None:
    table = judged(size=1)
    assert table.query("Listed").index.tolist() == ["best"]
    assert table.loc["good", "Reason"].endswith("; but 1 others come first")


def test_replication_need_not_be_asked_for() -> None:
    assert judged(replicating=False).query("Listed").index.tolist() == ["best", "good", "unsteady"]


def test_exemplars_are_the_wells_most_like_their_mean() -> None:
    wells, *others = tables()
    extra = wells[wells["Metadata_Perturbation"] == "best"].iloc[[0]].assign(Metadata_Well="Z09")
    extra[["Cells_X_0", "Cells_X_1"]] = [[0.5, 5.0]]
    table = shortlist(pd.concat([wells, extra], ignore_index=True), *others, ShortlistConfig(exemplars=2))
    assert sorted(table.set_index("Metadata_Perturbation").loc["best", "Exemplars"].split("|")) == ["P1 A00", "P2 A00"]


def test_without_cell_counts_nothing_is_held_against_a_perturbation() -> None:
    wells, *others = tables()
    table = shortlist(wells.assign(Metadata_CellCount=np.nan), *others, ShortlistConfig())
    assert table["CountShare"].isna().all()
    assert table.set_index("Metadata_Perturbation").loc["toxic", "Listed"]


def test_an_unknown_mechanism_is_named() -> None:
    with pytest.raises(DataError, match=r"names 'kinases', which no perturbation .* some of kinase, toxin"):
        judged(mechanism="near", mechanisms=["kinases"])
    with pytest.raises(ValidationError, match="mechanism is `any`"):
        ShortlistConfig(mechanisms=["kinase"])


def test_the_task_writes_its_table(tmp_path) -> None:
    paths = [str(tmp_path / f"{number}.parquet") for number in range(4)]
    for table, path in zip(tables(), paths, strict=True):
        write_table(table, path)
    run_shortlist_perturbations(*paths, str(tmp_path / "out.parquet"), ShortlistConfig())
    assert list(read_table(tmp_path / "out.parquet")) == SHORTLIST_COLUMNS


def test_the_share_of_the_cell_count_by_hand() -> None:
    # ln 2 and ln 4 with one feature each: the others' slopes are 3 and 1 a unit.
    ratios = np.array([0.5, 0.25, 1.0, np.nan])
    profiles = np.array([[1.0], [6.0], [5.0], [5.0]]) * np.log(2)
    # The first is predicted as 3 where it is 1: worse than nothing, which counts as 0; the second as 2 where it is 6.
    expected = [0.0, 1 - (4 / 6) ** 2, 0.0]
    np.testing.assert_allclose(count_shares(profiles, ratios)[:3], expected, atol=1e-12)
    assert np.isnan(count_shares(profiles, ratios)[3])
    assert np.isnan(count_shares(profiles[:1], ratios[:1])).all()


def test_random_profiles_are_not_explained() -> None:
    rng = np.random.default_rng(0)
    profiles, ratios = rng.normal(size=(300, 50)), rng.uniform(0.2, 1.2, 300)
    assert count_shares(profiles, ratios).max() < 0.2
    driven = np.log(ratios)[:, None] * rng.normal(size=50) * 5
    assert np.median(count_shares(profiles + driven, ratios)) > 0.5
