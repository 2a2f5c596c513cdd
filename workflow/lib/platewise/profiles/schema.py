"""Whether the plates of a campaign have the same features, asked before anything is pooled."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from platewise.columns import feature_columns
from platewise.errors import DataError
from platewise.tables import read_columns

# More plates, or features of a plate, say nothing new.
_MOST_PLATES, _MOST_FEATURES = 10, 5


def check_plates(paths: Mapping[str, str]) -> None:
    """Check that all plates have the features that most of them have.

    Parameters
    ----------
    paths
        Table of wells by plate; only the names of its columns are read.

    Raises
    ------
    DataError
        If they differ; it names each plate, and the features and channels that it lacks or has more than the others.
    """
    features = {plate: frozenset(feature_columns(read_columns(path))) for plate, path in paths.items()}
    usual, _ = Counter(features.values()).most_common(1)[0] if features else (frozenset(), 0)
    odd = {plate: own for plate, own in features.items() if own != usual}
    if not odd:
        return
    told = [f"plate {plate} {describe_difference(own, usual)}" for plate, own in list(odd.items())[:_MOST_PLATES]]
    more = [f"{len(odd) - _MOST_PLATES} more plates differ"] if len(odd) > _MOST_PLATES else []
    raise DataError(
        f"profiles: plates have different features and cannot be compared ({len(odd)} of {len(features)} plates differ "
        f"from the {len(usual)} features that most have): {'; '.join([*told, *more])}. "
        "Hint: make these plates again with the channels and settings of the others, or take them out of the campaign."
    )


def describe_difference(own: Collection[str], usual: Collection[str]) -> str:
    """Say what a plate lacks and what it has beside the usual features, channels first."""
    parts = []
    for verb, features, others in (("lacks", set(usual) - set(own), own), ("has", set(own) - set(usual), usual)):
        channels = channels_of(features) - channels_of(others)
        if channels:
            parts.append(f"{verb} the channel{'s' if len(channels) > 1 else ''} {', '.join(sorted(channels))}")
        if features:
            names = sorted(features)
            more = ", ..." if len(names) > _MOST_FEATURES else ""
            beside = " beside those" if verb == "has" else ""
            plural = "s" if len(names) > 1 else ""
            parts.append(f"{verb} {len(names)} feature{plural}{beside} ({', '.join(names[:_MOST_FEATURES])}{more})")
    return " and ".join(parts)


def channels_of(features: Iterable[str]) -> set[str]:
    """Return the channels whose mean intensity is among the features."""
    found = (re.fullmatch(r"[A-Za-z]+_Intensity_MeanIntensity_([^_]+)(_.*)?", name) for name in features)
    return {match[1] for match in found if match}
