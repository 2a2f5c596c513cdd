"""Designs of rendered campaigns and their presets."""

from __future__ import annotations

from dataclasses import dataclass

from platewise.errors import ConfigError, Problem
from platewise.plan.wells import FORMATS
from platewise.simulate.compounds import Compound, make_alleles, make_library


@dataclass(frozen=True)
class Design:
    """What a rendered campaign consists of.

    Attributes
    ----------
    plate_format
        Number of wells of the physical plate; every well of ``wells`` is filled, the others stay empty.
    wells
        Wells in use on a plate: treatments plus controls.
    field_size
        Height and width of a field in pixels, of the size of the real ones (20x, 0.6 micrometres).
    moas
        Pairs of a MOA and its number of compounds.
    inactive
        How many of these compounds do nothing.
    doses_um
        Every compound is given at each of these, micromolar.
    replicates
        Wells of a treatment in a batch, on different plates as far as there are enough.
    cells_per_field
        Expected number of nuclei in a field of untreated cells.
    positives_per_plate
        Wells of a plate with the positive control.
    batch_effect
        Factor on how far stain, background, sharpness, bleed-through and illumination of the batches lie apart; the
        demo's is 1.
    library_seed
        Of the compounds, which stay the same whatever the seed of the campaign.
    alleles
        Further perturbations: pairs of a wild type and a variant, and the MOA whose phenotype each has.
    """

    name: str
    batches: int
    plates_per_batch: int
    plate_format: int
    wells: int
    fields_per_well: int
    field_size: int
    moas: tuple[tuple[str, int], ...]
    inactive: int
    doses_um: tuple[float, ...]
    replicates: int
    controls_per_plate: int
    cells_per_field: float
    positives_per_plate: int = 0
    batch_effect: float = 1.0
    library_seed: int = 7
    alleles: tuple[tuple[str, str, str, str], ...] = ()

    def __post_init__(self) -> None:
        _check(self)

    @property
    def compounds(self) -> tuple[Compound, ...]:
        """The compound library, and the alleles."""
        library = make_library(self.moas, self.inactive, self.library_seed)
        return (*library, *make_alleles(self.alleles, self.library_seed))

    @property
    def treatments(self) -> tuple[tuple[Compound, float], ...]:
        """Every compound at every dose."""
        return tuple((compound, dose) for compound in self.compounds for dose in self.doses_um)

    @property
    def plates(self) -> tuple[tuple[str, str], ...]:
        """Pairs of plate and batch, in order."""
        return tuple(
            (f"PW{batch + 1:02d}{plate + 1:03d}", f"batch{batch + 1}")
            for batch in range(self.batches)
            for plate in range(self.plates_per_batch)
        )


def _check(design: Design) -> None:
    place = f"rendered design {design.name!r}"
    problems = []
    if design.plate_format not in FORMATS:
        allowed = ", ".join(map(str, FORMATS))
        problems.append(
            Problem(
                f"{place}, plate_format", str(design.plate_format), f"one of {allowed}", "choose a plate that exists"
            )
        )
    elif design.wells > design.plate_format:
        problems.append(
            Problem(
                f"{place}, wells",
                str(design.wells),
                f"at most {design.plate_format}",
                "use fewer wells or a larger plate",
            )
        )
    slots = design.plates_per_batch * (design.wells - design.controls_per_plate - design.positives_per_plate)
    perturbations = sum(count for _, count in design.moas) + 2 * len(design.alleles)
    needed = design.replicates * len(design.doses_um) * perturbations
    if slots != needed:
        problems.append(
            Problem(
                f"{place}, wells",
                f"{slots} wells a batch for treatments",
                f"{needed}: perturbations x doses x replicates",
                "change wells, controls_per_plate, positives_per_plate, plates_per_batch, doses_um, moas, alleles or "
                "replicates",
            )
        )
    if problems:
        raise ConfigError(problems)


