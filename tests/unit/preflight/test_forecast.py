"""A forecast is the sum of its jobs' rates; the time until the end follows from what waits for what."""

import pytest

from platewise.preflight.capacity import Capacity, local_capacity, slurm_capacity
from platewise.preflight.dry_run import PlannedJob
from platewise.preflight.forecast import Cost, forecast, wall_seconds
from platewise.preflight.measured import measure_rates, measured_jobs, walk
from platewise.preflight.rates import Rate, read_rates
from platewise.preflight.work import Work, Workload, finished_work

WORK = Workload(
    {"P1": {"A": Work(wells=2, fields=4, area=8, megapixels=16, cells=100, blocks=1)}, "P2": {"A": Work(wells=3)}},
    {"P1": Work(plates=1), "P2": Work(plates=1)},
    {"deep": Work(training=5)},
)


def job(rule, *, threads=1, inputs=(), outputs=("x",), gpu=None, **wildcards):
    return PlannedJob(rule, wildcards, threads, {} if gpu is None else {"gpu": gpu}, tuple(inputs), tuple(outputs))


def table(*rates):
    return {
        (name, quantity): Rate(name, quantity, unit, per_job, per_unit, 1, 1e9)
        for name, quantity, unit, per_job, per_unit in rates
    }


RATES = table(
    ("measure_block", "seconds", "cells", 2, 0.5),
    ("measure_block", "cpu", "cells", 1, 0.25),
    ("measure_block", "bytes", "cells", 1000, 10),
    ("measure_block", "files", "job", 1, 0),
    ("segment_block", "seconds", "megapixels", 0, 1),
    ("segment_block", "cpu", "megapixels", 0, 1),
    ("labels", "files", "fields", 0, 8),
    ("stored_images", "files", "fields", 0, 6),
    ("train_embedding", "seconds", "training", 0, 60),
    ("train_embedding", "cpu", "training", 0, 60),
    ("normalise_plates", "seconds", "wells", 1, 1),
    ("normalise_plates", "cpu", "wells", 1, 1),
    ("normalise_plates", "files", "job", 1, 0),
    ("normalise_plates:learned", "seconds", "wells", 0, 0.1),
    ("normalise_plates:learned", "cpu", "wells", 0, 0.1),
    ("slurm_start", "seconds", "job", 12, 0),
)


def test_a_blocks_job():
    made = forecast([job("measure_block", plate="P1", block="A")], WORK, RATES, ())
    # The table, the log and the benchmark.
    assert made.total == Cost(seconds=52, cpu=26, bytes=2000, files=3)
    assert (made.seconds, made.reserved, made.metadata, made.jobs) == ([52], 52, 1, 1)
    assert made.total.disk == 2000 + 3 * 2048


def test_stored_images_are_files_of_segmentation():
    jobs = [job("segment_block", plate="P1", block="A")]
    assert forecast(jobs, WORK, RATES, ()).total.files == 2 + 4 * 8
    assert forecast(jobs, WORK, RATES, (), stored_images=True).total.files == 2 + 4 * 14


def test_a_gpus_time_is_that_of_its_jobs():
    made = forecast([job("train_embedding", model="deep", gpu=1)], WORK, RATES, {"deep"})
    assert (made.total.gpu, made.total.seconds) == (300, 300)


def test_the_campaigns_jobs_leave_something_for_each_plate():
    made = forecast([job("normalise_plates", features="classical")], WORK, RATES, {"deep"})
    assert (made.total.cpu, made.total.files) == (6, 2 + 2)
    learned = forecast([job("normalise_plates", features="deep")], WORK, RATES, {"deep"})
    assert (learned.total.cpu, learned.total.files) == (pytest.approx(0.5), 2 + 2)


def test_slurm_counts_starts_threads_and_logs():
    made = forecast([job("measure_block", plate="P1", block="A", threads=2)], WORK, RATES, (), slurm=True)
    assert (made.seconds, made.reserved, made.total.files) == ([64], 128, 4)


def test_a_rule_without_rates_is_told_not_guessed():
    made = forecast([job("new_rule", plate="P1")], WORK, RATES, ())
    assert [(rule.rule, rule.measured) for rule in made.rules] == [("new_rule", False)]
    assert made.total.cpu == 0


def test_the_range_widens_beyond_what_was_measured():
    rates = {key: Rate(*key, "wells", 0, 1, 1, 2.5) for key in (("build_network", "seconds"), ("build_network", "cpu"))}
    made = forecast([job("build_network", features="classical")], WORK, rates, ())
    # 5 wells are twice what was measured: 5 s by the line, 10 s by pairs of wells.
    assert made.total.cpu == 5
    assert made.between(2) == (2.5, 20)


def chain(*seconds):
    jobs = [job("r", inputs=[f"f{number}"], outputs=[f"f{number + 1}"]) for number in range(len(seconds))]
    return jobs, list(seconds)


@pytest.mark.parametrize(
    ("jobs", "seconds", "slots", "expected"),
    [
        (*chain(1, 2, 3), 8, 6),
        ([job("r", outputs=[str(i)]) for i in range(4)], [5, 5, 5, 5], 2, 10),
        # Three at once, then one that needs them all.
        ([*(job("r", outputs=[str(i)]) for i in range(3)), job("s", inputs=["0", "1", "2"])], [1, 2, 3, 4], 3, 7),
        # What is there already is not waited for.
        ([job("r", inputs=["made before"])], [4], 1, 4),
        ([], [], 4, 0),
    ],
)
def test_when_the_last_job_ends(jobs, seconds, slots, expected):
    assert wall_seconds(jobs, seconds, local_capacity(jobs, slots)) == expected


def test_threads_take_slots():
    jobs = [job("r", outputs=["a"], threads=2), job("r", outputs=["b"], threads=2), job("r", outputs=["c"], threads=9)]
    assert wall_seconds(jobs, [3, 3, 1], local_capacity(jobs, 4)) == 4
    assert wall_seconds(jobs, [3, 3, 1], local_capacity(jobs, 2)) == 7
    # On a cluster whose partitions are not known, a job is a job.
    assert wall_seconds(jobs, [3, 3, 1], slurm_capacity(jobs, 2, {})) == 4


def test_a_gpu_job_waits_for_a_gpu_and_others_do_not():
    jobs = [job("r", outputs=[str(number)]) for number in range(8)]
    on_gpu = [(1, 1)] * 4 + [(0, 1)] * 4
    # Two at a time of four jobs of 10 s; the other four go beside them.
    assert wall_seconds(jobs, [10] * 8, Capacity((2, 100), on_gpu)) == 20
    assert wall_seconds(jobs, [10] * 8, Capacity((1, 100), on_gpu)) == 40
    assert wall_seconds(jobs, [10] * 8, Capacity((4, 4), on_gpu)) == 20


def test_a_finished_campaign_is_forecast_by_its_own_rates(finished):
    """What was measured comes out again: time and files."""
    work = finished_work(finished)
    rates = read_rates() | measure_rates([finished])
    jobs = [
        job(rule, outputs=[f"{rule}/{block}"], plate="P1", block=block)
        for rule in ("segment_block", "measure_block")
        for block in work.blocks["P1"]
    ]
    made = forecast(jobs, work, rates, ())
    took = [one for one in measured_jobs(finished, work) if one.name != "train_embedding"]
    assert made.total.cpu == pytest.approx(sum(one.cpu for one in took), rel=0.02)
    left = [path for path, _, is_folder in walk(finished / "plates/P1") if not is_folder and "inventory" not in path]
    assert made.total.files == pytest.approx(len(left) + 2 * len(jobs))
