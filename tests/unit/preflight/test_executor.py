"""Faults of the SLURM plugin that are known, and whether the profile avoids them."""

import re
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from platewise.preflight import executor
from platewise.preflight.dry_run import read_profile
from platewise.preflight.executor import PLUGIN, PROVEN, check_executor, known_faults

ROOT = Path(__file__).parents[3]
SAFE = {"slurm_status_command": "squeue", "slurm_no_requeue": True}


@pytest.fixture(autouse=True)
def on_a_login_node(monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)


def found(version="2.8.0", **settings):
    return list(check_executor(version, SAFE | settings))


def test_the_profile_that_comes_with_the_workflow_avoids_them():
    assert list(check_executor("2.8.0", read_profile(ROOT / "profiles" / "slurm"))) == []


def test_the_tested_version_is_the_one_that_is_installed():
    pinned = re.search(rf"^{PLUGIN}==(.+)$", (ROOT / "envs" / "requirements.in").read_text(), re.MULTILINE)[1]
    assert pinned in PROVEN
    assert executor.installed_version() == pinned


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"slurm_status_command": "sacct"}, "expected slurm-status-command: squeue"),
        ({"slurm_status_command": ""}, "CANCELLED by 0"),
        ({"slurm_no_requeue": False}, "(issue 485); expected slurm-no-requeue: true"),
        ({"slurm_requeue": True}, "expected no slurm-requeue"),
    ],
)
def test_a_setting_that_a_fault_needs(settings, said):
    (finding,) = found(**settings)
    assert finding.stops
    assert said in str(finding)
    assert "Hint: " in str(finding)


def test_job_arrays_have_two_faults():
    assert [re.search(r"issue \d+", str(finding))[0] for finding in found(slurm_array_jobs="all")] == [
        "issue 447",
        "issue 473",
    ]


def test_an_old_version_does_not_know_the_profile():
    stopping = [finding for finding in found("2.7.1") if finding.stops]
    assert "issue 476" in str(stopping[0])
    assert len(stopping) == 1


def test_an_unknown_version_is_a_warning():
    (finding,) = found("3.0.0")
    assert not finding.stops
    assert "found version 3.0.0; expected 2.8.0" in str(finding)


def test_a_missing_plugin():
    (finding,) = check_executor(None, SAFE)
    assert finding.stops
    assert "pip install snakemake-executor-plugin-slurm==2.8.0" in str(finding)


def test_a_start_from_inside_a_job(monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    (finding,) = found()
    assert not finding.stops
    assert "SLURM_JOB_ID: found 17" in str(finding)


def test_every_fault_says_what_to_do():
    for fault in known_faults():
        SpecifierSet(fault.versions)
        assert fault.reason
        assert fault.remedy
        assert fault.issue == "" or fault.issue.isdigit()
