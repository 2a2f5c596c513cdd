import pytest
from small_run import VARIANT, wells_table

from platewise.compare.results import Results, open_results
from platewise.errors import ProblemsError


def test_a_run_is_found_by_its_files(old):
    results = Results(old)
    assert results.plates == ("P1", "P2")
    assert results.features == ("classical",)
    assert results.variants == (VARIANT,)
    assert [path.name for path in results.blocks("P1", "fields")] == ["A01-A08.parquet"]


def test_folders_that_are_no_campaigns_are_all_named(tmp_path, old):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ProblemsError) as error:
        open_results(old.parent, tmp_path / "nowhere")
    text = str(error.value)
    assert f"OLD, {old.parent}: found a folder without results; expected the results of a campaign" in text
    assert f"Hint: give one of the campaigns in it, such as {old}" in text
    assert f"NEW, {tmp_path / 'nowhere'}: found nothing there" in text
    with pytest.raises(ProblemsError, match=r"1 problem.*\n.*empty.*run it first"):
        open_results(old, tmp_path / "empty")
    with pytest.raises(ProblemsError, match="found a file"):
        open_results(old / "plates/P1/fields/A01-A08.parquet", old)


def test_what_only_one_run_has_is_said(pair):
    found = pair(tables={"plates/P1/profiles/deep.wells.parquet": wells_table("P1")})
    assert found.lacking("features") == ["Only NEW has features deep."]
    assert found.shared("features") == ["classical"]
