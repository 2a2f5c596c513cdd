"""A campaign is checked and forecast before anything is submitted, and nothing is written."""

import os
import shutil
import stat
import subprocess
import sys

import pytest
from project import ROOT, Project, environment

# As sinfo prints it: partition, availability, limit, node, state, CPUs, memory, generic resources.
NODES = ["cpu|up|1-00:00:00|c1|idle|64|500000|(null)", "gpu|up|1-00:00:00|g1|idle|64|500000|gpu:a100:4"]


def snapshot(folder):
    """Path, time and size of everything in a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        found[str(path.relative_to(folder))] = (status.st_mtime_ns, status.st_size)
    return found


@pytest.fixture
def preflight(tmp_path, small_config, rendered):
    """A project with the images copied, and a function that runs the command in it."""
    images = tmp_path / "images"
    shutil.copytree(rendered / "images", images)
    sheet = (rendered / "plates.tsv").read_text().replace(str(rendered / "images"), str(images))
    (tmp_path / "plates.tsv").write_text(sheet)
    project = Project(tmp_path / "project")
    project.images = images
    project.config = project.write(small_config | {"plates": str(tmp_path / "plates.tsv")})

    def run(*arguments, fails=False, path=None):
        variables = environment() | ({"PATH": f"{path}{os.pathsep}{os.environ['PATH']}"} if path else {})
        command = [sys.executable, "-m", "platewise.cli", "preflight", project.config, *arguments]
        done = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, env=variables, check=False)
        assert (done.returncode == 1) == fails, done.stdout + done.stderr
        return done.stdout

    project.preflight = run
    return project


def jobs_of(text):
    """The jobs of each rule in the table of the forecast."""
    lines = text.partition("\nForecast\n")[2].partition("\n  total")[0].splitlines()[1:]
    return {line.split()[0]: int(line.split()[1]) for line in lines}


def test_a_campaign_that_has_not_begun(preflight):
    before = snapshot(preflight.folder)
    text = preflight.preflight("--profile", "none", "--complete")
    assert snapshot(preflight.folder) == before
    # The rule `all` is no work.
    planned = preflight.planned("--configfile", preflight.config, "--cores", "1")
    assert jobs_of(text) == {rule: count for rule, count in planned.items() if rule != "all"}
    assert "0 error(s), 0 warning(s)" in text
    assert "GPU-hours: " in text
    assert "?" not in text


def test_what_is_wrong_with_images_is_told_at_once(preflight):
    plates = sorted(preflight.images.iterdir())
    for path in list(plates[0].glob("*.tif*"))[::2]:
        path.write_bytes(path.read_bytes()[:1000])
    next(plates[1].glob("*-ch1*")).unlink()
    before = snapshot(preflight.folder)
    text = preflight.preflight("--profile", "none", fails=True)
    assert snapshot(preflight.folder) == before
    assert f"ERROR: plate {plates[0].name}" in text
    assert f"warning: plate {plates[1].name}" in text
    assert "the file is cut short" in text
    assert "no image of this channel was found" in text


@pytest.fixture
def slurm(tmp_path):
    """The commands of a SLURM that has a partition with GPUs and one without."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (tmp_path / "sinfo.txt").write_text("".join(f"{line}\n" for line in NODES).replace("|", "\x1f"))
    answers = {
        "squeue": "",
        "sinfo": f"cat {tmp_path}/sinfo.txt",
        "sacctmgr": "echo core",
        "scontrol": "echo 'MinJobAge = 300 sec'",
    }
    for name, answer in answers.items():
        (folder / name).write_text(f"#!/bin/sh\n{answer}\n")
        (folder / name).chmod(0o755 | stat.S_IXUSR)
    return folder


def test_a_cluster_is_checked_against_the_profile(preflight, slurm):
    profile = preflight.folder / "slurm"
    shutil.copytree(ROOT / "profiles" / "slurm", profile)
    text = preflight.preflight("--sample", "1", path=slurm, fails=True)
    assert "profile, slurm_account: found 'lab', the value that the profile came with; expected one of core" in text
    assert "1 error(s)" in text
    assert "100 jobs at once" in text

    settings = profile / "config.yaml"
    settings.write_text(settings.read_text().replace("slurm_account: lab", "slurm_account: core"))
    assert "0 error(s)" in preflight.preflight("--sample", "1", path=slurm)

    settings.write_text(settings.read_text().replace("slurm-no-requeue: true", "slurm-no-requeue: false"))
    assert "issue 485" in preflight.preflight("--sample", "1", path=slurm, fails=True)


def test_a_profile_that_snakemake_refuses_is_told(preflight, slurm):
    profile = preflight.folder / "slurm"
    profile.mkdir()
    (profile / "config.yaml").write_text("executor: slurm\nslurm-no-such-setting: 1\n")
    text = preflight.preflight("--sample", "1", path=slurm, fails=True)
    assert "Snakemake cannot plan the campaign" in text
    # What else is wrong is told too.
    assert "CANCELLED by 0" in text


def test_a_profile_that_is_not_there(preflight):
    command = [sys.executable, "-m", "platewise.cli", "preflight", preflight.config, "--profile", "nowhere"]
    done = subprocess.run(command, cwd=preflight.folder, capture_output=True, text=True, env=environment(), check=False)
    assert done.returncode == 1
    assert "found no profile 'nowhere'" in done.stderr
    assert "Hint: " in done.stderr


def test_it_starts_without_heavy_libraries():
    code = "import sys; import platewise.commands.preflight; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True)
    assert not {"torch", "zarr", "pandas", "scanpy"} & set(done.stdout.split())
