"""From wells to treatments on input at the edge of sense: a defined answer for every row, or an error that says why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platewise.config.metadata import MetadataConfig
from platewise.config.profiles import AggregateConfig, ConsensusConfig, NormaliseConfig, SelectConfig
from platewise.errors import ConfigError, DataError
from platewise.plan.frame import treatments_frame
from platewise.plan.plates import PlateRow, read_plate
from platewise.plan.wells import normal_well
from platewise.profiles.aggregate import run_aggregate_plate
from platewise.profiles.consensus import run_build_consensus
from platewise.profiles.normalise import run_normalise_plates
from platewise.profiles.select import run_select_features
from platewise.tables import read_table

STRANGE = ['a, "b"', "β-лактам 薬 🧪", "<script>alert(1)</script>", "../../etc/passwd", "TP53 p.R175H", "'; DROP TABLE"]


def wells_of(count: int = 24, features: int = 5, controls: int = 8, plate: str = "P1", seed: int = 0) -> pd.DataFrame:
    values = np.random.default_rng(seed).normal(size=(count, features)).astype(np.float32)
    table = pd.DataFrame(
        {
            "Metadata_Plate": plate,
            "Metadata_Well": [f"{'ABCD'[number // 12]}{number % 12 + 1:02d}" for number in range(count)],
            "Metadata_Batch": "B",
            "Metadata_Perturbation": ["DMSO"] * controls + [f"g{number // 2}" for number in range(count - controls)],
            "Metadata_Dose": np.nan,
            "Metadata_MOA": "",
            "Metadata_ControlType": ["negcon"] * controls + [""] * (count - controls),
            "Metadata_CellCount": 100,
        }
    )
    return table.join(pd.DataFrame(values, columns=[f"Cells_X_{number}" for number in range(features)]))


def profile(folder: Path, plates: list[pd.DataFrame], method: str = "median") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return levels 4b and 5."""
    names = [f"P{number}" for number in range(1, len(plates) + 1)]
    wells, normalised = ({name: str(folder / f"{name}.{level}.parquet") for name in names} for level in ("3", "4a"))
    for name, table in zip(names, plates, strict=True):
        table.to_parquet(wells[name])
    run_normalise_plates(wells, normalised, NormaliseConfig())
    selected, consensus = str(folder / "4b.parquet"), str(folder / "5.parquet")
    run_select_features(normalised, selected, str(folder / "f.selection.parquet"), SelectConfig())
    run_build_consensus(selected, consensus, ConsensusConfig(method=method))
    return read_table(selected), read_table(consensus)


