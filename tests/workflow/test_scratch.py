"""Node-local scratch is runtime: switching it on changes no file and runs nothing again."""

import re
from pathlib import Path

import pandas as pd
from project import Project

STAGES = ("segment_block", "measure_block", "crop_block")
SCRATCH = ("--default-resources", "scratch='$NODE_DISK'")


def content(results):
    """Every byte of what the stages that use scratch made."""
    (plate,) = (results / "plates").iterdir()
    files = [path for name in ("fields", "cells", "crops", "plate.zarr") for path in (plate / name).rglob("*")]
    return {str(path.relative_to(plate)): path.read_bytes() for path in files if path.is_file()}


def test_scratch_changes_no_file_and_runs_nothing_again(rendered, small_config, tmp_path, monkeypatch):
    sheet = tmp_path / "plates.tsv"
    pd.read_csv(rendered / "plates.tsv", sep="\t").head(1).to_csv(sheet, sep="\t", index=False)
    node = tmp_path / "node"
    node.mkdir()
    # Set where the jobs run; the workflow itself names the variable only.
    monkeypatch.setenv("NODE_DISK", str(node))
    runs = {}
    for name, options in (("direct", ()), ("through", SCRATCH)):
        project = Project(tmp_path / name)
        config = project.write(small_config | {"plates": str(sheet), "blocks": {"wells_per_block": 6}})
        arguments = ("--configfile", config, "--cores", "2", "--until", *STAGES[1:])
        project.run(*arguments, *options)
        runs[name] = project.folder / "results" / "small"
        switched = SCRATCH if name == "direct" else ()
        assert re.search(r"^total +0$", project.run("--dry-run", *arguments, *switched), re.MULTILINE)
    direct, through = (content(results) for results in runs.values())
    assert len([name for name in direct if name.endswith("labels/cells/0/c/0/0")]) > 5
    assert direct == through
    for stage in STAGES:
        (log,) = (path.read_text() for path in Path(runs["through"] / "logs" / stage).rglob("*.log"))
        assert f"scratch {node}/.platewise@" in log
        assert "images are copied there ahead of their use, at most" in log
    assert list(node.iterdir()) == []
