"""Benchmark files as Snakemake 9 writes them: plain, extended, without samples, damaged."""

import pytest

from platewise.cluster.benchmarks import Benchmark, read_benchmark
from platewise.errors import DataError

PLAIN = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time"
EXTENDED = PLAIN + "\tjobid\trule_name\twildcards\tparams\tthreads\tcpu_usage\tresources\tinput_size_mb"
ROW = "7.10\t0:00:07\t279.28\t2192.21\t191.17\t223.95\t0.00\t32.19\t80.34\t6.21"


def write(folder, header, *rows):
    path = folder / "a.tsv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_plain(tmp_path):
    assert read_benchmark(write(tmp_path, PLAIN, ROW)) == Benchmark(7.1, 279.28, 6.21, None, None, None, None)


def test_extended_says_what_was_asked(tmp_path):
    resources = "{'tmpdir': '/tmp', 'mem_mb': 2000, 'mem': '2 GB', 'runtime': 240, 'gpu': 1, '_cores': 1}"
    # Parameters hold quotes, tabs as two characters, and anything else.
    params = r"""{'x': "tab\tnew\nline", 'y': {'a': ['"']}}"""
    path = write(tmp_path, EXTENDED, f"{ROW}\t2\tembed_block\t{{'plate': 'P1'}}\t{params}\t3\t98.9\t{resources}\t{{}}")
    assert read_benchmark(path) == Benchmark(7.1, 279.28, 6.21, 2000, 240, 3, 1)


def test_the_inputs_of_a_large_campaign_fill_one_field(tmp_path):
    path = write(tmp_path, EXTENDED, f"{ROW}\t2\treport_campaign\t{{}}\t{{}}\t1\t0.0\t{{'mem_mb': 8}}\t{'x' * 200_000}")
    assert read_benchmark(path).asked_mb == 8


def test_resources_that_are_no_literal(tmp_path):
    path = write(tmp_path, EXTENDED, f"{ROW}\t2\ta\t{{}}\t{{}}\t1\t0.0\t{{'mem_mb': <TBD>}}\t{{}}")
    assert read_benchmark(path) == Benchmark(7.1, 279.28, 6.21, None, None, 1, None)


def test_a_job_too_short_to_be_looked_at(tmp_path):
    path = write(tmp_path, PLAIN, "0.10\t0:00:00" + "\tNA" * 8)
    assert read_benchmark(path) == Benchmark(0.1, None, None, None, None, None, None)


def test_a_job_that_has_not_run(tmp_path):
    assert read_benchmark(tmp_path / "none.tsv") is None


@pytest.mark.parametrize("rows", [[], ["7.10\t0:00:07\t27"], ["seven" + ROW[4:]]])
def test_damaged(tmp_path, rows):
    path = write(tmp_path, PLAIN, *rows)
    with pytest.raises(DataError, match=r"a\.tsv: is not a benchmark.*Hint: remove the file"):
        read_benchmark(path)
