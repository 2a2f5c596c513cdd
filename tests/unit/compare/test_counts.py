import numpy as np
import pytest
from small_run import manifest_table, wells_table, write_run

from platewise.columns import CELL_COUNT
from platewise.compare.counts import compare_counts, compare_manifests
from platewise.compare.results import Pair, open_results
from platewise.errors import DataError

MANIFEST = "plates/P1/fields/A01-A08.parquet"
MANIFESTS = [MANIFEST, "plates/P2/fields/A01-A08.parquet"]


def test_the_same_counts(pair):
    section, relabelled = compare_counts(pair())
    assert section.moved is False
    assert relabelled.empty
    changed = ("became_bad", "became_good", "fields_only_old", "fields_only_new", "fields_changed_much")
    assert [section.facts[name] for name in (*changed, "wells_changed", "wells_changed_much")] == [0] * 7
    assert section.facts["median_change_of_wells"] == section.facts["median_change_of_cells"] == 0
    assert section.facts["same_labels"] == section.facts["good_in_both"] == 16
    assert "Labels of nuclei and cells are identical in all of 16 good fields." in section.sentences
    assert section.rows("changed_wells").empty


def test_known_changes_of_one_plate():
    """A01 doubles, A02 gains 5 %, A03 becomes bad; the other five keep their labels."""
    found = compare_manifests(
        "P1",
        manifest_table("P1", counts={"A02": 20}),
        manifest_table("P1", counts={"A01": 20, "A02": 21}, bad=["A03"]),
    )
    assert found.plate == {
        "Metadata_Plate": "P1",
        "OkOld": 8,
        "BadOld": 0,
        "NucleiOld": 90,
        "CellsOld": 90,
        "OkNew": 7,
        "BadNew": 1,
        "NucleiNew": 91,
        "CellsNew": 91,
        "GoodInBoth": 7,
        "SameLabels": 5,
        "WellChange": 0.0,
    }
    assert found.fields.to_numpy().tolist() == [["P1", "A03", 1, "ok", "bad", "", "ER: cut short"]]
    assert found.relabelled["Metadata_Well"].tolist() == ["A01", "A02"]
    assert found.wells["CellsChange"].tolist() == [1.0, 0.05, -1.0, 0, 0, 0, 0, 0]
    assert found.changes["Cells"].tolist() == pytest.approx([1.0, 0.05, 0, 0, 0, 0, 0])


def test_what_changed_most_comes_first(pair):
    section, relabelled = compare_counts(
        pair(tables={MANIFEST: manifest_table("P1", counts={"A01": 13, "A04": 2, "A05": 11})})
    )
    assert section.moved is True
    assert section.rows("wells")["Metadata_Well"].tolist()[:3] == ["A04", "A01", "A05"]
    # 10 % is not more than 10 %.
    assert section.rows("changed_wells")["CellsChange"].tolist() == pytest.approx([-0.8, 0.3])
    assert section.facts["wells_changed"] == 3
    assert section.facts["wells_changed_much"] == 2
    assert relabelled["Metadata_Well"].tolist() == ["A01", "A04", "A05"]
    assert "Labels of nuclei and cells are identical in 13 (81 %) of 16 good fields." in section.sentences


def test_other_labels_with_the_same_counts_are_a_change(pair):
    section, relabelled = compare_counts(pair(tables={MANIFEST: manifest_table("P1", labels="b")}))
    assert section.moved is True
    assert section.facts["wells_changed"] == 0
    assert len(relabelled) == 8


def test_a_field_that_can_be_read_now_counts_as_good(old, pair):
    bad = pair(tables={MANIFEST: manifest_table("P1", bad=["A07"])})
    section, _ = compare_counts(Pair(bad.new, open_results(old, old).old))
    assert section.facts["became_good"] == 1
    assert section.rows("fields")["ReasonOld"].tolist() == ["ER: cut short"]
    # From no cell to ten: no number of percent, and not lost among the changes.
    assert section.facts["wells_changed_much"] == 1
    assert np.isinf(section.rows("changed_wells")["CellsChange"]).all()


def test_blocks_of_two_sizes_are_refused(pair):
    both = pair()
    block = both.new.blocks("P1", "fields")[0]
    (block.parent / "A01-A02.parquet").write_bytes(block.read_bytes())
    with pytest.raises(DataError, match=r"fields that are in several blocks.*Hint: remove the tables"):
        compare_counts(pair())


def test_an_unfinished_plate_is_said(pair):
    half = manifest_table("P1").head(4)
    section, _ = compare_counts(pair(tables={MANIFEST: half}, leave_out=[MANIFESTS[1]]))
    assert section.facts["fields_only_old"] == 4
    assert "4 fields only in OLD." in section.sentences
    assert "NEW has no fields of P2." in section.sentences


def test_a_campaign_from_a_table_is_counted_by_its_profiles(tmp_path):
    path = "plates/P1/profiles/classical.wells.parquet"
    old = write_run(tmp_path / "a", leave_out=MANIFESTS)
    new = write_run(tmp_path / "b", leave_out=MANIFESTS, tables={path: wells_table("P1").assign(**{CELL_COUNT: 20})})
    section, relabelled = compare_counts(open_results(old, new))
    assert relabelled.empty
    assert section.moved is True
    assert section.facts["wells_changed_much"] == 8
    assert section.facts["cells_new"] == 240
    assert "as the well profiles have them" in section.sentences[0]
    unknown = {
        f"plates/{plate}/profiles/classical.wells.parquet": wells_table(plate).assign(**{CELL_COUNT: np.nan})
        for plate in ("P1", "P2")
    }
    new = write_run(tmp_path / "c", leave_out=MANIFESTS, tables=unknown)
    section, _ = compare_counts(open_results(old, new))
    assert section.moved is None
    assert section.sentences == ["No plate has cell counts in both runs."]
