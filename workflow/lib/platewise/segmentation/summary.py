"""From a row an image to what can be said of an engine: means with intervals, differences, what each member adds.

Every image counts alike. Intervals are 95 % percentile intervals of a bootstrap over groups, not over images: images of
one group (crops of one field, fields of one slide) share their stain, focus and crowding, so that a second one tells
less than an image from elsewhere; drawn as if they were independent, they would promise more than they hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from platewise.errors import DataError
from platewise.segmentation.scoring import SCORES

ALL = "all"
SPEED, MEMORY = "seconds_per_megapixel", "peak_mb"
MEASURES = (*SCORES, SPEED, MEMORY)
# Below this many images, a class is shown but supports no claim.
ENOUGH_IMAGES = 30
TOO_FEW = "too few for a claim"
ABLATION_COLUMNS = (
    *("Engine", "Members", "Class", "Measure", "Value", "Low", "High"),
    *("Difference", "DifferenceLow", "DifferenceHigh", "PValue", "Images", "Note"),
)
_LIMITS = (0.025, 0.975)


def summarise(rows: pd.DataFrame, seed: int = 0, resamples: int = 2000) -> pd.DataFrame:
    """Average the scores of each engine over the images of each class, and over all.

    Parameters
    ----------
    rows
        As ``evaluation.score_images`` makes them, of one or more engines on the same images.
    seed, resamples
        Of the bootstrap.

    Returns
    -------
    summary
        ``Engine``, ``Class`` (``all`` first), ``Measure``, ``Value``, ``Low``, ``High``, ``Images``, ``Groups``,
        ``Note``. Measures are the scores (means over images), ``seconds_per_megapixel`` (CPU seconds of all images by
        their megapixels) and ``peak_mb`` (the highest, without an interval). Intervals are NaN with one group.

    Raises
    ------
    DataError
        If engines were run on different images, or an image twice.
    """
    table = []
    for name, part, engines in _classes(rows):
        some = part[engines[0]]
        weights = _weights(some["Group"], seed, resamples)
        for engine in engines:
            values = part[engine]
            means, low, high = _means(values[list(SCORES)].to_numpy(float), some["Group"], weights)
            speed = _ratio(values["Seconds"], values["Megapixels"], some["Group"], weights)
            columns = [*zip(SCORES, means, low, high, strict=True), (SPEED, *speed)]
            columns.append((MEMORY, float(values["PeakMB"].max()), np.nan, np.nan))
            table += [(engine, name, *column, *_counts(some)) for column in columns]
    names = ["Engine", "Class", "Measure", "Value", "Low", "High", "Images", "Groups", "Note"]
    return pd.DataFrame(table, columns=names)


def mean_scores(rows: pd.DataFrame, groups: pd.Series, seed: int = 0, resamples: int = 2000) -> pd.DataFrame:
    """Average the scores of one segmentation over its images.

    Parameters
    ----------
    rows
        A row an image, with a column a score.
    groups
        Group of each image; the images' own names where nothing is known of them.
    seed, resamples
        Of the bootstrap.

    Returns
    -------
    means
        ``Measure``, ``Value``, ``Low``, ``High``, in the order of ``scoring.SCORES``.
    """
    means = _means(rows[list(SCORES)].to_numpy(float), groups, _weights(groups, seed, resamples))
    return pd.DataFrame(dict(zip(("Measure", "Value", "Low", "High"), (SCORES, *means), strict=True)))


def compare_engines(
    rows: pd.DataFrame, reference: str, seed: int = 0, resamples: int = 2000, permutations: int = 5000
) -> pd.DataFrame:
    """Compare every other engine with ``reference`` on the same images.

    Parameters
    ----------
    rows, seed, resamples
        As ``summarise``.
    reference
        Name of an engine.
    permutations
        Of the test: for each group the two engines are exchanged or not, at random.

    Returns
    -------
    differences
        ``Engine``, ``Reference``, ``Class``, ``Measure`` (scores), ``Difference`` (mean of engine minus reference),
        ``Low``, ``High``, ``PValue`` (two-sided), ``Images``, ``Groups``, ``Note``.

    Raises
    ------
    DataError
        As ``summarise``, or if ``reference`` is not among the engines.
    """
    if reference not in set(rows["Engine"]):
        raise DataError(f"engine {reference}: not evaluated. Hint: one of {', '.join(rows['Engine'].unique())}.")
    table = []
    for name, part, engines in _classes(rows):
        some = part[reference]
        weights = _weights(some["Group"], seed, resamples)
        for engine in engines:
            if engine == reference:
                continue
            difference = (part[engine][list(SCORES)] - some[list(SCORES)]).to_numpy(float)
            means, low, high = _means(difference, some["Group"], weights)
            p = _two_sided_p(difference, some["Group"], permutations, seed)
            columns = zip(SCORES, means, low, high, p, strict=True)
            table += [(engine, reference, name, *column, *_counts(some)) for column in columns]
    names = [
        "Engine",
        "Reference",
        "Class",
        "Measure",
        "Difference",
        "Low",
        "High",
        "PValue",
        "Images",
        "Groups",
        "Note",
    ]
    return pd.DataFrame(table, columns=names)


def ablate(
    rows: pd.DataFrame, ensembles: Mapping[str, Sequence[str]], seed: int = 0, resamples: int = 2000
) -> pd.DataFrame:
    """Tell what each member of an ensemble adds.

    Parameters
    ----------
    rows, seed, resamples
        As ``summarise``.
    ensembles
        Contender to members: the whole ensemble first, then its parts (all but one, each alone).

    Returns
    -------
    ablation
        ``Engine``, ``Members`` (joined by ``|``), ``Class``, ``Measure``, ``Value``, ``Low``, ``High``, ``Difference``
        (from the whole ensemble: below 0, what was left out helps), ``DifferenceLow``, ``DifferenceHigh``, ``PValue``,
        ``Images``, ``Note``; in the order of ``ensembles``. The whole ensemble has no differences.

    Raises
    ------
    DataError
        If one of the contenders was not evaluated.
    """
    whole, *_ = ensembles
    missing = [name for name in ensembles if name not in set(rows["Engine"])]
    if missing:
        raise DataError(f"ablation of {whole}: {missing[0]} was not evaluated. Hint: evaluate it as well.")
    mine = rows[rows["Engine"].isin(ensembles)]
    keys = ["Engine", "Class", "Measure"]
    new = {"Low": "DifferenceLow", "High": "DifferenceHigh"}
    differences = compare_engines(mine, whole, seed, resamples).rename(columns=new)
    differences = differences[[*keys, "Difference", *new.values(), "PValue"]]
    table = summarise(mine, seed, resamples).merge(differences, "left", keys)
    table["Members"] = table["Engine"].map({name: "|".join(members) for name, members in ensembles.items()})
    places = table["Engine"].map({name: place for place, name in enumerate(ensembles)})
    table = table.iloc[np.argsort(places, kind="stable")].reset_index(drop=True)
    return table[list(ABLATION_COLUMNS)]


def _classes(rows: pd.DataFrame) -> Iterator[tuple[str, Mapping[str, pd.DataFrame], list[str]]]:
    """Yield name, engine to rows, engines: first all images, then class by class; rows in the order of their images."""
    engines = list(dict.fromkeys(rows["Engine"]))
    by_engine = {name: part.set_index("Image").sort_index() for name, part in rows.groupby("Engine", sort=False)}
    first = by_engine[engines[0]]
    for name, part in by_engine.items():
        if part.index.has_duplicates:
            image = part.index[part.index.duplicated()][0]
            raise DataError(
                f"engine {name}: image {image} was evaluated twice. Hint: an image is held out in one fold."
            )
        other = part.index.symmetric_difference(first.index)
        if len(other):
            raise DataError(
                f"engines {engines[0]} and {name}: only one of them was evaluated on image {other[0]} ({len(other)} "
                "such). Hint: evaluate all contenders on the same images."
            )
    if ALL in set(first["Class"]):
        raise DataError(f"class {ALL}: the name stands for all images together. Hint: rename the class in the index.")
    yield ALL, by_engine, engines
    for name in sorted(first["Class"].unique()):
        inside = first["Class"] == name
        yield str(name), {engine: part[inside] for engine, part in by_engine.items()}, engines


def _counts(rows: pd.DataFrame) -> tuple[int, int, str]:
    return len(rows), rows["Group"].nunique(), "" if len(rows) >= ENOUGH_IMAGES else TOO_FEW


def _weights(groups: pd.Series, seed: int, resamples: int) -> np.ndarray:
    """How often each group, in order of name, is drawn in each resample; the same for every engine."""
    count = groups.nunique()
    rng = np.random.default_rng([seed, count])
    return rng.multinomial(count, np.full(count, 1 / count), size=resamples)


def _sums(values: np.ndarray, groups: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Sum (images, measures) over the images of each group, in order of name; and their number."""
    names, place = np.unique(groups.to_numpy(str), return_inverse=True)
    sums = np.zeros((names.size, values.shape[1]))
    np.add.at(sums, place, values)
    return sums, np.bincount(place)


