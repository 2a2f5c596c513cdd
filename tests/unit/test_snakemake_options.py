"""What is read from the arguments of Snakemake."""

import pytest

from platewise.errors import ConfigError
from platewise.launch import run
from platewise.snakemake_options import config_files, missing_cores, only_asks, working_folder


@pytest.mark.parametrize("given", [["-np"], ["-n"], ["--dry-run"], ["--summary"], ["--list-rules"], ["-qn"]])
def test_what_only_asks_is_no_run(given):
    assert only_asks([*given, "--configfile", "x"])


@pytest.mark.parametrize("given", [["-p"], ["--nolock"], ["-j", "n"], ["--notemp"]])
def test_what_runs_is_a_run(given):
    assert not only_asks(given)


def test_the_folder_is_snakemakes(tmp_path):
    assert working_folder(["--directory", "elsewhere"], tmp_path) == tmp_path / "elsewhere"
    assert working_folder(["--directory=elsewhere"], tmp_path) == tmp_path / "elsewhere"
    assert working_folder(["-delsewhere"], tmp_path) == tmp_path / "elsewhere"
    assert working_folder(["-n"], tmp_path) == tmp_path


@pytest.mark.parametrize(
    ("given", "added"),
    [
        (["--configfile", "x"], ["--cores", "all"]),
        (["--cores", "2"], []),
        (["--cores=2"], []),
        (["-c2"], []),
        (["--profile", "slurm"], []),
        (["-j", "3"], []),
    ],
)
def test_all_cores_unless_told(given, added):
    assert missing_cores(given) == added


@pytest.mark.parametrize(
    ("given", "files"),
    [
        (["--configfile", "a.yaml", "b.yaml", "--cores", "2"], ["a.yaml", "b.yaml"]),
        (["-n", "--configfile=a.yaml", "report"], ["a.yaml"]),
        (["--configfiles", "a.yaml", "--", "results/report"], ["a.yaml"]),
        (["--config", "seed=2", "--cores", "2"], []),
    ],
)
def test_config_files(given, files):
    assert config_files(given) == files


def test_a_config_that_is_not_there_is_named_before_snakemake_starts(tmp_path):
    (tmp_path / "here.yaml").write_text("")
    with pytest.raises(ConfigError, match=r"--configfile: found gone\.yaml; expected a file") as raised:
        run(["-n", "--configfile", "here.yaml", "gone.yaml"], tmp_path)
    assert len(raised.value.problems) == 1
