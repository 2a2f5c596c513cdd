import json
import math

import pytest
from small_run import (
    PLATES,
    consensus_table,
    edges_table,
    label_image,
    manifest_table,
    scores_table,
    wells_table,
    write_run,
    write_store,
)
from typer.testing import CliRunner

from platewise.cli import app
from platewise.compare.campaigns import compare_campaigns, write_json
from platewise.compare.page import write_comparison
from platewise.compare.summary import summary_lines
from platewise.errors import DataError

FILES = [
    *(f"plates/{plate}/fields/A01-A08.parquet" for plate in PLATES),
    *(f"plates/{plate}/profiles/classical.wells.parquet" for plate in PLATES),
    "campaign/profiles/classical.none.parquet",
    "campaign/profiles/classical.none.consensus.parquet",
    "campaign/network/classical.none/edges.parquet",
    "campaign/network/classical.none/nodes.parquet",
    "campaign/evaluation/classical.none.scores.parquet",
    "campaign/evaluation/classical.none.batches.parquet",
]


@pytest.fixture
def changed(tmp_path, old):
    """NEW with other labels in one well, a moved feature, a turned treatment, another edge and a lower score."""
    labels = write_store(old, "P1", {"A01": label_image()})["A01"]
    manifest = manifest_table("P1")
    manifest.loc[0, ["NucleiHash", "CellsHash"]] = labels
    manifest.to_parquet(old / FILES[0])
    counted = manifest_table("P1", counts={"A01": 13})
    wells = wells_table("P1")
    wells["Cells_AreaShape_Area"] *= -1
    new = write_run(
        tmp_path / "results" / "mine_v2",
        nucleus=30.0,
        tables={
            FILES[0]: counted,
            FILES[2]: wells,
            FILES[5]: consensus_table(((3, 0, 0), (3, 1, 0), (0, 3, 0))),
            FILES[6]: edges_table([("X", "Z", 0.8, 0.01, False)]),
            FILES[8]: scores_table(0.4, 0.3, 0.5),
        },
    )
    write_store(new, "P1", {"A01": label_image(5)})
    return new


def test_a_run_compared_with_itself_has_not_moved(old):
    comparison = compare_campaigns(old, old)
    assert comparison.headline == (
        "Nothing moved. The same: design, fields and cells, features, profiles, hits, network, scores."
    )
    assert not any(section.moved for section in comparison.sections)
    text = "\n".join(summary_lines(comparison))
    assert "moved most" not in text


def test_runs_without_a_plate_in_common_say_so_first(tmp_path, old):
    new = write_run(tmp_path / "results" / "new")
    for plate in PLATES:
        (new / "plates" / plate).rename(new / "plates" / f"other_{plate}")
    comparison = compare_campaigns(old, new)
    assert comparison.headline.startswith("These runs share no plate. ")
    assert comparison.section("layout").sentences[0] == "These runs share no plate."


def test_what_moved_is_said_in_all_parts(old, changed):
    comparison = compare_campaigns(old, changed)
    assert comparison.headline == (
        "Moved: fields and cells, labels, features, profiles, network, scores. The same: design, hits."
    )
    text = "\n".join(summary_lines(comparison))
    assert "segment.parameters.nuclei.nucleus_diameter  parameter  32.0  30.0" in text
    assert "1 of 16 wells by more than 10 %" in text
    assert "is 0.500 for nuclei and 0.500 for cells (mean of 1 of 1 field" in " ".join(text.split())
    assert "0 connections kept, 1 lost, 1 new (Jaccard 0.000)" in text
    assert "MOA mAP  classical  none        0.800  0.400  worse" in text
    assert len(text.splitlines()) < 100


@pytest.mark.parametrize("missing", [[name] for name in FILES] + [FILES[:2], FILES[2:4], FILES[4:], FILES[:9]])
@pytest.mark.parametrize("side", ["OLD", "NEW"])
def test_what_is_missing_is_said_and_never_stops(tmp_path, old, missing, side):
    half = write_run(tmp_path / "results" / "half", leave_out=missing)
    comparison = compare_campaigns(*((half, old) if side == "OLD" else (old, half)))
    words = [sentence for section in comparison.sections for sentence in section.sentences]
    lacking = ("No ", "no ", "Only ", "only in", "Without", "has no")
    # A plate without level 3 is left out of what is compared there; the number of wells says so.
    assert any(word in sentence for word in lacking for sentence in words if "no report" not in sentence)
    assert list(summary_lines(comparison))
    write_json(comparison, tmp_path / "all.json")
    if side == "NEW":
        write_comparison(comparison, tmp_path / "page.html")


def test_json_holds_all_lists_and_nothing_that_is_no_json(tmp_path, old, changed):
    comparison = compare_campaigns(old, changed)
    write_json(comparison, tmp_path / "all.json")
    found = json.loads((tmp_path / "all.json").read_text(), parse_constant=pytest.fail)
    assert found["headline"] == comparison.headline
    counts = found["sections"]["counts"]
    assert counts["facts"]["wells_changed"] == 1
    assert counts["lists"]["wells"][0]["CellsChange"] == pytest.approx(0.3)
    rows = found["sections"]["scores"]["lists"]["scores"]
    assert rows[2]["Old"] is None
    assert math.isclose(rows[0]["Difference"], -0.4)
    assert len(found["sections"]["features"]["lists"]["classical_moved"]) == 3


def test_a_damaged_table_is_an_error_that_names_it(old, changed):
    path = changed / FILES[4]
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r"classical\.none\.parquet: cannot be read as Parquet .* Hint: "):
        compare_campaigns(old, changed)


def test_the_command_prints_and_writes(tmp_path, old, changed):
    page, data = tmp_path / "out" / "page.html", tmp_path / "out" / "all.json"
    before = {path: path.stat().st_mtime_ns for path in [*old.rglob("*"), *changed.rglob("*")]}
    result = CliRunner().invoke(app, ["compare", str(old), str(changed), "--html", str(page), "--json", str(data)])
    assert result.exit_code == 0, result.output
    assert result.output.startswith(f"OLD {old}\nNEW {changed}\n")
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert json.loads(data.read_text())["old"] == str(old)
    assert before == {path: path.stat().st_mtime_ns for path in [*old.rglob("*"), *changed.rglob("*")]}


def test_the_page_shows_everything_and_escapes_names(tmp_path, old):
    hostile = '<img src=x onerror="alert(1)">'
    tables = {FILES[6]: edges_table([("X", hostile, 0.8, 0.01, False)]), FILES[0]: manifest_table("P1", {"A01": 13})}
    new = write_run(tmp_path / "results" / "new", tables=tables)
    write_comparison(compare_campaigns(old, new), tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert hostile not in page
    assert "&lt;img src=x onerror=&#34;alert(1)&#34;&gt;" in page
    assert 'id="table-network-classical.none.edges"' in page
    assert 'id="figure-counts"' in page
    assert 'id="figure-features-0"' in page
    assert 'id="figure-scores"' in page
    figures = json.loads(page.split('id="figures">')[1].split("</script>")[0])
    assert set(figures) == {"figure-counts", "figure-features-0", "figure-scores"}
    wells = figures["figure-counts"]["data"][1:]
    assert sum(len(trace["x"]) for trace in wells) == 16
    assert sorted(y for trace in wells for y in trace["y"])[-1] == 13


def test_long_lists_are_cut_on_the_page_only(tmp_path, old, monkeypatch):
    monkeypatch.setattr("platewise.compare.page._MOST_ROWS", 4)
    write_comparison(compare_campaigns(old, old), tmp_path / "page.html")
    assert "12 more with --json" in (tmp_path / "page.html").read_text()
