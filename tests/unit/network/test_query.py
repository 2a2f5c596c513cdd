"""Unknown profiles asked against a campaign with known truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest
from typer.testing import CliRunner

from platewise.cli import app
from platewise.config.network import NetworkConfig
from platewise.errors import DataError
from platewise.network.build import run_build_network
from platewise.network.query import HIT_COLUMNS, Reference, query_profiles, run_query
from platewise.profiles.consensus import consensus
from platewise.profiles.frame import split_profiles
from platewise.tables import write_table

FEATURES = [f"Cells_X_{number}" for number in range(30)]
DIRECTIONS = np.random.default_rng(9).normal(size=(10, 30))


def campaign(strength: float, layouts: int = 4, seed: int = 0) -> pd.DataFrame:
    """Ten perturbations and eight controls a layout, six plates each; number k of each layout has mechanism k."""
    rng = np.random.default_rng(seed)
    rows = []
    for layout in range(layouts):
        for replicate in range(6):
            for well in range(18):
                control = well >= 10
                profile = rng.normal(size=30) + (0 if control else strength * DIRECTIONS[well])
                name = "DMSO" if control else f"p{layout}-{well}"
                rows.append(
                    (f"L{layout}R{replicate}", f"A{well:02d}", name, "" if control else f"moa {well}", *profile)
                )
    columns = ["Metadata_Plate", "Metadata_Well", "Metadata_Perturbation", "Metadata_MOA"]
    table = pd.DataFrame(rows, columns=[*columns, *FEATURES])
    control = np.where(table["Metadata_Perturbation"] == "DMSO", "negcon", "")
    return table.assign(
        Metadata_ControlType=control, Metadata_Batch="b", Metadata_Dose=np.nan, Metadata_CellCount=100.0
    )


def reference(strength: float, layouts: int = 4, seed: int = 0) -> Reference:
    wells = campaign(strength, layouts, seed)
    return Reference(split_profiles(wells), split_profiles(consensus(wells, "mean")), NetworkConfig(), "mean")


def test_the_true_mechanism_comes_first_and_is_significant() -> None:
    rng = np.random.default_rng(1)
    unknown = pd.DataFrame(DIRECTIONS[[3, 7]] + 0.2 * rng.normal(size=(2, 30)), columns=FEATURES).assign(Other=1.0)
    hits = query_profiles(unknown, reference(2.0))
    assert list(hits) == HIT_COLUMNS
    assert hits["Query"].unique().tolist() == ["row 1", "row 2"]
    for query, mechanism in (("row 1", "moa 3"), ("row 2", "moa 7")):
        own = hits[hits["Query"] == query].set_index("Kind")
        perturbations, mechanisms = own.loc["perturbation"], own.loc["mechanism"]
        assert len(perturbations) == 40
        assert set(perturbations["Metadata_MOA"].head(4)) == {mechanism}
        assert (perturbations["QValue"].head(4) < 0.05).all()
        assert mechanisms["Name"].iloc[0] == mechanism
        assert mechanisms["QValue"].iloc[0] < 0.05
        assert mechanisms["Members"].tolist() == [4] * 10
        assert mechanisms["Rank"].tolist() == list(range(1, 11))


def test_replicates_of_an_unknown_are_one_query() -> None:
    rng = np.random.default_rng(2)
    rows = np.repeat(DIRECTIONS[[5]], 4, axis=0) + rng.normal(size=(4, 30))
    unknown = pd.DataFrame(rows, columns=FEATURES).assign(Metadata_Perturbation=["new", "new", "other", "new"])
    hits = query_profiles(unknown, reference(2.0))
    assert hits["Query"].unique().tolist() == ["new", "other"]
    expected = split_profiles(consensus(campaign(2.0), "mean"))
    first = hits.iloc[0]
    node = expected[1][(expected[0]["Metadata_Perturbation"] == first["Name"]).to_numpy()][0]
    mean = rows[[0, 1, 3]].mean(axis=0)
    assert first["Similarity"] == pytest.approx(mean @ node / np.linalg.norm(mean) / np.linalg.norm(node), abs=1e-6)


def p_values(layouts: int) -> dict[str, list[float]]:
    """p of one perturbation and one mechanism for each of many profiles that say nothing: they are independent."""
    rng = np.random.default_rng(3)
    found: dict[str, list[float]] = {"p0-0": [], "moa 0": []}
    for seed in range(8):
        unknown = pd.DataFrame(rng.normal(size=(30, 30)), columns=FEATURES)
        hits = query_profiles(unknown, reference(0.0, layouts, seed))
        for name, values in found.items():
            values += hits[hits["Name"] == name]["PValue"].tolist()
    return found


def test_p_values_are_uniform_for_profiles_that_say_nothing() -> None:
    for values in p_values(4).values():
        assert kstest(values, "uniform").pvalue > 0.01


def test_p_values_are_not_too_small_where_all_perturbations_meet_on_a_plate() -> None:
    # A shuffled profile has wells in common with the perturbations: it is more like them than a stranger.
    for values in p_values(1).values():
        assert (np.array(values) < 0.05).mean() < 0.07


def test_features_that_are_missing_are_named() -> None:
    unknown = pd.DataFrame(np.zeros((1, 30)), columns=FEATURES)
    with pytest.raises(DataError, match=r"new: 2 of the 30 features .* Cells_X_4, Cells_X_9; found 28 .* Hint"):
        query_profiles(unknown.drop(columns=["Cells_X_4", "Cells_X_9"]), reference(0.0), "new")
    with pytest.raises(DataError, match=r"30 features .* Cells_X_4 and 25 more; found 0"):
        query_profiles(unknown[[]], reference(0.0))
    with pytest.raises(DataError, match=r"1 values are missing or infinite, the first in row 1, column Cells_X_2"):
        query_profiles(unknown.assign(Cells_X_2=np.nan), reference(0.0))


def test_names_of_unknowns_are_texts_and_none_is_empty(tmp_path: Path) -> None:
    table = pd.DataFrame(DIRECTIONS[:3], columns=FEATURES)
    names = ["007", "7", "=1+1"]
    table.assign(Metadata_Perturbation=names).to_csv(tmp_path / "new.csv", index=False)
    hits = run_query(tmp_path / "new.csv", finished(tmp_path / "mine"), None)
    assert sorted(hits["Query"].unique()) == names
    for empty in ("", None, " "):
        with pytest.raises(DataError, match=r"new: 2 rows have no Metadata_Perturbation, the first is row 2; .*Hint: "):
            query_profiles(table.assign(Metadata_Perturbation=["a", empty, empty]), reference(0.0), "new")


def finished(folder: Path, names: tuple[str, ...] = ("classical.none",)) -> Path:
    wells = campaign(2.0)
    for name in names:
        profiles = folder / "campaign" / "profiles" / f"{name}.parquet"
        treatments = profiles.with_name(f"{name}.consensus.parquet")
        write_table(wells, profiles)
        write_table(consensus(wells, "mean"), treatments)
        out = folder / "campaign" / "network" / name
        run_build_network(str(profiles), str(treatments), str(out), NetworkConfig(shuffles=5), "mean")
    return folder


def test_the_command_ranks_and_writes(tmp_path: Path) -> None:
    results = finished(tmp_path / "results")
    pd.DataFrame(DIRECTIONS[[3]], columns=FEATURES).to_csv(tmp_path / "new.csv", index=False)
    out = tmp_path / "hits.csv"
    arguments = ["query", str(tmp_path / "new.csv"), "--reference", str(results), "--out", str(out), "--top", "2"]
    answer = CliRunner().invoke(app, arguments)
    assert answer.exit_code == 0, answer.output
    lines = answer.output.splitlines()
    assert lines[0] == "row 1"
    assert lines[2].strip().startswith("p")
    assert "(moa 3)" in lines[2]
    assert lines[5].split()[:2] == ["moa", "3"]
    assert len(lines) == 7
    table = pd.read_csv(out)
    assert len(table) == 50
    write_table(pd.DataFrame(DIRECTIONS[[3]], columns=FEATURES), tmp_path / "new.parquet")
    same = run_query(tmp_path / "new.parquet", results, "classical.none")
    pd.testing.assert_series_equal(same["PValue"], table["PValue"])


def test_the_network_must_be_told_where_there_are_several(tmp_path: Path) -> None:
    pd.DataFrame(DIRECTIONS[[3]], columns=FEATURES).to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(DataError, match=r"found none\. Hint"):
        run_query(tmp_path / "new.csv", tmp_path, None)
    results = finished(tmp_path / "results", ("classical.none", "deep.none"))
    with pytest.raises(DataError, match=r"several; found classical.none, deep.none. Hint"):
        run_query(tmp_path / "new.csv", results, None)
    with pytest.raises(DataError, match=r"no network deep\.sphering; found"):
        run_query(tmp_path / "new.csv", results, "deep.sphering")
    with pytest.raises(DataError, match=r"gone\.csv: cannot be read as CSV"):
        run_query(tmp_path / "gone.csv", results, None)
