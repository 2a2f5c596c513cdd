"""Asked beside used: known jobs, known figures, known better numbers."""

from collections import Counter
from dataclasses import replace

import pytest
import yaml
from typer.testing import CliRunner

from platewise.cli import app
from platewise.cluster import accounting
from platewise.cluster.accounting import Attempt
from platewise.cluster.benchmarks import Benchmark
from platewise.cluster.queue import QueueError
from platewise.cluster.resources import (
    Better,
    Measured,
    RuleUse,
    measure_job,
    measure_rules,
    profile_lines,
    quantile,
    read_profile,
    suggest,
    table_lines,
)
from platewise.errors import DataError, PlatewiseError
from platewise.plan.jobs import Job

BENCHMARK = Benchmark(elapsed_s=100, memory_mb=600, cpu_s=150, asked_mb=2000, asked_min=60, threads=2, gpus=0)
DONE = Attempt("a", "", "run", 1, "COMPLETED", 900, 2000, 130, 60, cpu_s=130, cpus=2, gpus=0)
JOB = Measured(2000, 60, 2, 0, False, 1000, 600, 900, 1200, True, True, False, Counter(COMPLETED=1))


def use(*jobs):
    return RuleUse("a", len(jobs), jobs)


def job(rule, *wildcards, folder):
    path = f"{folder}/{rule}/{'/'.join(wildcards)}.tsv"
    return Job(rule, rule, "", "", wildcards, (), (), ("out",), "log", path)


def test_a_job_known_by_its_benchmark():
    found = measure_job(BENCHMARK, [])
    # The two Snakemakes around a script on SLURM are not in its benchmark.
    assert (found.memory_mb, found.elapsed_s) == (1000, 120)
    assert (found.asked_mb, found.asked_min, found.threads, found.gpus) == (2000, 60, 2, 0)
    assert found.cores == 1.5


def test_a_job_known_by_accounting():
    found = measure_job(None, [DONE])
    assert (found.memory_mb, found.elapsed_s, found.cores) == (900, 130, 1.0)
    assert (found.benchmarked, found.retried) == (False, False)


def test_the_higher_of_two_measurements_counts():
    found = measure_job(BENCHMARK, [DONE])
    assert (found.memory_mb, found.elapsed_s) == (1000, 130)
    # Accounting counts all CPU time; the benchmark's ends with its last look.
    assert found.cores == 1.0


def test_a_job_that_ran_out_of_memory():
    first = replace(DONE, state="OUT_OF_MEMORY", memory_mb=1500, elapsed_s=5)
    second = replace(DONE, number=2, memory_mb=3100, asked_mb=4000, asked_min=120)
    found = measure_job(None, [first, second])
    assert (found.memory_mb, found.asked_mb, found.asked_min, found.retried) == (3100, 2000, 60, True)
    # Without the second try it is known only that it needs more than it was given.
    assert measure_job(None, [first]).memory_mb == 2000
    assert measure_job(None, [first]).elapsed_s is None


def test_a_job_that_ran_out_of_time():
    found = measure_job(None, [replace(DONE, state="TIMEOUT", elapsed_s=3601, memory_mb=50)])
    assert (found.elapsed_s, found.memory_mb, found.ends["TIMEOUT"]) == (3601, None, 1)


def test_tries_without_a_number_are_counted_by_run():
    first = replace(DONE, number=0, state="FAILED")
    assert measure_job(None, [first, replace(first, state="COMPLETED")]).retried
    # Made again later, by another run: no second try.
    assert not measure_job(None, [first, replace(first, run="later")]).retried


def test_jobs_are_joined_by_rule_and_wildcards(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "P1.tsv").write_text(
        "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
        "7.10\t0:00:07\t279\t1\t1\t1\t0\t0\t80\t6.21\n"
    )
    planned = [job("b", "P1", folder=tmp_path), job("b", "P2", folder=tmp_path), job("c", folder=tmp_path)]
    attempts = [replace(DONE, rule="b", wildcards=name) for name in ("P1", "P9")]
    first, second = measure_rules(planned, attempts)
    assert (first.rule, first.planned, len(first.jobs)) == ("b", 2, 1)
    assert (first.jobs[0].memory_mb, first.jobs[0].benchmarked, first.jobs[0].accounted) == (900, True, True)
    assert (second.rule, second.jobs) == ("c", ())


