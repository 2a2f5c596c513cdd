"""A finished campaign whose input is newer: what was done and is to be made again is counted with its reason."""

import os
from collections import Counter
from pathlib import Path

import pytest

from platewise.plan.campaign import load_campaign
from platewise.plan.jobs import list_jobs
from platewise.status import work
from platewise.status.campaign import campaign_status


@pytest.fixture
def campaign(tmp_path, monkeypatch):
    """A campaign from a table, all of it made, each job's files a second after those before it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(work, "queued_jobs", lambda folder: [])
    Path("wells.csv").write_text("plate,well,batch,compound,Cells_Area\nP1,A01,b1,DMSO,1.5\nP1,A02,b1,x,2.5\n")
    os.utime("wells.csv", (1000, 1000))
    columns = {"plate": "plate", "well": "well", "batch": "batch", "perturbation": "compound"}
    table = {"paths": ["wells.csv"], "columns": columns, "negcon": ["DMSO"]}
    found = load_campaign({"campaign": "test", "plate_format": 6, "table": table})
    for number, job in enumerate(list_jobs(found)):
        for path in map(Path, (*job.outputs, job.benchmark)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
            os.utime(path, (2000 + number, 2000 + number))
    return found


def test_nothing_is_made_again_of_a_finished_campaign(campaign):
    status = campaign_status(campaign, Path.cwd())
    assert status.total == Counter(done=len(list_jobs(campaign)))
    assert status.again == Counter()


def test_a_newer_input_is_named(campaign):
    os.utime("wells.csv", (9000, 9000))
    status = campaign_status(campaign, Path.cwd())
    jobs = len(list_jobs(campaign))
    assert status.total == Counter(waiting=jobs)
    assert status.again == Counter({"wells.csv is newer": jobs})


def test_a_job_whose_files_are_gone_was_not_done(campaign):
    """The page is missing: it is made, and nothing that was done is made again."""
    page = list_jobs(campaign)[-1]
    Path(page.outputs[0]).unlink()
    status = campaign_status(campaign, Path.cwd())
    assert status.total["waiting"] == 1
    assert status.again == Counter()
