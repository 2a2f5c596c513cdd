"""The forecast is arithmetic on what jobs took: known truth, and no word where nothing was measured."""

import pytest

from platewise.plan.jobs import Job
from platewise.status.forecast import Pace, duration, forecast, kind, pace_of, span


def job(stage, number, inputs=(), plate="P1"):
    return Job(stage, stage, plate, str(number), (), tuple(inputs), (), (f"{stage}{number}",), "", "")


SEGMENT = [job("segment", number) for number in range(8)]
MEASURE = [job("measure", number, [f"segment{number}"]) for number in range(8)]
REPORT = job("report", 0, [f"measure{number}" for number in range(8)], plate="")


def test_equal_jobs_side_by_side():
    """8 x 100 s then 8 x 50 s, four at a time: 300 s at least; the longest chain, 150 s, more at most."""
    seconds = {kind(SEGMENT[0]): [100.0] * 5, kind(MEASURE[0]): [50.0] * 5}
    found = forecast([*SEGMENT, *MEASURE], seconds, {}, Pace(4, None))
    assert (found.low_s, found.high_s, found.jobs, found.unknown) == (300.0, 450.0, 16, ())


def test_the_longest_chain_is_the_least():
    seconds = {kind(SEGMENT[0]): [100.0], kind(MEASURE[0]): [50.0]}
    found = forecast([SEGMENT[0], MEASURE[0]], seconds, {}, Pace(50, None))
    assert (found.low_s, found.high_s) == (150.0, 153.0)


def test_quartiles_and_both_paces_make_the_range_wider():
    seconds = {kind(SEGMENT[0]): [60.0, 100.0, 100.0, 140.0, 100.0]}
    found = forecast(SEGMENT, seconds, {}, Pace(4, 2.0))
    assert (found.low_s, found.high_s) == (200.0, 8 * 100 / 2 + 100)
    spread = forecast(SEGMENT, {kind(SEGMENT[0]): [50.0, 50.0, 150.0, 150.0]}, {}, Pace(4, 2.0))
    assert (spread.low_s, spread.high_s) == (8 * 50 / 4, 8 * 150 / 2 + 150)


def test_a_running_job_has_some_behind_it():
    seconds = {kind(SEGMENT[0]): [100.0]}
    found = forecast(SEGMENT[:1], seconds, {SEGMENT[0]: 70.0}, Pace(1, None))
    assert (found.low_s, found.high_s) == (30.0, 60.0)


def test_a_stage_that_has_not_finished_a_job_is_named_and_left_out():
    found = forecast([*SEGMENT, REPORT], {kind(SEGMENT[0]): [100.0]}, {}, Pace(8, None))
    assert (found.low_s, found.high_s, found.jobs, found.unknown) == (100.0, 200.0, 8, ("report",))


def test_nothing_is_said_without_a_measure():
    found = forecast([*SEGMENT, REPORT], {}, {}, Pace(2, None))
    assert (found.low_s, found.high_s) == (None, None)
    assert found.reason == "no job of segment, report has finished yet"


def test_nothing_is_said_when_nothing_is_at_work():
    found = forecast(SEGMENT, {kind(SEGMENT[0]): [1800.0]}, {}, Pace(0, None))
    assert found.low_s is None
    assert found.reason == ("nothing is at work; 8 job(s) of stages already measured are left, 4 h 0 min one by one")


def test_a_finished_campaign_takes_no_time():
    assert forecast([], {}, {}, Pace(0, None)).high_s == 0


def test_a_plates_page_is_no_measure_of_the_campaigns():
    page = Job("report_plate", "report", "P1", "", (), (), (), (), "", "")
    assert kind(page) != kind(REPORT)


def test_pace_is_the_work_of_this_run_over_its_time():
    """Two jobs of 50 s and one that has run 100 s, in 100 s; what an earlier run finished does not count."""
    finished = [(1050.0, 50.0), (1090.0, 50.0), (900.0, 500.0)]
    assert pace_of(finished, [100.0], 1000.0, 1100.0) == Pace(1, 2.0)
    assert pace_of(finished, [300.0], 1000.0, 1100.0) == Pace(1, 2.0)
    assert pace_of(finished, [5.0], None, 1100.0) == Pace(1, None)
    assert pace_of([], [], 1000.0, 1100.0) == Pace(0, None)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(40, "40 s"), (89, "89 s"), (150, "2 min"), (720, "12 min"), (12000, "3 h 20 min"), (187200, "2 d 4 h")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_a_range_whose_ends_read_alike_is_one_value():
    assert span(duration(150), duration(160)) == "2 min to 3 min"
    assert span(duration(170), duration(190)) == "3 min"