def test_quantile():
    assert quantile([3, 1, 2]) == 3
    assert quantile(range(1, 101)) == 98


@pytest.mark.parametrize(
    ("jobs", "better"),
    [
        # 1000 MB and 10 minutes, times 1.25 and 2; 1.5 cores busy.
        ([JOB] * 5, Better(1300, 20, 2)),
        # Half as much again: fewer than five jobs.
        ([JOB] * 4, Better(1900, 30, 2)),
        # One of a hundred needs more: its second try asks for twice as much.
        ([*[JOB] * 99, replace(JOB, memory_mb=2400, elapsed_s=2300)], Better(1300, 20, 2)),
        ([*[JOB] * 97, *[replace(JOB, memory_mb=2400)] * 3], Better(3000, 20, 2)),
        # Never below the floor.
        ([replace(JOB, memory_mb=50, elapsed_s=1)] * 5, Better(600, 10, 2)),
        # 1.2 cores are one; 5 cores busy of 2 given are still 2.
        ([replace(JOB, cpu_s=720)] * 5, Better(1300, 20, 1)),
        ([replace(JOB, cpu_s=3000)] * 5, Better(1300, 20, 2)),
        # What is not known is not suggested.
        ([replace(JOB, elapsed_s=None, cpu_s=None)] * 5, Better(1300, None, None)),
    ],
)
def test_suggest(jobs, better):
    assert suggest(use(*jobs)) == better


def test_memory_never_seen_is_uncertain():
    found = use(*[replace(JOB, memory_mb=None, benchmarked=False)] * 5)
    assert found.doubts == ["no benchmark", "memory never seen"]
    assert suggest(found) == Better(None, 30, 2)


def test_a_gpu_that_was_asked_for_and_never_seen():
    asked = measure_job(replace(BENCHMARK, gpus=1), [])
    assert use(*[asked] * 5).doubts == ["never seen on a GPU"]
    # What the libraries of the GPU hold is not in these figures.
    assert suggest(use(*[asked] * 5)).mem_mb is None
    seen = measure_job(replace(BENCHMARK, gpus=1), [replace(DONE, gpus=1)])
    assert suggest(use(*[seen] * 5)).mem_mb == 1300


def test_table():
    retried = replace(
        JOB, retried=True, ends=Counter(COMPLETED=1, OUT_OF_MEMORY=1, TIMEOUT=2, FAILED=3), gpus=1, on_gpu=True
    )
    unknown = Measured(None, None, None, None, False, 500, 60, None, None, True, False, False, Counter())
    lines = table_lines(
        [use(*[JOB] * 4, retried), RuleUse("bb", 3, (unknown,)), RuleUse("c", 7, ())],
    )
    assert [" ".join(line.split()) for line in lines[1:]] == [
        "rule all retried memory time other asked median most better asked median most better asked used better GPUs",
        "a 5 of 5 1 1 2 3 2000 1000 1000 1300 60 10.0 10.0 20 2 75% 2 1",
        "bb 1 of 3 - - - - - 500 500 1000 - 1.0 1.0 10 - - - -",
        "c 0 of 7",
    ]
    # Groups stand over their columns.
    assert lines[0].index("failed tries") == lines[1].index("memory")
    assert lines[0].index("time (min)") == lines[1].index("asked", lines[0].index("memory (MB)") + 10)


def test_columns_of_which_nothing_is_known_are_left_out():
    unknown = Measured(None, None, None, None, False, 500, 60, None, None, True, False, False, Counter())
    assert table_lines([RuleUse("bb", 3, (unknown,)), RuleUse("c", 7, ())]) == [
        "      jobs    memory (MB)           time (min)",
        "rule     all  median  most  better  median  most  better",
        "bb    1 of 3     500   500    1000     1.0   1.0      10",
        "c     0 of 7",
    ]


def test_a_campaign_without_accounting_fits_a_terminal():
    job = replace(JOB, accounted=False, asked_mb=16000, asked_min=1440, memory_mb=12345, elapsed_s=36_000)
    lines = table_lines([RuleUse("estimate_illumination", 384, (job,) * 384)])
    assert "failed tries" not in lines[0]
    assert max(map(len, lines)) <= 120


