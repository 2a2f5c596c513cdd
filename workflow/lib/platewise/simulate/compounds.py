"""The compound library of a design: names, MOAs, potencies, and what each compound does at a dose."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from platewise.simulate.mechanisms import Mechanism, direction

# A compound's own deviation from its MOA, per mechanism, in units of a strong effect.
_IDIOSYNCRASY = 0.08
VEHICLE = "DMSO"


POSITIVE_DOSE_UM = 10.0


@dataclass(frozen=True)
class Compound:
    """A compound of the library.

    Attributes
    ----------
    strength
        Length of the effect along the MOA's direction at saturating dose; 0 is inactive.
    ec50_um, hill
        Parameters of the Hill curve over the dose in micromolar.
    idiosyncrasy
        The compound's own effect at saturating dose, added to the MOA's, one value a mechanism.
    wild_type
        Of a variant the name of its wild type. Alleles are rendered as compounds are.
    """

    name: str
    moa: str
    strength: float
    ec50_um: float
    hill: float
    idiosyncrasy: tuple[float, ...]
    wild_type: str = ""

    @property
    def active(self) -> bool:
        """Whether the compound does anything at any dose."""
        return self.strength > 0


# In wells of positive controls: as strong as the strongest of a library, and saturating.
POSITIVE_CONTROL = Compound(
    name="PW-0001",
    moa="Tubulin polymerization inhibitor",
    strength=1.35,
    ec50_um=0.1,
    hill=1.5,
    idiosyncrasy=(0.0,) * len(Mechanism),
)


def hill_response(dose_um: float, ec50_um: float, hill: float) -> float:
    """Return the Hill curve ``d^h / (d^h + EC50^h)``, in [0, 1); dose and EC50 in micromolar."""
    if dose_um <= 0:
        return 0.0
    return float(1.0 / (1.0 + (ec50_um / dose_um) ** hill))


def activity(compound: Compound | None, dose_um: float) -> float:
    """Return how far along its direction a compound pushes at a dose: strength times Hill response; 0 for a control."""
    if compound is None:
        return 0.0
    return compound.strength * hill_response(dose_um, compound.ec50_um, compound.hill)


def effect(compound: Compound | None, dose_um: float) -> np.ndarray:
    """Return the effect vector of a treatment, shape (number of mechanisms,); zeros for ``None`` (a control)."""
    if compound is None or not compound.active:
        return np.zeros(len(Mechanism))
    return activity(compound, dose_um) * (direction(compound.moa) + np.asarray(compound.idiosyncrasy))


def make_library(moas: tuple[tuple[str, int], ...], inactive: int, seed: int) -> tuple[Compound, ...]:
    """Draw a library of compounds.

    Parameters
    ----------
    moas
        Pairs of a MOA and its number of compounds.
    inactive
        How many compounds do nothing, one a MOA, from the MOAs with the most compounds on: as in a real library they
        keep the MOA they are annotated with.
    seed
        Of the library; the same seed gives the same compounds.
    """
    rng = np.random.default_rng([seed, 0x11B])
    total = sum(count for _, count in moas)
    numbers = np.sort(rng.choice(np.arange(101, 3000), total, replace=False))
    rng.shuffle(numbers)
    inactive_moas = {moa for moa, _ in sorted(moas, key=lambda pair: -pair[1])[:inactive]}
    library = []
    for moa, count in moas:
        for member in range(count):
            number = int(numbers[len(library)])
            library.append(_draw(rng, number, moa, moa not in inactive_moas or member < count - 1))
    return tuple(sorted(library, key=lambda compound: compound.name))


def make_alleles(pairs: tuple[tuple[str, str, str, str], ...], seed: int) -> tuple[Compound, ...]:
    """Draw pairs of a wild type and a variant.

    Parameters
    ----------
    pairs
        Names of wild type and variant, and the MOA whose phenotype each has. Where it is the same, the two do exactly
        the same.
    seed
        Of the library.
    """
    rng = np.random.default_rng([seed, 0xA11])
    alleles = []
    for wild_type, variant, first, second in pairs:
        alleles.append(replace(_draw(rng, 0, first, True), name=wild_type))
        other = replace(_draw(rng, 0, second, True), name=variant)
        own = other if first != second else replace(alleles[-1], name=variant)
        alleles.append(replace(own, wild_type=wild_type))
    return tuple(alleles)


def _draw(rng: np.random.Generator, number: int, moa: str, active: bool) -> Compound:
    strength = float(np.clip(np.exp(rng.normal(0, 0.2)), 0.65, 1.35))
    return Compound(
        name=f"PW-{number:04d}",
        moa=moa,
        strength=round(strength, 4) if active else 0.0,
        ec50_um=round(float(np.exp(rng.normal(np.log(1.2), 0.6))), 4),
        hill=round(float(rng.uniform(1.0, 2.2)), 3),
        idiosyncrasy=tuple(np.round(rng.normal(0, _IDIOSYNCRASY, len(Mechanism)), 4).tolist()),
    )
