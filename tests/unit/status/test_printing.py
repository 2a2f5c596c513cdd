"""What a person and a script read."""

import re
from collections import Counter
from pathlib import Path

import pytest

from platewise.plan.jobs import Job
from platewise.status.campaign import CampaignStatus
from platewise.status.failures import Failure
from platewise.status.fields import BadField, FieldCount
from platewise.status.forecast import Forecast
from platewise.status.printing import status_json, status_lines
from platewise.status.work import Work

SEGMENT = Job("segment_block", "segment", "P1", "A01-A02", ("P1", "A01-A02"), (), (), (), "s.log", "")
MEASURE = Job("measure_block", "measure", "P1", "A01-A02", ("P1", "A01-A02"), (), (), (), "m.log", "")


FINISHED = (
    "End: finished as far as the files tell; whether a changed config or version makes anything again: "
    "platewise run --dry-run"
)


def make_status(**changes):
    dark = [BadField("P1", "A01", site, "dark") for site in (1, 2, 3, 4)]
    bad = (*dark, BadField("P1", "A02", 1, "missing"))
    values = {
        "name": "test",
        "folder": Path("results/test"),
        "plates": ["P1"],
        "order": (["segment", "measure", "crops"], ["normalise"]),
        "stages": {
            ("P1", "segment"): Counter(done=3, running=1, queued=2),
            ("P1", "measure"): Counter(done=2, failed=1, stopped=1, waiting=2),
            ("", "normalise"): Counter(waiting=1),
        },
        "fields": {"P1": FieldCount(60, 35, bad, ("manifest x cannot be read",))},
        "failures": [
            Failure(MEASURE, True, "DataError: the label is gone", "m.log", "slurm_logs/7.log"),
            Failure(SEGMENT, False, "JOB 7 CANCELLED", "", "slurm_logs/8.log"),
        ],
        "held": 3,
        "again": Counter(),
        "work": Work({SEGMENT: 61.24}, frozenset(), 1000.0, "a note"),
        "forecast": Forecast(600.0, 7200.0, 5, ("normalise",), "from 9 finished jobs and 2 at a time"),
        "total": Counter(done=5, running=1, queued=2, failed=1, stopped=1, waiting=3),
    }
    return CampaignStatus(**values | changes)


def test_a_person_reads():
    lines = list(status_lines(make_status()))
    end = lines.pop()
    assert "\n".join(lines) == (
        "test in results/test: 5 of 13 jobs done, 1 running, 2 queued, 1 failed, 1 stopped, 3 waiting\n"
        "\n"
        "plate  segment         measure    crops\n"
        "P1     35/60 1r 2q 5b  2/6 1f 1s  -\n"
        "\n"
        "campaign  normalise\n"
        "          0/1\n"
        "\n"
        "segment counts fields, the rest jobs; r running; q in the queue; f failed; s stopped; b bad fields\n"
        "\nNote: a note\n"
        "\nDamaged: manifest x cannot be read\n"
        "  `platewise verify CONFIG` finds all that is damaged and removes it\n"
        "\n5 bad field(s), left out of everything that follows:\n"
        "  4 x dark: P1 A01 field 1, P1 A01 field 2, P1 A01 field 3, and 1 more\n"
        "  1 x missing: P1 A02 field 1\n"
        "\n1 job(s) failed:\n"
        "  measure_block P1 A01-A02: DataError: the label is gone\n"
        "    log: m.log, slurm_logs/7.log\n"
        "\n1 job(s) stopped:\n"
        "  segment_block P1 A01-A02: JOB 7 CANCELLED\n"
        "    log: slurm_logs/8.log\n"
        "\n3 job(s) wait for those; the same command that started the run tries them again\n"
    )
    assert re.fullmatch(
        r"End: 5 job\(s\) take another 10 min to 2 h 0 min \(\w{3} \d\d:\d\d to \w{3} \d\d:\d\d\), from 9 finished "
        r"jobs and 2 at a time; then normalise, of which no job has finished yet, so the end cannot be said",
        end,
    )


@pytest.mark.parametrize(
    ("total", "forecast", "end"),
    [
        (Counter(done=5), Forecast(0, 0, 0, (), ""), FINISHED),
        (Counter(done=5, gone=1), Forecast(0, 0, 0, (), ""), FINISHED),
        (
            Counter(failed=1, waiting=1),
            Forecast(0, 0, 0, (), ""),
            "End: nothing else can be done until what failed is put right",
        ),
        (Counter(waiting=1), Forecast(None, None, 0, ("x",), "no x yet"), "End: cannot be said yet: no x yet"),
    ],
)
def test_the_end(total, forecast, end):
    assert list(status_lines(make_status(total=total, forecast=forecast)))[-1] == end


IDLE = Work({}, frozenset(), None)


@pytest.mark.parametrize(
    ("work", "end"),
    [
        (IDLE, "; start `platewise run`"),
        (Work({}, frozenset(), 1000.0), ""),
        (Work({}, frozenset(), None, "SLURM jobs cannot be seen"), ""),
        (Work({}, frozenset({SEGMENT}), None), ""),
    ],
)
def test_a_run_is_to_be_started_only_where_nothing_is_at_work(work, end):
    status = make_status(work=work, forecast=Forecast(None, None, 1, (), "nothing is at work"))
    assert list(status_lines(status))[-1] == f"End: cannot be said yet: nothing is at work{end}"


