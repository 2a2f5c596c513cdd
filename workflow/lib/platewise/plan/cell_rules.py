"""Rules of ``profiles.cells`` that look at features which this config does not measure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from platewise.config.campaign import CampaignConfig
from platewise.errors import Problem
from platewise.measure.names import NAMES, feature_names, group_compartments

_MOST_NEAR = 3


def rule_problems(config: CampaignConfig, source: str) -> Iterator[Problem]:
    """Find features of the rules that no cell will have; in a campaign without images, the rules themselves."""
    rules = config.profiles.cells
    named = {"size.feature": [rules.size.feature] if rules.size else []}
    named["outliers.features"] = list(rules.outliers.features) if rules.outliers else []
    if config.table is not None or config.images is None:
        if rules.features and config.table is not None:
            found = "rules, in a campaign that starts from profiles of wells"
            yield Problem(
                f"{source}, key profiles.cells", found, "none: there are no cells to leave out", "remove the rules"
            )
        return
    measured = feature_names(list(config.images.channels), config.measure) if rules.features else []
    for key, features in named.items():
        for feature in features:
            if feature not in measured:
                yield Problem(
                    f"{source}, key profiles.cells.{key}",
                    repr(feature),
                    "a feature that this config measures",
                    _remedy(feature, measured, config),
                )


def _remedy(feature: str, measured: list[str], config: CampaignConfig) -> str:
    compartment, group = feature.split("_")[:2]
    if group not in NAMES:
        return f"{group} is no group of features; these are {', '.join(NAMES)}"
    if compartment not in group_compartments(group):
        return f"{group} is measured of {' and '.join(group_compartments(group))} only: name one of these"
    if group not in {settings.group for settings in config.measure.groups}:
        return f"measure it, too, with `- group: {group}` in measure.groups, or name another feature"
    own = [name for name in measured if name.startswith(f"{compartment}_{group}_")]
    near = difflib.get_close_matches(feature, own, n=_MOST_NEAR, cutoff=0)
    channels = ", ".join(config.images.channels)
    return f"nearest are {', '.join(near)}; channels are those of images.channels: {channels}"