def constant(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(Cells_X_0=np.float32(3))


def missing(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(Cells_X_0=np.float32(np.nan))


def few_gaps(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(Cells_X_0=table["Cells_X_0"].mask(np.arange(len(table)) == 20))


def same_mechanism(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(Metadata_MOA=np.where(table["Metadata_ControlType"] == "negcon", "", "one"))


CASES: dict[str, tuple[Callable[[], list[pd.DataFrame]], int]] = {
    "one plate": (lambda: [wells_of()], 5),
    "two plates": (lambda: [wells_of(), wells_of(plate="P2", seed=1)], 5),
    "no controls": (lambda: [wells_of(controls=0)], 5),
    "two controls": (lambda: [wells_of(controls=2)], 5),
    "controls alone": (lambda: [wells_of(controls=24)], 5),
    "no controls on one plate": (lambda: [wells_of(), wells_of(controls=0, plate="P2", seed=1)], 5),
    "treatments in one well": (
        lambda: [wells_of().assign(Metadata_Perturbation=[f"c{number}" for number in range(24)])],
        5,
    ),
    "one mechanism": (lambda: [same_mechanism(wells_of())], 5),
    "one feature": (lambda: [wells_of(features=1)], 1),
    "a constant feature": (lambda: [constant(wells_of())], 4),
    "a missing feature": (lambda: [missing(wells_of())], 4),
    "a gap": (lambda: [few_gaps(wells_of())], 5),
    "strange names": (lambda: [wells_of().assign(Metadata_Perturbation=["DMSO"] * 8 + (STRANGE * 3)[:16])], 5),
    "a plate without wells": (lambda: [wells_of(), wells_of(plate="P2")[:0]], 5),
}


@pytest.mark.parametrize("method", ["median", "mean", "modz"])
@pytest.mark.parametrize("case", CASES)
def test_every_well_keeps_its_row_and_every_number_is_finite(case: str, method: str, tmp_path: Path) -> None:
    make, features = CASES[case]
    plates = make()
    given_wells = pd.concat(plates, ignore_index=True)
    selected, consensus = profile(tmp_path, plates, method)
    keys = ["Metadata_Plate", "Metadata_Well", "Metadata_Perturbation", "Metadata_ControlType"]
    assert selected[keys].to_numpy().tolist() == given_wells[keys].to_numpy().tolist()
    names = [name for name in selected if name.startswith("Cells_")]
    assert len(names) == features
    assert np.isfinite(selected[names].to_numpy()).all()
    assert np.isfinite(consensus[names].to_numpy()).all()
    assert sorted(consensus["Metadata_Perturbation"]) == sorted(set(given_wells["Metadata_Perturbation"]))
    assert consensus["Metadata_Replicates"].sum() == len(given_wells)


@pytest.mark.parametrize(
    "make",
    [
        lambda: [wells_of(features=1).assign(Cells_X_0=1.0)],
        lambda: [missing(wells_of(features=1))],
        lambda: [wells_of(count=1, controls=1)],
        lambda: [wells_of(features=0)],
    ],
    ids=["constant", "missing", "one well", "no feature"],
)
def test_nothing_to_compare_is_an_error_that_says_so(make: Callable[[], list[pd.DataFrame]], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"profiles\.select: none of \d features is left .*Hint"):
        profile(tmp_path, make())


def test_a_campaign_without_a_well_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"profiles: no plate has a well left.*Hint: .*\.wells\.dropped\.parquet"):
        profile(tmp_path, [wells_of()[:0], wells_of(plate="P2")[:0]])


spellings = st.sampled_from(["a1", "A1", "A01", "a02", "B3", "b03", "B04", "H12"])


@settings(max_examples=40, deadline=None)
@given(
    mapped=st.lists(st.tuples(spellings, st.sampled_from([*STRANGE, "DMSO", ""])), min_size=1, max_size=6),
    cells=st.lists(st.tuples(spellings.map(normal_well), st.booleans()), max_size=20),
)
def test_any_plate_map_accounts_for_every_well(mapped: list[tuple[str, str]], cells: list[tuple[str, bool]]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        mapped = [("C01", "DMSO"), *mapped]
        table = pd.DataFrame(mapped, columns=["well_position", "compound"])
        table.to_csv(folder / "map.txt", sep="\t", index=False)
        row = {"plate": "P", "batch": "B", "reader": "phenix", "images": name, "platemap": str(folder / "map.txt")}
        metadata = MetadataConfig.model_validate({"key": "compound", "negcon": ["DMSO"]})
        wanted = [normal_well(well) for well, _ in mapped]
        sheet = PlateRow.from_param(row | {"format": 96, "fields_per_well": 1, "wells": []})
        # A well that is there twice, and a blank one, are named.
        if len(set(wanted)) < len(wanted) or not all(name for _, name in mapped):
            with pytest.raises(ConfigError, match=r"map\.txt, row \d+, .*Hint"):
                read_plate(sheet, metadata)
            return
        platemap = treatments_frame(read_plate(sheet, metadata))
        values = pd.DataFrame({"Cells_X_0": np.arange(len(cells), dtype=np.float32)})
        keys = pd.DataFrame(cells, columns=["Metadata_Well", "Metadata_TouchesBorder"])
        keys = keys.astype({"Metadata_Well": object, "Metadata_TouchesBorder": bool})
        keys.join(values).to_parquet(folder / "cells.parquet")
        out = str(folder / "f.wells.parquet")
        run_aggregate_plate([str(folder / "cells.parquet")], platemap, "P", out, AggregateConfig())
        wells, dropped = read_table(out), read_table(folder / "f.wells.dropped.parquet")
    given_names = {well: text for well, (_, text) in zip(wanted, mapped, strict=True)}
    assert dict(zip(platemap["Metadata_Well"], platemap["Metadata_Perturbation"], strict=True)) == given_names
    told = [*wells["Metadata_Well"], *(text.split()[1] for text in dropped["Row"])]
    assert sorted(told) == sorted(set(given_names) | {well for well, _ in cells})
    whole = {well for well, border in cells if not border}
    assert set(wells["Metadata_Well"]) == whole & set(given_names)
    assert dict(zip(wells["Metadata_Well"], wells["Metadata_Perturbation"], strict=True)) == {
        well: given_names[well] for well in wells["Metadata_Well"]
    }