def test_a_range_whose_ends_read_alike_is_said_once():
    (end,) = list(status_lines(make_status(forecast=Forecast(180.0, 180.0, 5, (), "from 9"))))[-1:]
    assert re.fullmatch(r"End: 5 job\(s\) take another 3 min \(\w{3} \d\d:\d\d\), from 9", end)


def test_a_campaign_that_never_began_is_one_line():
    fields = {"P1": FieldCount(None, 0, (), ())}
    waiting = {"total": Counter(waiting=90), "fields": fields, "failures": []}
    first = "test in results/test: nothing has run yet; `platewise preflight CONFIG` forecasts"
    assert list(status_lines(make_status(**waiting, work=IDLE))) == [first]
    assert list(status_lines(make_status(**waiting))) == [first, "\nNote: a note"]
    again = make_status(**waiting, again=Counter({"sheet.tsv is newer": 90}))
    assert next(status_lines(again)) == "test in results/test: 0 of 90 jobs done, 90 waiting"
    begun = make_status(**waiting | {"fields": {"P1": FieldCount(None, 1, (), ())}})
    assert next(status_lines(begun)) == "test in results/test: 0 of 90 jobs done, 90 waiting"


def test_what_is_made_again_is_said_with_its_reason():
    again = Counter({f"{name} is newer": jobs for name, jobs in zip("abcde", (1, 40, 3, 2, 2), strict=True)})
    lines = [line for line in status_lines(make_status(again=again)) if "to be made again" in line]
    assert lines == [
        "40 job(s) were done and are to be made again: b is newer",
        "3 job(s) were done and are to be made again: c is newer",
        "2 job(s) were done and are to be made again: d is newer",
        "3 more were done and are to be made again, for 2 more such reasons",
    ]
    assert status_json(make_status(again=again))["made_again"]["b is newer"] == 40


def many_plates(finished, at_work, **changes):
    names = [f"P{number}" for number in range(finished + at_work)]
    stages = {(name, "segment"): Counter(done=2, waiting=2 * (number >= finished)) for number, name in enumerate(names)}
    stages[names[0], "measure"] = Counter(done=2, gone=1)
    fields = dict.fromkeys(names, FieldCount(8, 8, (), ())) | changes
    return make_status(plates=names, stages={("", "normalise"): Counter(waiting=1)} | stages, fields=fields)


def plate_rows(status):
    return [line for line in status_lines(status) if re.match(r"P\d|\d+ plates", line)]


def test_finished_plates_of_many_share_a_line():
    """One that is done but damaged keeps its own."""
    rows = plate_rows(many_plates(29, 2, P5=FieldCount(8, 8, (), ("x",))))
    assert [row.split()[0] for row in rows[:-1]] == ["P5", "P29", "P30"]
    assert rows[-1] == "28 plates: all done"
    assert len(plate_rows(many_plates(28, 2))) == 30
    assert plate_rows(many_plates(31, 0)) == ["31 plates: all done"]


def test_a_table_that_is_wider_than_the_terminal_goes_on_below():
    stages = ["inventory", "illumination", "segment", "reference"]
    counts = {("P1", stage): Counter(done=1) for stage in stages} | {("", "normalise"): Counter(waiting=1)}
    status = make_status(order=(stages, ["normalise"]), stages=counts, fields={"P1": FieldCount(6, 6, (), ())})
    whole = list(status_lines(status))
    assert whole[2:4] == ["plate  invent  illum  segment  ref", "P1     1/1     1/1    6/6      1/1"]
    assert list(status_lines(status, 34)) == whole
    assert list(status_lines(status, 33))[2:7] == [
        "plate  invent  illum  segment",
        "P1     1/1     1/1    6/6",
        "",
        "plate  ref",
        "P1     1/1",
    ]
    # A column at least, however narrow the terminal is.
    assert list(status_lines(status, 1))[2:6] == ["plate  invent", "P1     1/1", "", "plate  illum"]


def test_many_failures_are_cut():
    failures = [Failure(MEASURE, True, "x", "m.log", "")] * 14
    lines = list(status_lines(make_status(failures=failures)))
    assert "\n14 job(s) failed:" in lines
    assert "  and 4 more; --json lists all" in lines
    assert len(status_json(make_status(failures=failures))["failures"]) == 14


def test_fields_of_an_unknown_number():
    status = make_status(fields={"P1": FieldCount(None, 0, (), ())})
    assert list(status_lines(status))[3].split()[:2] == ["P1", "0/?"]


def test_a_script_reads():
    found = status_json(make_status())
    assert found["jobs"] == {"done": 5, "running": 1, "queued": 2, "failed": 1, "stopped": 1, "waiting": 3, "gone": 0}
    assert found["plates"]["P1"]["stages"]["measure"]["failed"] == 1
    assert "crops" not in found["plates"]["P1"]["stages"]
    assert found["plates"]["P1"]["fields"]["bad"][-1] == {"well": "A02", "site": 1, "reason": "missing"}
    assert found["running"] == [{"job": "segment_block P1 A01-A02", "seconds": 61.2}]
    assert found["failures"][1]["state"] == "stopped"
    assert (found["forecast"]["low_s"], found["forecast"]["high_s"]) == (600.0, 7200.0)
