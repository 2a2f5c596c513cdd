"""Wells to the scale of their plate's negative controls (level 4a)."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t as student

from platewise.algorithms import ALGORITHMS
from platewise.config.profiles import NormaliseConfig
from platewise.profiles.frame import is_negcon, join_profiles, split_profiles
from platewise.profiles.schema import check_plates
from platewise.tables import read_table, write_table

NORMALISED_TO = "Metadata_NormalisedTo"
FEATURES_BY_PLATE = "Metadata_FeaturesNormalisedToPlate"

# 1 / Phi^-1(3/4): makes the MAD of normal data estimate their standard deviation.
MAD_TO_SD = 1.482602218505602
PRIORS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, np.inf)
# The predictive density has heavy tails, so that one odd well does not choose the weight.
_DEGREES = 5
# What more plates and wells would add to the choice of one number is not worth their time.
_MAX_PLATES = 32
_MAX_HELD_OUT = 8
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class CampaignScale:
    """What the controls of the whole campaign say.

    Attributes
    ----------
    pooled
        Scale within plates, ``(features,)``; a single NaN without a plate that has enough controls.
    prior_controls
        How many controls that scale counts for on every plate.
    likelihood
        Mean log-likelihood of held-out controls for each candidate; empty where there was nothing to choose.
    """

    pooled: np.ndarray
    prior_controls: float
    likelihood: dict[float, float]


def run_normalise_plates(
    wells_paths: Mapping[str, str],
    out_paths: Mapping[str, str],
    config: NormaliseConfig,
    fitted_on: Collection[str] | None = None,
) -> CampaignScale:
    """Normalise every plate of a campaign; one plate is held in memory at a time, and all controls.

    Parameters
    ----------
    wells_paths
        ``{features}.wells.parquet`` by plate.
    out_paths
        ``{features}.normalised.parquet`` by plate; each has the rows of its input, in their order.
    config
        Section ``profiles.normalise``.
    fitted_on
        Plates whose controls tell the campaign's scale; all for None. Other plates do not move theirs.

    Raises
    ------
    DataError
        If plates differ in their features.
    """
    check_plates(wells_paths)
    fitted = [plate for plate in wells_paths if fitted_on is None or plate in fitted_on]
    controls = {}
    for plate in fitted:
        metadata, values, _ = split_profiles(read_table(wells_paths[plate]))
        controls[plate] = values[is_negcon(metadata)]
    scale = fit_campaign_scale([rows for rows in controls.values() if len(rows) >= config.min_controls], config)
    facts = {
        "stage": "profiles",
        "algorithm": ALGORITHMS["profiles"],
        "parameters": {**config.model_dump(), "prior_controls": str(config.prior_controls)},
        "fitted_on": fitted,
        "prior_controls": str(scale.prior_controls),
        "likelihood": {str(prior): value for prior, value in scale.likelihood.items()},
    }
    for plate, path in wells_paths.items():
        write_table(normalise_plate(read_table(path), scale, config), out_paths[plate], facts)
    return scale


def fit_campaign_scale(controls: Sequence[np.ndarray], config: NormaliseConfig) -> CampaignScale:
    """Pool the scale of the controls over plates, and choose how much it weighs.

    The weight is one number for the campaign, chosen from negative controls alone: one control at a time is held out of
    its plate, the plate's centre and scale are estimated from its other controls, the pooled scale from the other
    plates, and the number under which the held-out controls are most likely (Student t with 5 degrees of freedom, mean
    over controls and features) is taken. At most 32 evenly spaced plates and 8 controls of each take part. With a
    single plate there is nothing to pool and the weight is 0.

    Parameters
    ----------
    controls
        Level-3 features of the negative controls of each plate that has enough, ``(controls, features)`` each.
    config
        ``prior_controls`` a number skips the choice.
    """
    if not controls:
        return CampaignScale(np.array(np.nan), 0.0, {})
    pooled = pooled_scale(controls)
    if config.prior_controls != "auto":
        return CampaignScale(pooled, float(config.prior_controls), {})
    if len(controls) < 2:
        return CampaignScale(pooled, 0.0, {})
    likelihood = held_out_likelihood(controls)
    # Ties go to the larger prior: with equal evidence the steadier scale.
    best = max(reversed(PRIORS), key=lambda prior: likelihood[prior])
    return CampaignScale(pooled, best, likelihood)


def robust_scale(values: np.ndarray) -> np.ndarray:
    """Return 1.4826 times the median absolute deviation of each column, missing values left out."""
    return MAD_TO_SD * _nanmedian(np.abs(values - _nanmedian(values)))


def pooled_scale(controls: Sequence[np.ndarray]) -> np.ndarray:
    """Return the scale of controls around their own plate's median, pooled over plates, ``(features,)``.

    Deviations from a centre that was estimated from n controls are too small by about sqrt(1 - 1/n), which is put
    right; what is then still missing (a tenth with 6 to 8 controls) is the same for every feature.
    """
    return MAD_TO_SD * _nanmedian(np.concatenate([_deviations(rows) for rows in controls]))


def shrunk_scale(own: np.ndarray, count: int, pooled: np.ndarray, prior: float) -> np.ndarray:
    """Return sqrt((count * own^2 + prior * pooled^2) / (count + prior)); the pooled scale for an infinite prior.

    A feature without a pooled scale keeps its own.
    """
    pooled = np.where(pooled > 0, pooled, own)
    if np.isinf(prior):
        return pooled.copy()
    return np.sqrt((count * own**2 + prior * pooled**2) / (count + prior))


def held_out_likelihood(controls: Sequence[np.ndarray]) -> dict[float, float]:
    """Return the mean log-likelihood of held-out controls for each of ``PRIORS``; see `fit_campaign_scale`."""
    totals, terms = dict.fromkeys(PRIORS, 0.0), 0
    deviations = [_deviations(rows) for rows in controls]
    for index in _spread(len(controls), _MAX_PLATES):
        rows = controls[index]
        others = [other for number, other in enumerate(deviations) if number != index]
        pooled = MAD_TO_SD * _nanmedian(np.concatenate(others))
        for held_out in _spread(len(rows), _MAX_HELD_OUT):
            rest = np.delete(rows, held_out, axis=0)
            own, deviation = robust_scale(rest), rows[held_out] - _nanmedian(rest)
            usable = (own > 0) & (pooled > 0) & np.isfinite(deviation)
            terms += int(usable.sum())
            for prior in PRIORS:
                scale = shrunk_scale(own[usable], len(rest), pooled[usable], prior)
                totals[prior] += float(student.logpdf(deviation[usable], _DEGREES, scale=scale).sum())
    return {prior: total / max(terms, 1) for prior, total in totals.items()}


def normalise_plate(wells: pd.DataFrame, scale: CampaignScale, config: NormaliseConfig) -> pd.DataFrame:
    """Centre and scale one plate, feature by feature: (x - median) / scale.

    Centre and scale are those of the plate's negative controls. With fewer than ``min_controls`` of them, and for a
    feature whose controls have MAD 0, they are those of all wells of the plate, not shrunk. A feature without any scale
    is 0 where it equals the median and missing elsewhere.

    Returns
    -------
    normalised
        The rows of ``wells`` in their order; ``Metadata_NormalisedTo`` is ``negcon`` or ``plate``, and
        ``Metadata_FeaturesNormalisedToPlate`` counts the features that had to take all wells.
    """
    metadata, values, features = split_profiles(wells)
    controls = values[is_negcon(metadata)]
    centre, spread = _nanmedian(values), robust_scale(values)
    by_plate = np.ones(len(features), dtype=bool)
    if len(controls) >= config.min_controls:
        own = robust_scale(controls)
        by_plate = ~(own > 0)
        centre = np.where(by_plate, centre, _nanmedian(controls))
        spread = np.where(by_plate, spread, shrunk_scale(own, len(controls), scale.pooled, scale.prior_controls))
        target = "negcon"
    else:
        target = "plate"
    metadata = metadata.assign(**{NORMALISED_TO: target, FEATURES_BY_PLATE: int(by_plate.sum())})
    return join_profiles(metadata, _scaled(values - centre, spread), features)


def _deviations(rows: np.ndarray) -> np.ndarray:
    return np.abs(rows - _nanmedian(rows)) * np.sqrt(len(rows) / (len(rows) - 1))


def _scaled(deviation: np.ndarray, spread: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # As large as level 4a can store: too large for the selection, and not infinite.
        scaled = np.clip(deviation / spread, -_LARGEST, _LARGEST)
    none = ~(spread > 0)
    scaled[:, none] = np.where(deviation[:, none] == 0, 0.0, np.nan)
    return scaled


def _nanmedian(values: np.ndarray) -> np.ndarray:
    if values.size == 0:
        return np.full(values.shape[1], np.nan)
    with warnings.catch_warnings():
        # A feature that is missing everywhere has no median; it is dropped at selection.
        warnings.filterwarnings("ignore", "All-NaN", RuntimeWarning)
        return np.nanmedian(values, axis=0)


def _spread(count: int, most: int) -> np.ndarray:
    """Return at most ``most`` evenly spaced indices below ``count``."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))
