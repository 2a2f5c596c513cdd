"""Fields of a plate are counted from manifests, inventories and the folders of the store."""

import pandas as pd
import pytest

from platewise.columns import SITE, WELL
from platewise.config.blocks import BlocksConfig
from platewise.plan.plates import Plate, PlateRow
from platewise.plan.treatments import Treatment
from platewise.status.fields import BadField, FieldCount, count_fields
from platewise.store.paths import field_path
from platewise.tables import write_table


def make_plate(fields_per_well=None, unit="wells"):
    row = PlateRow("P1", "b1", "phenix", "images", "map.txt", 6, fields_per_well, ())
    treatments = tuple(Treatment(well, "x", float("nan"), "", "") for well in ("A01", "A02", "A03", "B01"))
    return Plate(row, treatments, BlocksConfig(unit=unit, wells_per_block=3))


def write_fields(path, wells, bad=(), channels=1):
    rows = [
        {
            WELL: well,
            SITE: site,
            "Status": "bad" if (well, site) in bad else "ok",
            "Reason": "dark" * ((well, site) in bad),
        }
        for well in wells
        for site in (1, 2)
        for _ in range(channels)
    ]
    write_table(pd.DataFrame(rows), path)


def commit(folder, *fields):
    for well, site in fields:
        field_path(folder / "plate.zarr", well, site).mkdir(parents=True)


def test_nothing_is_known_before_the_inventory(tmp_path):
    assert count_fields(make_plate(), tmp_path, set()) == FieldCount(None, 0, (), ())


@pytest.mark.parametrize("unit", ["wells", "field"])
def test_the_sheet_promises_fields(tmp_path, unit):
    assert count_fields(make_plate(fields_per_well=2, unit=unit), tmp_path, set()).total == 8


def test_manifests_inventories_and_commits_add_up(tmp_path):
    """The first block is done with a bad field; of the second, one field is committed and one is known to be bad."""
    write_fields(tmp_path / "fields/A01-A03.parquet", ["A01", "A02", "A03"], bad={("A02", 1)})
    write_fields(tmp_path / "inventory/A01-A03.parquet", ["A01", "A02", "A03"], channels=5)
    write_fields(tmp_path / "inventory/B01-B03.parquet", ["B01"], bad={("B01", 2)}, channels=5)
    commit(tmp_path, ("A01", 1), ("A01", 2), ("B01", 1))
    (tmp_path / "plate.zarr/B/01/.2@host@1@abc.tmp").mkdir()
    (tmp_path / "plate.zarr/B/01/zarr.json").write_text("{}")
    bad = (BadField("P1", "A02", 1, "dark"), BadField("P1", "B01", 2, "dark"))
    assert count_fields(make_plate(), tmp_path, {"A01-A03"}) == FieldCount(8, 8, bad, ())


def test_a_block_that_is_to_be_made_again_has_no_field_done(tmp_path):
    write_fields(tmp_path / "fields/A01-A03.parquet", ["A01", "A02", "A03"])
    write_fields(tmp_path / "inventory/A01-A03.parquet", ["A01", "A02", "A03"])
    commit(tmp_path, ("A01", 1))
    found = count_fields(make_plate(), tmp_path, set())
    assert (found.total, found.done) == (None, 0)


def test_a_field_a_block_counts_its_own_commit(tmp_path):
    commit(tmp_path, ("A01", 2), ("B01", 1))
    assert count_fields(make_plate(fields_per_well=2, unit="field"), tmp_path, set()).done == 2


def test_a_damaged_manifest_is_told(tmp_path):
    (tmp_path / "fields").mkdir()
    (tmp_path / "fields/A01-A03.parquet").write_bytes(b"PAR1")
    found = count_fields(make_plate(fields_per_well=2), tmp_path, {"A01-A03"})
    assert (found.total, found.done) == (8, 0)
    assert len(found.damaged) == 1
    assert "A01-A03.parquet: cannot be read as Parquet" in found.damaged[0]
