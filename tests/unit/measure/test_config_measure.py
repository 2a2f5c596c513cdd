import pytest
from pydantic import ValidationError

from platewise.config.measure import FixedRange, LogRange, MeasureConfig, TextureGroup


def test_all_groups_are_measured_by_default():
    assert [group.group for group in MeasureConfig().groups] == [
        "AreaShape", "Intensity", "Texture", "Granularity", "RadialDistribution", "Correlation", "Neighbors",
        "Location",
    ]  # fmt: skip


def test_a_gpu_is_used_when_asked_for():
    assert MeasureConfig().gpu is False
    assert MeasureConfig.model_validate({"gpu": True}).gpu is True


def test_groups_are_chosen_by_name_and_keep_their_defaults():
    config = MeasureConfig.model_validate(
        {"groups": [{"group": "Intensity"}, {"group": "Texture", "levels": 32, "range": {"mode": "log", "octaves": 8}}]}
    )
    assert config.groups[1] == TextureGroup(levels=32, range=LogRange(octaves=8))
    assert config.groups[1].scales == (3,)


def test_a_group_named_twice_is_refused():
    with pytest.raises(ValidationError, match="named more than once: Intensity"):
        MeasureConfig.model_validate({"groups": [{"group": "Intensity"}, {"group": "Intensity"}]})


def test_an_unknown_group_is_refused():
    with pytest.raises(ValidationError, match="Brightness"):
        MeasureConfig.model_validate({"groups": [{"group": "Brightness"}]})


def test_a_range_that_does_not_rise_is_refused():
    with pytest.raises(ValidationError, match=r"range of DNA is \[300.0, 200.0\]"):
        FixedRange(ranges={"DNA": (300, 200)})


def test_channels_without_a_fixed_range_are_named():
    config = MeasureConfig(groups=(TextureGroup(range=FixedRange(ranges={"DNA": (0, 1)})),))
    assert config.problems(["DNA"]) == []
    assert "no range for ER, RNA" in str(config.problems(["DNA", "ER", "RNA"])[0])


def test_every_key_is_described():
    for model in [MeasureConfig, *(type(group) for group in MeasureConfig().groups), LogRange, FixedRange]:
        for name, field in model.model_fields.items():
            assert field.description or name in {"group", "mode"}, f"{model.__name__}.{name}"