def test_profile_keeps_what_is_the_sites():
    old = {
        "set-resources": {"a": {"slurm_partition": "gpu", "mem_mb": 9}, "other": {"slurm_extra": "--qos='x'"}},
        "set-threads": {"other": 3},
        "jobs": 100,
    }
    lines = profile_lines([use(*[replace(JOB, cpu_s=720)] * 5), RuleUse("c", 7, ())], old)
    assert yaml.safe_load("\n".join(lines)) == {
        "set-resources": {
            "a": {"slurm_partition": "gpu", "mem_mb": "1300 * attempt", "runtime": "20 * attempt"},
            "other": {"slurm_extra": "--qos='x'"},
        },
        "set-threads": {"other": 3, "a": 1},
    }


def test_profile_says_what_is_uncertain_and_leaves_threads_that_fit():
    assert profile_lines([use(JOB)], {}) == [
        "set-resources:",
        '  a: { mem_mb: "1900 * attempt", runtime: "30 * attempt" }  # uncertain: 1 job',
    ]


def test_threads_that_the_profile_set_stay_set():
    # The rule asks for 8 and the profile for 2: without the line it would be 8 again.
    assert profile_lines([use(*[JOB] * 5)], {"set-threads": {"a": 2}})[-2:] == ["set-threads:", "  a: 2"]


def test_profiles_are_read_by_folder_or_file(tmp_path):
    (tmp_path / "config.yaml").write_text("jobs: 3\n")
    assert read_profile(tmp_path) == read_profile(tmp_path / "config.yaml") == {"jobs": 3}


@pytest.mark.parametrize("text", [None, "a: [", "just words"])
def test_a_profile_that_cannot_be_read(tmp_path, text):
    if text is not None:
        (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(DataError, match=r"(?s)config\.yaml: .*Hint: name .* --profile"):
        read_profile(tmp_path)


def campaign_folder(folder):
    """A campaign that starts from a table, and the config of it."""
    table = "Metadata_Plate,Metadata_Well,Metadata_Perturbation,Cells_A\nP1,A01,DMSO,1\nP1,A02,x,2\n"
    (folder / "wells.csv").write_text(table)
    config = {"campaign": "c", "results": "results", "table": {"paths": ["wells.csv"], "negcon": ["DMSO"]}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return "config.yaml"


def run(*arguments):
    return CliRunner().invoke(app, ["resources", *arguments])


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The working folder, on a machine without SLURM."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(accounting, "has_accounting", lambda: False)
    return tmp_path


def finish_a_job(folder):
    path = folder / "results/c/benchmarks/import_profiles.tsv"
    path.parent.mkdir(parents=True)
    path.write_text(
        "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
        "700.00\t0:11:40\t600\t1\t1\t1\t0\t0\t80\t6.21\n"
    )


def test_command(here):
    config = campaign_folder(here)
    finish_a_job(here)
    done = run(config)
    assert done.exit_code == 0, done.output
    block = done.output[done.output.index("set-resources:") :]
    assert yaml.safe_load(block) == {
        "set-resources": {"import_profiles": {"mem_mb": "1900 * attempt", "runtime": "40 * attempt"}}
    }
    assert "there is no SLURM here" in done.output


def test_command_keeps_the_keys_of_the_profile_that_is_there(here):
    config = campaign_folder(here)
    finish_a_job(here)
    (here / "profiles/slurm").mkdir(parents=True)
    (here / "profiles/slurm/config.yaml").write_text("set-resources: {import_profiles: {slurm_partition: long}}")
    assert '{ slurm_partition: "long", mem_mb: "1900 * attempt"' in run(config).output


def test_command_goes_on_without_accounting_that_does_not_answer(here, monkeypatch):
    config = campaign_folder(here)
    finish_a_job(here)

    def refuse(*_):
        raise QueueError("sacct failed: no connection")

    monkeypatch.setattr(accounting, "has_accounting", lambda: True)
    monkeypatch.setattr(accounting, "read_attempts", refuse)
    done = run(config)
    assert (done.exit_code, "benchmark files alone: sacct failed: no connection" in done.output) == (0, True)


def test_command_before_anything_has_run(here):
    done = run(campaign_folder(here))
    with pytest.raises(PlatewiseError, match=r"results/c/benchmarks: found no job.*Hint: run the campaign first"):
        raise done.exception