_PANEL = (
    "Aurora kinase inhibitor",
    "Tubulin polymerization inhibitor",
    "HDAC inhibitor",
    "RNA polymerase I inhibitor",
    "Mitochondrial uncoupler",
    "Golgi transport inhibitor",
    "Actin polymerization inhibitor",
    "Topoisomerase inhibitor",
    "mTOR inhibitor",
    "V-ATPase inhibitor",
    "CDK inhibitor",
    "Proteasome inhibitor",
)

PRESETS: dict[str, Design] = {
    design.name: design
    for design in (
        Design(
            name="demo",
            batches=2,
            plates_per_batch=2,
            plate_format=24,
            wells=24,
            fields_per_well=1,
            field_size=540,
            moas=tuple(zip(_PANEL[:7], (3, 3, 3, 3, 3, 3, 2), strict=True)),
            inactive=2,
            doses_um=(10.0,),
            replicates=2,
            controls_per_plate=4,
            cells_per_field=31,
        ),
        Design(
            name="batches",
            batches=4,
            plates_per_batch=2,
            plate_format=48,
            wells=48,
            fields_per_well=1,
            field_size=540,
            moas=tuple(zip(_PANEL, (4,) * 6 + (3,) * 6, strict=True)),
            inactive=4,
            doses_um=(10.0,),
            replicates=2,
            controls_per_plate=6,
            cells_per_field=31,
            batch_effect=4.0,
        ),
        Design(
            name="variants",
            batches=2,
            plates_per_batch=2,
            plate_format=24,
            wells=24,
            fields_per_well=1,
            field_size=540,
            moas=(),
            inactive=0,
            doses_um=(10.0,),
            replicates=10,
            controls_per_plate=4,
            cells_per_field=31,
            alleles=(
                ("GENE1-WT", "GENE1-R50W", "HDAC inhibitor", "Actin polymerization inhibitor"),
                ("GENE2-WT", "GENE2-A7T", "Golgi transport inhibitor", "Golgi transport inhibitor"),
            ),
        ),
        Design(
            name="demo-large",
            batches=2,
            plates_per_batch=3,
            plate_format=96,
            wells=96,
            fields_per_well=2,
            field_size=540,
            moas=tuple(zip(_PANEL, (4,) * 6 + (3,) * 6, strict=True)),
            inactive=4,
            doses_um=(0.3, 2.0, 12.0),
            replicates=2,
            controls_per_plate=12,
            cells_per_field=31,
        ),
        Design(
            name="doses",
            batches=1,
            plates_per_batch=3,
            plate_format=48,
            wells=48,
            fields_per_well=1,
            field_size=540,
            moas=(("Aurora kinase inhibitor", 2), ("Golgi transport inhibitor", 2), ("Mitochondrial uncoupler", 2)),
            inactive=1,
            doses_um=(0.1, 0.3, 1.0, 3.0, 10.0, 30.0),
            replicates=3,
            controls_per_plate=8,
            cells_per_field=31,
            positives_per_plate=4,
        ),
        Design(
            name="small",
            batches=2,
            plates_per_batch=1,
            plate_format=6,
            wells=6,
            fields_per_well=1,
            field_size=400,
            moas=(("Aurora kinase inhibitor", 2), ("Golgi transport inhibitor", 2)),
            inactive=0,
            doses_um=(10.0,),
            replicates=1,
            controls_per_plate=2,
            cells_per_field=20,
        ),
        Design(
            name="tiny",
            batches=1,
            plates_per_batch=1,
            plate_format=6,
            wells=4,
            fields_per_well=1,
            field_size=256,
            moas=(("Aurora kinase inhibitor", 1), ("Mitochondrial uncoupler", 1)),
            inactive=0,
            doses_um=(10.0,),
            replicates=1,
            controls_per_plate=2,
            cells_per_field=10,
        ),
    )
}


def preset(name: str) -> Design:
    """Return the design of that name.

    Raises
    ------
    ConfigError
        If there is none, with the names there are.
    """
    if name not in PRESETS:
        known = ", ".join(sorted(PRESETS))
        raise ConfigError([Problem("rendered design", repr(name), f"one of {known}", "choose one of these presets")])
    return PRESETS[name]
