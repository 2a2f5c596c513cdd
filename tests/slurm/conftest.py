"""A cluster, a campaign that ran on it undisturbed, and copies of that campaign to disturb."""

import os
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
from campaign import SlurmProject
from cluster import Cluster
from faults import README, write_table

_dates = pytest.StashKey[dict]()


def pytest_addoption(parser):
    parser.addoption("--write-faults", action="store_true", help="date the README's table of faults with this run")


def pytest_configure(config):
    config.stash[_dates] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if call.when == "call" and report.passed:
        for mark in item.iter_markers("fault"):
            item.config.stash[_dates][mark.args[0]] = time.strftime("%Y-%m-%d")
    return report


def pytest_sessionfinish(session):
    if session.config.getoption("--write-faults", default=False):
        README.write_text(write_table(README.read_text(), session.config.stash[_dates]))


DESIGN = {"fields_per_well": 3, "field_size": 320}


@pytest.fixture(scope="session")
def cluster():
    """The cluster, up for all tests; one that was up before stays up."""
    cluster = Cluster(Path(os.environ.get("PLATEWISE_SLURM", Path(tempfile.gettempdir()) / "platewise-slurm")))
    found = cluster.pid("slurmctld") is not None
    cluster.up()
    os.environ.update(cluster.environment)
    yield cluster
    if not found:
        cluster.down()


@pytest.fixture(scope="session")
def rendered(tmp_path_factory):
    """One plate, four wells."""
    from platewise.simulate.campaign import render_campaign
    from platewise.simulate.designs import preset

    folder = tmp_path_factory.mktemp("rendered") / "faults"
    render_campaign(replace(preset("tiny"), name="faults", **DESIGN), folder, seed=0)
    return folder


@pytest.fixture(scope="session")
def undisturbed(cluster, rendered, tmp_path_factory):
    """The whole campaign, every rule a SLURM job."""
    project = SlurmProject(tmp_path_factory.mktemp("undisturbed"), cluster, rendered)
    project.run_on_slurm()
    return project


@pytest.fixture
def copy(undisturbed, tmp_path):
    """Return a copy of the undisturbed campaign; jobs and mounts that a test leaves behind are cleared away."""
    made = []

    def make():
        folder = tmp_path / "campaign"
        shutil.copytree(undisturbed.folder, folder, symlinks=True)
        made.append(SlurmProject(folder, undisturbed.cluster, undisturbed.rendered))
        return made[-1]

    yield make
    for project in made:
        project.clear()
    undisturbed.cluster.up()
