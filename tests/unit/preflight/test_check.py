"""The parts of a preflight: lines and findings."""

import pandas as pd
import pytest

from platewise.errors import PlatewiseError
from platewise.plan.campaign import load_campaign
from platewise.preflight import check
from platewise.preflight.dry_run import DryRun, PlannedJob
from platewise.preflight.images import PlateImages
from platewise.preflight.rates import read_rates
from platewise.preflight.site import Node, Partition
from platewise.preflight.space import Room


@pytest.fixture
def from_table(tmp_path):
    rows = {
        "Metadata_Plate": ["P1", "P1", "P2"],
        "Metadata_Well": ["A01", "A02", "A01"],
        "Metadata_Perturbation": ["DMSO", "x", "DMSO"],
        "Cells_A": [1.0, 2.0, 3.0],
        "Cells_B": [None, None, None],
    }
    path = tmp_path / "wells.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    raw = {"campaign": "t", "table": {"paths": [str(path)], "negcon": ["DMSO"]}}
    return path, load_campaign(raw)


def test_a_table_is_read_to_its_end(from_table):
    _, campaign = from_table
    part, work = check.table_part(campaign)
    assert part.lines == ["3 wells with 2 features; 0 rows would be dropped"]
    assert [str(finding.problem).partition(";")[0] for finding in part.findings] == [
        "table: found 1 features without a value: Cells_B"
    ]
    assert (work.of("P1").wells, work.total.wells) == (2, 3)


def test_a_broken_table_stops(from_table):
    path, campaign = from_table
    text = path.read_text().splitlines()
    path.write_text("\n".join([*text, text[1]]) + "\n")
    part, _ = check.table_part(campaign)
    (finding,) = part.findings
    assert finding.stops
    assert "plate P1, well A01 a second time" in str(finding)


def test_plates_of_different_sizes():
    plates = [PlateImages("P1", {"A": 1}, 1, {}, 540, 540), PlateImages("P2", {"A": 1}, 1, {}, 1080, 1080)]
    (finding,) = check.image_part(plates).findings
    assert "540 x 540, 1080 x 1080" in str(finding)
    assert check.image_part(plates[:1]).lines[1].split() == ["P1", "1", "1", "0", "540", "x", "540"]


def test_rates_of_no_campaign(tmp_path):
    with pytest.raises(PlatewiseError, match=r"found no folder `benchmarks`; .* Hint: name a folder such as"):
        check.known_rates(tmp_path)


def test_rates_of_a_campaign_of_ones_own(finished):
    known = check.known_rates(finished)
    assert known.rates["measure_block", "seconds"].per_unit == pytest.approx(0.01)
    # What it did not have is taken from the shipped ones.
    assert known.rates["crop_block", "cpu"] == read_rates()["crop_block", "cpu"]
    assert (known.factor, known.gpu) == (1.5, False)
    model = finished / "campaign/embedding/deep/model.json"
    model.write_text(model.read_text().replace('"cpu"', '"cuda:0"'))
    assert check.known_rates(finished).gpu


def run_of(*jobs, **settings):
    return DryRun(list(jobs), settings)


JOB = PlannedJob("measure_block", {"plate": "P1", "block": "A01-A03"}, 1, {}, (), ("cells.parquet",))


def made_of(campaign, run, slots=2, offered=None):
    known = check.known_rates(None)
    plates = [PlateImages(name, {"A01-A03": 4, "B01-B03": 4}, 1, {}, 1000, 1000) for name in campaign.plates]
    work = check.image_workload(campaign, plates, known.rates)
    return check.forecast_part(campaign, run, work, known, slots, offered)


def test_a_forecast_says_how_sure_it_is(campaign):
    part, made = made_of(campaign, run_of(JOB))
    text = "\n".join(part.lines)
    assert made.jobs == 1
    assert "measure_block     1" in text
    assert "right within a factor of 2" in text
    assert "2 threads at once" in text
    assert "CPU-hours: " in text


def test_a_forecast_knows_how_many_gpus_are_up(campaign):
    nodes = (Node("g1", True, 8, 1, {"": 2}), Node("g2", False, 8, 1, {"": 2}))
    resources = {"slurm_partition": "gpu", "gpu": 1}
    jobs = [PlannedJob("measure_block", JOB.wildcards, 1, resources, (), (str(number),)) for number in range(8)]
    part, made = made_of(campaign, run_of(*jobs), 100, {"gpu": Partition("gpu", True, None, nodes)})
    noticed = 20
    # Eight jobs alike, two at a time.
    alone = check.duration(4 * (made.seconds[0] + noticed))
    assert f"GPUs that are up: 2; the 8 GPU jobs alone take {alone}" in part.lines
    (until,) = (line for line in part.lines if line.startswith("until the end: "))
    assert until.startswith(f"until the end: {alone} (")
    assert until.endswith("100 jobs at once, on the 8 CPUs that are up, if no other jobs are in the queue")
    assert not any("GPUs that are up" in line for line in made_of(campaign, run_of(JOB), 100, {})[0].lines)


def test_nothing_left_to_do(campaign):
    part, made = made_of(campaign, run_of())
    assert part.lines == ["nothing is left to do"]
    assert made.total.disk == 0


def test_no_image_no_forecast(campaign):
    assert check.image_workload(campaign, [PlateImages("P1")], read_rates()) is None


def test_space_and_scratch(campaign, monkeypatch):
    job = PlannedJob("measure_block", JOB.wildcards, 1, {"scratch": "$TMPDIR"}, (), ("cells.parquet",))
    _, made = made_of(campaign, run_of(job))
    monkeypatch.setattr(check, "file_system_room", lambda folder: Room("the file system of here", 1000.0, 5.0))
    monkeypatch.setattr(check, "quota_room", lambda folder: None)
    part = check.space_part(campaign, run_of(job), made, 2.0)
    assert part.lines == [
        "the file system of here: 1 kB and 5 files left",
        "scratch $TMPDIR: known on the node only, not checked from here",
    ]
    assert [finding.stops for finding in part.findings] == [True, False]


def test_findings_are_counted(campaign):
    parts = [
        check.Part("a", [], [check.error("p", "f", "e", "r")] * 2),
        check.Part("b", [], [check.warning("p", "f", "e", "r")]),
    ]
    assert check.summary(parts) == {True: 2, False: 1}
    assert str(parts[0].findings[0]) == "ERROR: p: found f; expected e. Hint: r"
    assert str(parts[1].findings[0]).startswith("warning: ")