def _means(values: np.ndarray, groups: pd.Series, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, low and high of each column of (images, measures)."""
    sums, counts = _sums(values, groups)
    low, high = _interval((weights @ sums) / (weights @ counts)[:, None], counts.size)
    return sums.sum(axis=0) / counts.sum(), low, high


def _ratio(above: pd.Series, below: pd.Series, groups: pd.Series, weights: np.ndarray) -> tuple[float, float, float]:
    sums, counts = _sums(np.column_stack([above, below]).astype(float), groups)
    drawn = weights @ sums
    low, high = _interval(drawn[:, :1] / drawn[:, 1:], counts.size)
    return float(sums[:, 0].sum() / sums[:, 1].sum()), float(low[0]), float(high[0])


def _interval(drawn: np.ndarray, groups: int) -> tuple[np.ndarray, np.ndarray]:
    if groups < 2:
        return np.full(drawn.shape[1], np.nan), np.full(drawn.shape[1], np.nan)
    low, high = np.quantile(drawn, _LIMITS, axis=0)
    return low, high


def _two_sided_p(difference: np.ndarray, groups: pd.Series, permutations: int, seed: int) -> np.ndarray:
    """Share of exchanges, the real one included, whose mean difference is at least as large, whatever its sign."""
    sums, _ = _sums(difference, groups)
    rng = np.random.default_rng([seed, len(sums)])
    flips = rng.integers(0, 2, size=(permutations, len(sums)), dtype=np.int8) * 2 - 1
    # Differences are sums of few fractions: equal totals must count as equal despite rounding.
    reached = np.abs(flips @ sums) >= np.abs(sums.sum(axis=0)) - 1e-9
    return (reached.sum(axis=0) + 1) / (permutations + 1)
