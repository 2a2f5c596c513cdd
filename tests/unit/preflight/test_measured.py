"""Rates are taken from benchmark files and from what lies on disk."""

import pytest

from platewise.errors import PlatewiseError
from platewise.preflight.measured import measure_rates, measured_jobs, measured_sizes, rate_name
from platewise.preflight.rates import DENSITY, Rate
from platewise.preflight.work import finished_work


def test_names_of_rates():
    assert rate_name("inventory_plate_12") == "inventory_plate"
    assert rate_name("correct_batches", "deep", {"deep"}) == "correct_batches:learned"
    assert rate_name("correct_batches", "classical", {"deep"}) == "correct_batches"
    assert rate_name("embed_block", "deep", {"deep"}) == "embed_block"
    assert rate_name("segment_block", images=True) == "segment_block:images"


def test_jobs_know_their_work(finished):
    jobs = {(job.name, job.scope): job for job in measured_jobs(finished, finished_work(finished))}
    measured = jobs["measure_block", ("P1", "A03-B03")]
    assert (measured.work.cells, measured.seconds, measured.cpu) == (300, 4.0, 2.0)
    assert jobs["train_embedding", ("", "")].work.training == pytest.approx(0.02)


def test_rates_of_a_known_campaign(finished):
    rates = measure_rates([finished])

    def line(name, quantity):
        rate = rates[name, quantity]
        return rate.per_job, rate.per_unit

    assert line("measure_block", "seconds") == pytest.approx((1, 0.01))
    # One processor was half busy.
    assert line("measure_block", "cpu") == pytest.approx((0.5, 0.005))
    assert line("segment_block", "seconds") == pytest.approx((2, 0.5))
    # 30 s is too long for its processor seconds to be known.
    assert line("train_embedding", "cpu") == line("train_embedding", "seconds") == pytest.approx((0, 30 / 0.02))
    assert line("labels", "bytes") == pytest.approx((0, 4000))
    assert line("labels", "files") == pytest.approx((0, 4))
    assert line("segment_block", "files") == (1, 0)
    assert rates[DENSITY, "cells"].per_unit == pytest.approx(400 / 6)
    assert rates["measure_block", "seconds"].jobs == 2
    assert rates["measure_block", "seconds"].largest == 300


def test_a_busy_machines_clock_is_not_believed(finished):
    rates = measure_rates([], busy=[finished])
    assert rates["measure_block", "seconds"].per_unit == pytest.approx(0.005)


def test_known_rates_tell_what_a_job_costs(finished):
    known = {("train_embedding", "seconds"): Rate("train_embedding", "seconds", "training", 10.0, 1.0, 1, 1.0)}
    rate = measure_rates([finished], known)["train_embedding", "seconds"]
    assert (rate.per_job, rate.per_unit) == pytest.approx((10, 20 / 0.02))


def test_every_file_is_counted_once(finished):
    sizes = measured_sizes(finished, {"deep"})
    files = sum(size.files for scopes in sizes.values() for size in scopes.values())
    assert files == sum(path.is_file() for part in ("plates", "campaign") for path in (finished / part).rglob("*"))
    labels = sizes["labels"]["P1", ""]
    # Six fields: 4 files of 1000 bytes; the field's own folder and five within.
    assert (labels.bytes, labels.files, labels.folders) == (24_000, 24, 36)
    assert sizes["measure_block"]["P1", "A01-A02"].files == 1


def test_a_folder_without_benchmarks_is_refused(finished, tmp_path):
    for path in (finished / "benchmarks").rglob("*.tsv"):
        path.unlink()
    with pytest.raises(PlatewiseError, match=r"benchmarks: found no benchmark file; .* Hint: name a campaign's folder"):
        measure_rates([finished])
