"""Section ``profiles``: from cells to one profile a well, and one a treatment."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from platewise.config.base import Section

EngineeredFeature = Annotated[str, StringConstraints(pattern=r"^(Nuclei|Cells|Cytoplasm)_[A-Za-z]+_.+$")]


class AggregateConfig(Section):
    """One profile a well from its cells."""

    method: Literal["median", "mean", "distribution"] = Field(
        "median",
        description="How the cells of a well are summed up. The median ignores debris and dividing outliers. "
        "`distribution` is the median, the median absolute deviation (columns `..._MAD`) and `quantiles` (`..._Q10`): "
        "for phenotypes of some cells only; profiles become so many times as wide.",
    )
    quantiles: tuple[Annotated[int, Field(ge=1, le=99)], ...] = Field(
        (10, 90), description="Quantiles of `distribution`, in percent. The median is there in any case."
    )
    border_cells: Literal["leave_out", "keep"] = Field(
        "leave_out",
        description="Cells cut by the image border have wrong shapes; `keep` them only where cells are few.",
    )
    few_cells: int = Field(
        20, ge=1, description="Wells with fewer cells than this are kept and flagged (`Metadata_FewCells`)."
    )

    @field_validator("quantiles")
    @classmethod
    def _each_once(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if 50 in value or len(set(value)) < len(value):
            raise ValueError(f"quantiles are {list(value)}; expected each once, and not 50, which is the median")
        return tuple(sorted(value))

    @property
    def statistics(self) -> list[str]:
        """What is said of every feature, as its column ends; the first, median or mean, has no ending."""
        return (
            ["", "MAD", *(f"Q{percent:02d}" for percent in self.quantiles)] if self.method == "distribution" else [""]
        )


class SizeRule(Section):
    """Debris and clumps."""

    feature: EngineeredFeature = Field("Nuclei_AreaShape_Area", description="The size of a cell.")
    smallest: float = Field(
        0.3, ge=0, lt=1, description="Cells smaller than this share of the typical size are left out as debris."
    )
    largest: float | None = Field(
        None,
        gt=1,
        description="Cells larger than this many times the typical size are left out as clumps. Treatments that "
        "enlarge cells lose theirs, too.",
    )


class OutlierRule(Section):
    """Cells that are unlike all others."""

    features: tuple[EngineeredFeature, ...] = Field(
        min_length=1, description="Features that tell a bad cell, such as `Nuclei_Intensity_MeanIntensity_DNA`."
    )
    max_mads: float = Field(
        8.0,
        gt=0,
        description="A cell further from the median than this many times 1.4826 median absolute deviations, in any of "
        "the features, is left out.",
    )


class CellsConfig(Section):
    """Which cells enter no profile, beside those at the image border. Off unless a rule is given."""

    size: SizeRule | None = Field(None, description="Debris and clumps; `{}` for the defaults.")
    outliers: OutlierRule | None = Field(None, description="Outliers in features that you name.")
    typical: Literal["controls", "plate"] = Field(
        "controls",
        description="Whose cells are typical: those in the plate's negative controls (all of the plate where there are "
        "none), or all of the plate.",
    )

    @property
    def features(self) -> list[str]:
        """The features that the rules look at; empty where there is no rule."""
        size = [self.size.feature] if self.size else []
        return list(dict.fromkeys([*size, *(self.outliers.features if self.outliers else ())]))


class NormaliseConfig(Section):
    """Every plate on the scale of its own negative controls."""

    min_controls: int = Field(
        4,
        ge=2,
        description="A plate with fewer negative controls than this is scaled to all of its wells, and flagged.",
    )
    prior_controls: float | Literal["auto"] = Field(
        "auto",
        description="How strongly a plate's scale is pulled towards the campaign's: as if that many "
        "further controls had shown the campaign's scale. 0 trusts each plate alone, a million the campaign alone; "
        "`auto` takes what predicts held-out controls best.",
    )

    @field_validator("prior_controls")
    @classmethod
    def _not_negative(cls, value: float | str) -> float | str:
        if value != "auto" and not float(value) >= 0:
            raise ValueError(f"prior_controls is {value}; expected `auto` or a number from 0 up")
        return value


class SelectConfig(Section):
    """Features kept for the whole campaign."""

    max_missing: float = Field(
        0.05, ge=0, le=1, description="Largest share of wells in which a feature may be missing."
    )
    min_variance: float = Field(1e-6, ge=0, description="Features that vary less than this over all wells are dropped.")
    frequency_cut: float = Field(
        0.05,
        ge=0,
        le=1,
        description="A feature is also dropped when its second most frequent value is rarer than this share "
        "of the most "
        "frequent one and few values differ (`unique_cut`): then it is constant but for a few wells.",
    )
    unique_cut: float = Field(
        0.1, ge=0, le=1, description="Share of distinct values below which the rule above applies."
    )
    max_correlation: float = Field(0.9, gt=0, le=1, description="Of two features correlated above this one is dropped.")
    max_value: float = Field(
        500.0, gt=0, description="A feature with a normalised value beyond plus or minus this has no usable scale."
    )


class ConsensusConfig(Section):
    """One profile a treatment from its replicate wells."""

    method: Literal["median", "mean", "modz"] = Field(
        "median",
        description="`median` ignores an outlying replicate but wastes much of the data when there are two "
        "or three; then "
        "`mean` is better. `modz` weighs replicates by their agreement with the others.",
    )


class ProfilesConfig(Section):
    """From cells to profiles."""

    cells: CellsConfig = Field(CellsConfig(), description="Which cells are left out.")
    aggregate: AggregateConfig = Field(default_factory=AggregateConfig, description="Cells to wells.")
    normalise: NormaliseConfig = Field(default_factory=NormaliseConfig, description="Wells to the controls' scale.")
    select: SelectConfig = Field(default_factory=SelectConfig, description="Which features are kept.")
    consensus: ConsensusConfig = Field(default_factory=ConsensusConfig, description="Wells to treatments.")
