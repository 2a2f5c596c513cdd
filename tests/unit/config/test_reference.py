from pathlib import Path

from platewise.config.base import Section
from platewise.config.campaign import CampaignConfig
from platewise.config.reference import _keys, update_reference

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
        for key, field in _keys(CampaignConfig, "")
        if not field.description and not key.endswith(("method", "engine"))
    ]
    assert undescribed == []


def test_sections_refuse_unknown_keys():
    assert Section.model_config["extra"] == "forbid"
