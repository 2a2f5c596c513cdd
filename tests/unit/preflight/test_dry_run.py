"""Where the workflow and its profiles are found; a dry run leaves nothing behind."""

from pathlib import Path

import pytest

from platewise.preflight import dry_run as module
from platewise.preflight.dry_run import DryRunError, find_profile, find_snakefile, read_profile

ROOT = Path(__file__).parents[3]


def test_the_workflow_in_the_folder_comes_first(tmp_path):
    assert find_snakefile(tmp_path) == ROOT / "Snakefile"
    (tmp_path / "Snakefile").touch()
    assert find_snakefile(tmp_path) == tmp_path / "Snakefile"


def test_no_workflow(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "__file__", str(tmp_path / "a/b/c/d/e.py"))
    with pytest.raises(DryRunError, match=r"found no Snakefile: .* Hint: run platewise in a clone"):
        find_snakefile(tmp_path)


def test_profiles_are_found_where_snakemake_looks(tmp_path, monkeypatch):
    home = tmp_path / "home"
    monkeypatch.setattr(Path, "home", lambda: home)
    places = [tmp_path / "here" / "slurm", home / ".config/snakemake/slurm"]
    for place in reversed(places):
        place.mkdir(parents=True)
        (place / "config.yaml").write_text("executor: slurm\nslurm-no-requeue: true\n")
        assert find_profile("slurm", tmp_path / "here", ROOT / "Snakefile") == place
    assert find_profile("profiles/slurm", ROOT, ROOT / "Snakefile") == ROOT / "profiles/slurm"
    # Beside the Snakefile, for those who start elsewhere.
    assert find_profile("profiles/slurm", tmp_path, ROOT / "Snakefile") == ROOT / "profiles/slurm"
    assert find_profile("other", tmp_path / "here", ROOT / "Snakefile") is None
    assert read_profile(places[0]) == {"executor": "slurm", "slurm_no_requeue": True}


@pytest.mark.parametrize("text", ["- a\n", "{", ""])
def test_a_profile_that_cannot_be_read_has_no_settings(tmp_path, text):
    (tmp_path / "config.yaml").write_text(text)
    assert read_profile(tmp_path) == {}


def test_snakemakes_folder_is_left_as_it_was(tmp_path):
    folder = tmp_path / ".snakemake"
    with module._left_as_it_was(folder):
        (folder / "locks").mkdir(parents=True)
    assert not folder.exists()
    (folder / "metadata").mkdir(parents=True)
    with module._left_as_it_was(folder):
        (folder / "locks").mkdir()
        (folder / "log").mkdir()
        (folder / "log" / "of another run").touch()
    assert sorted(path.name for path in folder.iterdir()) == ["log", "metadata"]
