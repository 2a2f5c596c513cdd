from pathlib import Path

from platewise.config.base import Section
from platewise.config.campaign import CampaignConfig
from platewise.config.reference import _keys, key_table, update_reference

ROOT = Path(__file__).parents[3]


def test_readme_and_schema_are_in_step_with_the_models():
    stale = update_reference(ROOT / "config", write=False)
    assert stale == [], "run `make config-reference`"


def test_a_stale_reference_is_noticed_and_mended(tmp_path):
    for name in ("README.md", "schema.json"):
        (tmp_path / name).write_text((ROOT / "config" / name).read_text().replace("Seed of everything", "Something"))
    assert update_reference(tmp_path, write=True) == ["README.md", "schema.json"]
    assert update_reference(tmp_path, write=False) == []


def test_every_key_is_described():
    undescribed = [
        key
        for key, field, _ in _keys(CampaignConfig, "")
        if not field.description and not key.endswith(("method", "engine"))
    ]
    assert undescribed == []


def test_sections_refuse_unknown_keys():
    assert Section.model_config["extra"] == "forbid"


def test_keys_of_variants_are_told_apart():
    rows = {row.split(" | ")[0].strip("| `"): row for row in key_table().splitlines()}
    # Only some variants have the key.
    assert "| `flow`, `ensemble`: A nucleus is dropped" in rows["segmentation.nuclei.flow_error"]
    # It is not the same in all.
    diameter = rows["segmentation.nuclei.nucleus_diameter"]
    assert "`classical`: Typical diameter of a nucleus in pixels; sets" in diameter
    assert "Left out: estimated" in diameter.split("`unet`, `fpn`")[1]
    assert "depends on the variant" in diameter
    # A tag must be given, and its texts are those of the variants.
    engine = rows["segmentation.cells.engine"]
    assert "| `seeded`, `flow` | needed | `seeded`: nuclei grow" in engine
    assert "`weak`: A network trained to" in rows["embeddings.{name}.kind"]
    assert "| section | `engine: seeded` |" in rows["segmentation.cells"]
    # No variants, nothing to tell apart.
    assert rows["seed"].split(" | ")[3].startswith("Seed of everything")
