"""A campaign is reprocessed beside its old results; fields that would come out the same are not segmented again."""

import copy
import json
import subprocess

import pandas as pd
from project import Project


def _state(folder):
    """Content and time of every file."""
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def _link_stores(old, new):
    """The command of the documentation."""
    command = f"mkdir -p ../{new.name} && cp -al --parents plates/*/plate.zarr ../{new.name}/"
    subprocess.run(command, shell=True, check=True, cwd=old)


def _inodes(results):
    return {
        str(path.relative_to(results)): path.stat().st_ino
        for path in results.glob("plates/*/plate.zarr/*/*/[0-9]*/**/*")
        if path.is_file()
    }


def test_reprocessing_beside_the_old_results(tmp_path, small_config):
    project = Project(tmp_path / "project")
    less = {"embeddings": {}, "store": {"images": False}}
    less["correction"] = {"methods": {"none": {"method": "none"}}, "preset": "none"}
    config = copy.deepcopy(small_config) | less
    first = project.write(config | {"campaign": "first"}, "first.yaml")
    project.run("--configfile", first, "--cores", "2")
    old = project.folder / "results" / "first"
    before = _state(old)

    # Another measurement: every field is kept as it is.
    _link_stores(old, project.folder / "results" / "measured")
    measured = project.write(config | {"campaign": "measured", "measure": {"full_scale": 4095}}, "measured.yaml")
    project.run("--configfile", measured, "--cores", "2")
    new = project.folder / "results" / "measured"
    fields = _inodes(old)
    assert len(fields) >= 12 * 8
    assert _inodes(new) == fields
    logs = "".join(path.read_text() for path in new.glob("logs/segment_block/**/*.log"))
    assert logs.count("is committed already") == 12

    # Another segmentation: every field is made anew, in the new store only.
    _link_stores(old, project.folder / "results" / "segmented")
    changed = {"campaign": "segmented", "segmentation": {"nuclei": {"engine": "classical", "nucleus_diameter": 24}}}
    segmented = project.write(config | changed, "segmented.yaml")
    project.run("--configfile", segmented, "--cores", "2", "--until", "segment_block")
    assert not set(_inodes(project.folder / "results" / "segmented").values()) & set(fields.values())
    assert _state(old) == before, "a file of the old results was changed"

    lines = project.platewise("compare", "results/first", "results/first")
    assert lines[3] == "Nothing moved. The same: design, fields and cells, features, profiles, hits, network, scores."

    page, data = project.folder / "moved.html", project.folder / "moved.json"
    project.platewise("compare", "results/first", "results/measured", "--html", str(page), "--json", str(data))
    found = json.loads(data.read_text())["sections"]
    assert found["provenance"]["lists"]["asked"] == [
        {"Key": "measure.full_scale", "Kind": "config", "Old": "65535.0", "New": "4095.0"}
    ]
    assert found["counts"]["moved"] is False
    assert found["counts"]["facts"]["same_labels"] == found["counts"]["facts"]["good_in_both"] == 12
    assert found["features"]["moved"] is True
    groups = {row["Group"]: row for row in found["features"]["lists"]["classical_groups"]}
    assert groups["Nuclei AreaShape"]["Identical"] == groups["Nuclei AreaShape"]["Features"]
    assert groups["Cells Texture"]["Identical"] < groups["Cells Texture"]["Features"]
    assert page.stat().st_size > 1_000_000

    # The hits that are read are those that the campaign's scores count.
    scores = pd.read_parquet(old / "campaign/evaluation/classical.none.scores.parquet")
    share = scores[(scores["Metric"] == "map_replicate_significant") & (scores["Baseline"] == "")]["Value"].item()
    active = found["hits"]["facts"]["classical.none"]["active"]
    assert active["old"] == round(share * active["compared"])

    lines = "\n".join(project.platewise("compare", "results/first", "results/segmented"))
    assert "identical in none of 12 good fields" in lines
    assert "No scores in NEW" in lines
    assert _state(old) == before
