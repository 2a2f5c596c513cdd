"""Which jobs are left: the reasons that Snakemake has, one by one, on four jobs in a row."""

import hashlib
import json
import os
from base64 import urlsafe_b64encode
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.persistence.file import FilePersistence

from platewise.plan.jobs import Job
from platewise.status.files import Files
from platewise.status.needed import followers, jobs_to_make


def job(rule, inputs, outputs, kept=()):
    return Job(rule, rule, "", "", (), tuple(inputs), tuple(kept), tuple(outputs), f"{rule}.log", f"{rule}.tsv")


JOBS = [
    job("list", ["images"], ["list.txt"]),
    job("segment", ["list.txt"], ["labels"], kept=["store"]),
    job("measure", ["labels"], ["cells"]),
    job("report", ["cells"], ["page", "figures"]),
]


@pytest.fixture
def folder(tmp_path):
    """Everything is made, each a second after what it was made from."""
    for number, name in enumerate(["images", "store", "list.txt", "labels", "cells", "page", "figures"]):
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, (1000 + number, 1000 + number))
    return tmp_path


def left(folder, targets=("page",), jobs=JOBS):
    return set(reasons(folder, targets, jobs))


def reasons(folder, targets=("page",), jobs=JOBS):
    return {job.rule: why for job, why in jobs_to_make(jobs, targets, Files(folder)).items()}


def touch(path, time=5000):
    path.write_text(path.name)
    os.utime(path, (time, time))


def record(folder, kind, name, content):
    """Leave a record where Snakemake itself would."""
    own = SimpleNamespace(_fetch_max_len=lambda _: 255)
    path = Path(FilePersistence._record_path(own, folder / ".snakemake" / kind, name))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def test_nothing_is_left_of_a_finished_campaign(folder):
    assert left(folder) == set()


def test_everything_is_left_of_a_campaign_that_never_began(tmp_path):
    (tmp_path / "images").write_text("")
    assert left(tmp_path) == {"list", "segment", "measure", "report"}


def test_a_missing_target_is_made_from_what_is_there(folder):
    (folder / "page").unlink()
    assert left(folder) == {"report"}


def test_a_missing_file_that_nobody_asks_for_is_not_made(folder):
    (folder / "labels").unlink()
    assert left(folder) == set()


def test_a_missing_target_brings_back_what_it_needs_and_redoes_what_follows(folder):
    (folder / "labels").unlink()
    (folder / "cells").unlink()
    assert left(folder, targets=("page", "cells")) == {"segment", "measure", "report"}


def test_a_newer_input_redoes_what_was_made_from_it(folder):
    touch(folder / "labels")
    assert left(folder) == {"measure", "report"}


def test_a_newer_input_with_the_same_content_redoes_nothing(folder):
    touch(folder / "labels")
    same = "sha256:" + hashlib.sha256(b"labels").hexdigest()
    record(folder, "metadata", "cells", {"input_checksums": {"labels": same}})
    assert left(folder) == set()
    (folder / "labels").write_text("other")
    assert left(folder) == {"measure", "report"}


def test_a_newer_input_whose_age_does_not_matter_redoes_nothing(folder):
    touch(folder / "store")
    assert left(folder) == set()


def test_the_benchmark_counts_among_the_outputs(folder):
    touch(folder / "measure.tsv", 1001)
    assert left(folder) == {"measure", "report"}


def test_a_job_without_outputs_is_as_old_as_what_was_made_from_it(folder):
    """The cells are gone, and the labels are newer than the page that was made from the cells."""
    (folder / "cells").unlink()
    assert left(folder) == set()
    touch(folder / "labels")
    assert left(folder) == {"measure", "report"}


def test_a_file_that_was_begun_and_not_finished_is_made_again(folder):
    record(folder, "incomplete", "cells", {"external_jobid": None})
    assert left(folder) == {"measure", "report"}
    (folder / "cells").unlink()
    assert left(folder) == set()


def test_a_job_is_made_for_what_is_newer_before_it(folder):
    touch(folder / "labels")
    assert reasons(folder) == {"measure": "labels is newer", "report": "labels is newer"}


def test_a_job_is_made_for_what_is_missing_before_it(folder):
    (folder / "labels").unlink()
    (folder / "cells").unlink()
    assert reasons(folder, targets=("page", "cells")) == {
        "segment": "labels is missing",
        "measure": "cells is missing",
        "report": "cells is missing",
    }


def test_a_job_is_made_for_what_was_not_finished_before_it(folder):
    record(folder, "incomplete", "cells", {"external_jobid": None})
    why = "cells was begun and not finished"
    assert reasons(folder) == {"measure": why, "report": why}


def test_long_names_are_read_as_snakemake_writes_them(tmp_path):
    name = "results/" + "a_long_name_" * 40 + ".parquet"
    record(tmp_path, "incomplete", name, {})
    record(tmp_path, "incomplete", "short", {})
    assert len(urlsafe_b64encode(name.encode())) > 255
    assert Files(tmp_path).incomplete == {name, "short"}
    content = tmp_path / "input"
    content.write_bytes(b"content")
    sums = {"input_checksums": {"input": "sha256:" + hashlib.sha256(b"content").hexdigest()}}
    record(tmp_path, "metadata", name, sums)
    assert Files(tmp_path).has_same_content("input", [name])
    content.write_bytes(b"changed")
    assert not Files(tmp_path).has_same_content("input", [name])


def test_the_time_of_a_folder_is_when_its_job_ended(tmp_path):
    (tmp_path / "flat.zarr").mkdir()
    touch(tmp_path / "flat.zarr" / ".snakemake_timestamp", 1234)
    assert Files(tmp_path).time("flat.zarr") == 1234
    assert Files(tmp_path).time("nothing") is None


def test_followers_are_all_that_wait_for_a_job():
    assert {found.rule for found in followers(JOBS, [JOBS[1]])} == {"measure", "report"}
    assert followers(JOBS, [JOBS[3]]) == set()
