"""The profiles say where and how jobs run, and do not contradict each other."""

import re
import subprocess
import sys

import pytest
import yaml
from project import ROOT, Project


def profile(name):
    return yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text())


def test_profiles_share_no_key():
    # Snakemake loads `default` beside `slurm` and would silently take a shared key from `default`.
    assert not set(profile("default")) & set(profile("slurm"))


def test_the_slurm_profile_plans_the_template_in_a_fresh_clone():
    # Snakemake finds `slurm` in the working directory, through the link in the root.
    project = Project(ROOT)
    text = project.run("--profile", "slurm", "--dry-run", launcher=("-m", "snakemake"))
    assert "slurm_partition=cpu" in text or "total" in text
    assert re.search(r"^segment_block +2$", text, re.MULTILINE)


def test_only_rules_that_exist_are_set_in_the_slurm_profile():
    rules = "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    for rule in profile("slurm")["set-resources"]:
        assert f"rule {rule}:" in rules


@pytest.mark.parametrize("path", sorted((ROOT / "workflow" / "rules").glob("[!c]*.smk")), ids=lambda path: path.stem)
def test_every_rule_is_complete_and_has_its_script(path):
    text = path.read_text()
    for block in re.split(r"^ *rule ?", text, flags=re.MULTILINE)[1:]:
        name = block.split(":")[0].strip() or re.search(r"inventory_plate", block)[0]
        for directive in ("input", "output", "log", "benchmark", "threads", "resources", "conda", "script"):
            assert re.search(rf"^ +{directive}:", block, re.MULTILINE), f"{name} has no {directive}"
        assert f"scripts/{name}.py" in block
        assert (ROOT / "workflow" / "scripts" / f"{name}.py").is_file()


def test_environments_are_in_step():
    subprocess.run([sys.executable, ROOT / "envs" / "lock.py", "--check"], check=True)
