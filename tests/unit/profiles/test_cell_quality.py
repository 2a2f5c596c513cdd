"""Cells are left out by the rules that were given and by no other, and every one of them is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from platewise.config.profiles import AggregateConfig, CellsConfig
from platewise.errors import DataError
from platewise.profiles.aggregate import run_aggregate_plate
from platewise.profiles.cell_quality import BORDER, CLUMP, DEBRIS, KEPT, OUTLIER, judge_cells
from platewise.tables import read_table

AREA, DNA = "Nuclei_AreaShape_Area", "Nuclei_Intensity_MeanIntensity_DNA"
SIZE = CellsConfig.model_validate({"size": {"smallest": 0.5, "largest": 2}})


def cells_of(areas: list[float], wells: list[str] | None = None, dna: list[float] | None = None) -> pd.DataFrame:
    count = len(areas)
    return pd.DataFrame(
        {
            "Metadata_Plate": "P",
            "Metadata_Well": wells or ["A01"] * count,
            "Metadata_Site": 1,
            "Metadata_ObjectNumber": range(1, count + 1),
            "Metadata_TouchesBorder": False,
            AREA: np.array(areas, dtype=np.float32),
            DNA: np.array(dna or [1.0] * count, dtype=np.float32),
        }
    )


def platemap_of(wells: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Metadata_Well": list(wells),
            "Metadata_Perturbation": list(wells.values()),
            "Metadata_Dose": np.nan,
            "Metadata_MOA": "",
            "Metadata_ControlType": ["negcon" if name == "DMSO" else "" for name in wells.values()],
            "Metadata_Batch": "B",
        }
    )


def test_no_rule_leaves_nothing_out() -> None:
    assert CellsConfig().features == []
    assert judge_cells(cells_of([1, 100, np.nan]), {"A01"}, CellsConfig(), True).tolist() == [KEPT] * 3


def test_size_is_relative_to_the_controls() -> None:
    # Typical: 10. Limits: 5 and 20, both of which are kept. The treated well does not count.
    cells = cells_of([10, 4.9, 5, 20, 20.1, np.nan, 100, 100, 100], ["A01"] * 6 + ["A02"] * 3)
    expected = [KEPT, DEBRIS, KEPT, KEPT, CLUMP, KEPT, CLUMP, CLUMP, CLUMP]
    assert judge_cells(cells, {"A01"}, SIZE, True).tolist() == expected


def test_without_controls_all_cells_are_typical() -> None:
    cells = cells_of([10, 10, 10, 100])
    assert judge_cells(cells, set(), SIZE, True).tolist() == [KEPT, KEPT, KEPT, CLUMP]
    plate = SIZE.model_copy(update={"typical": "plate"})
    cells = cells_of([100, 10, 10, 10], ["A01", "A02", "A02", "A02"])
    assert judge_cells(cells, {"A01"}, plate, True).tolist() == [CLUMP, KEPT, KEPT, KEPT]


def test_cells_at_the_border_are_not_typical_and_are_judged_only_if_kept() -> None:
    cells = cells_of([1, 1, 1, 10, 10]).assign(Metadata_TouchesBorder=[True, True, True, False, False])
    assert judge_cells(cells, {"A01"}, SIZE, True).tolist() == [BORDER] * 3 + [KEPT] * 2
    assert judge_cells(cells, {"A01"}, SIZE, False).tolist() == [DEBRIS] * 3 + [KEPT] * 2


def test_outliers_are_counted_in_mads_without_debris() -> None:
    config = CellsConfig.model_validate({"size": {}, "outliers": {"features": [DNA], "max_mads": 3}})
    # DNA of whole cells: 1 2 3 4 5 and outliers; MAD about the median. Debris has absurd values and does not count.
    dna = [1, 2, 3, 4, 5, 3 + 3 * 1.4826 * 1.0 + 1.6, 900, 900, np.nan]
    cells = cells_of([10] * 6 + [1, 1, 10], dna=dna)
    # 1 2 3 4 5 9.05: median 3.5, deviations .5 .5 1.5 1.5 2.5 5.55, MAD 1.5: limit 6.67 from 3.5.
    assert judge_cells(cells, {"A01"}, config, True).tolist() == [KEPT] * 6 + [DEBRIS] * 2 + [KEPT]
    cells.loc[5, DNA] = 10.3
    assert judge_cells(cells, {"A01"}, config, True).tolist() == [KEPT] * 5 + [OUTLIER] + [DEBRIS] * 2 + [KEPT]


def test_a_feature_without_spread_judges_nothing() -> None:
    config = CellsConfig.model_validate({"outliers": {"features": [DNA]}})
    assert judge_cells(cells_of([10] * 4, dna=[1, 1, 1, 50]), {"A01"}, config, True).tolist() == [KEPT] * 4


def test_planted_debris_and_outliers_are_found() -> None:
    rng = np.random.default_rng(0)
    areas, dna = rng.lognormal(5, 0.15, 2000), rng.normal(100, 10, 2000)
    areas[:100] *= 0.1
    dna[100:150] += 300
    config = CellsConfig.model_validate({"size": {}, "outliers": {"features": [DNA]}})
    verdicts = judge_cells(cells_of(list(areas), dna=list(dna)), {"A01"}, config, True)
    assert verdicts.tolist() == [DEBRIS] * 100 + [OUTLIER] * 50 + [KEPT] * 1850


def test_the_share_that_was_left_out_is_told(tmp_path: Path) -> None:
    cells = cells_of([10, 10, 1, 30, 1, 10, 10], ["A01"] * 4 + ["A02"] + ["A03"] * 2)
    cells.loc[0, "Metadata_TouchesBorder"] = True
    cells.to_parquet(tmp_path / "cells.parquet")
    path, out = str(tmp_path / "cells.parquet"), str(tmp_path / "classical.wells.parquet")
    platemap = platemap_of({"A01": "drug", "A02": "drug", "A03": "DMSO"})
    run_aggregate_plate([path], platemap, "P", out, AggregateConfig(), SIZE, [path])
    wells = read_table(out)
    assert wells["Metadata_Well"].tolist() == ["A01", "A03"]
    assert wells["Metadata_CellCount"].tolist() == [1, 2]
    np.testing.assert_allclose(wells["Metadata_LeftOutCells"], [2 / 3, 0])
    dropped = read_table(tmp_path / "classical.wells.dropped.parquet")
    assert dropped.to_numpy().tolist() == [
        ["aggregate_plate", "P A02", "no cells but 1 smaller than profiles.cells.size"],
        ["leave_out_cells", "P A01: 1 of 4 cells", "smaller than profiles.cells.size"],
        ["leave_out_cells", "P A01: 1 of 4 cells", "larger than profiles.cells.size"],
    ]


def test_learned_features_lose_the_same_cells_in_whatever_order(tmp_path: Path) -> None:
    cells = cells_of([10, 10, 1, 10], ["A01", "A01", "A01", "A02"])
    learned = cells[["Metadata_Plate", "Metadata_Well", "Metadata_Site", "Metadata_ObjectNumber"]].assign(
        Deep_000=np.array([1, 2, 99, 5], dtype=np.float32)
    )[::-1]
    cells.to_parquet(tmp_path / "cells.parquet")
    learned.to_parquet(tmp_path / "deep.parquet")
    out, paths = (
        str(tmp_path / "deep.wells.parquet"),
        ([str(tmp_path / f"{name}.parquet")] for name in ("deep", "cells")),
    )
    deep, judged = paths
    platemap = platemap_of({"A01": "drug", "A02": "DMSO"})
    run_aggregate_plate(deep, platemap, "P", out, AggregateConfig(), SIZE, judged)
    assert read_table(out)["Deep_000"].tolist() == [1.5, 5.0]
    learned.assign(Metadata_ObjectNumber=77).to_parquet(deep[0])
    with pytest.raises(DataError, match=r"deep\.parquet: its cells are not those that were measured.*Hint"):
        run_aggregate_plate(deep, platemap, "P", out, AggregateConfig(), SIZE, judged)


def test_a_rule_on_what_was_not_measured_is_an_error(tmp_path: Path) -> None:
    cells_of([1.0]).drop(columns=AREA).to_parquet(tmp_path / "cells.parquet")
    path = str(tmp_path / "cells.parquet")
    with pytest.raises(DataError, match=rf"cells\.parquet: has no column {AREA}.*Hint: name features that are"):
        run_aggregate_plate(
            [path], platemap_of({"A01": "DMSO"}), "P", str(tmp_path / "w.parquet"), AggregateConfig(), SIZE, [path]
        )


@pytest.mark.parametrize(
    "section",
    [
        {"size": {"smallest": 1}},
        {"size": {"largest": 0.5}},
        {"size": {"feature": "Deep_001"}},
        {"outliers": {}},
        {"outliers": {"features": []}},
        {"outliers": {"features": [AREA], "max_mads": 0}},
    ],
)
def test_rules_that_make_no_sense_are_refused(section: dict) -> None:
    with pytest.raises(ValidationError):
        CellsConfig.model_validate(section)


@settings(max_examples=40, deadline=None)
@given(
    areas=st.lists(st.one_of(st.floats(0, 100), st.just(np.nan), st.just(np.inf)), min_size=1, max_size=30),
    wells=st.integers(1, 4),
)
def test_every_cell_has_one_verdict_and_none_loses_its_well(areas: list[float], wells: int) -> None:
    cells = cells_of(areas, [f"A{number % wells + 1:02d}" for number in range(len(areas))])
    verdicts = judge_cells(cells, {"A01"}, SIZE, True)
    assert len(verdicts) == len(cells)
    assert set(verdicts) <= {KEPT, DEBRIS, CLUMP}
    unknown = ~np.isfinite(cells[AREA])
    assert (verdicts[unknown] == KEPT).all()
