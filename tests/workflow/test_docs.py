"""What the README says is so."""

import ast
import re
import shutil
import subprocess

from faults import FAULTS, README, read_table, write_table
from project import ROOT


def test_readme_names_only_files_that_exist():
    text = (ROOT / "README.md").read_text()
    for link in re.findall(r"\]\(([^)#]+)", text):
        if not link.startswith("http"):
            assert (ROOT / link).exists(), link
    assert not re.findall(r"\b(?:DEMO|BB|PLAN)_[A-Z0-9]+\b", text)


def test_the_readmes_copy_of_the_template_stands_by_itself(tmp_path):
    line = next(line for line in (ROOT / "README.md").read_text().splitlines() if "cp -r config/example" in line)
    shutil.copytree(ROOT / "config", tmp_path / "config")
    subprocess.run(["bash", "-c", line.strip()], cwd=tmp_path, check=True)
    # The sheets that the copied config and sheet name are the copies, so that editing them has an effect.
    for name in ("config.yaml", "plates.tsv"):
        text = (tmp_path / "config" / "mine" / name).read_text()
        assert "config/example/" not in text
        assert "config/mine/" in text


def test_the_table_of_faults_tells_of_the_faults_that_are_tested():
    rows = read_table(README.read_text())
    assert [row[:3] for row in rows.values()] == [(fault.what, fault.then, fault.do) for fault in FAULTS.values()]
    source = (ROOT / "tests" / "slurm" / "test_faults.py").read_text()
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    marked = [call.args[0].value for call in calls if getattr(call.func, "id", "") == "fault"]
    assert sorted(marked) == sorted(FAULTS)


def test_no_page_holds_a_placeholder():
    pages = [README, *(ROOT / "docs").glob("*.md"), ROOT / "benchmarks" / "README.md", ROOT / "config" / "README.md"]
    for page in pages:
        assert not re.findall(r"^[A-Z]+$|\b(?:START|MEMORY|TODO|TBD|FIXME)\b", page.read_text(), re.MULTILINE), page


def test_every_fault_in_the_table_was_survived():
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\d", row[3]) for row in read_table(README.read_text()).values())


def test_the_table_of_faults_keeps_the_dates_of_faults_that_were_not_run():
    page = write_table(README.read_text(), dict.fromkeys(FAULTS, "2026-01-01"))
    again = read_table(write_table(page, {"killed": "2026-01-02"}))
    dates = {row[3] for what, row in again.items() if what != FAULTS["killed"].what}
    assert dates == {"2026-01-01"}
    assert again[FAULTS["killed"].what][3] == "2026-01-02"
