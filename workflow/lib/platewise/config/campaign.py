"""The whole config of a campaign."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from platewise.config.annotations import AnnotationsConfig
from platewise.config.base import Section
from platewise.config.blocks import BlocksConfig
from platewise.config.correction import CorrectionConfig
from platewise.config.crops import CropsConfig
from platewise.config.embedding import EmbeddingConfig
from platewise.config.evaluation import EvaluationConfig
from platewise.config.illumination import IlluminationConfig, RetrospectiveIllumination
from platewise.config.images import ImagesConfig
from platewise.config.measure import MeasureConfig
from platewise.config.metadata import MetadataConfig
from platewise.config.network import NetworkConfig
from platewise.config.ploidy import PLOIDY_GROUPS, PloidyConfig
from platewise.config.profiles import ProfilesConfig
from platewise.config.qc import QcConfig
from platewise.config.ranking import RankingConfig
from platewise.config.report import ReportConfig
from platewise.config.segmentation import SegmentationConfig
from platewise.config.segmentation_evaluation import SegmentationEvaluationConfig
from platewise.config.segmenters import SegmenterConfig
from platewise.config.shortlist import ShortlistConfig
from platewise.config.store import StoreConfig
from platewise.config.table import TableConfig

# The name of engineered features among {features}; every other name is an embedding's.
CLASSICAL = "classical"

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class CampaignConfig(Section):
    """One campaign: a set of plates that are profiled and compared together."""

    campaign: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")] = Field(
        description="Name of the campaign. Becomes a folder under `results`."
    )
    results: str = Field("results", description="Folder for all results. `${NAME}` is replaced by the environment's.")
    seed: int = Field(0, ge=0, description="Seed of everything random. The same seed and input give the same numbers.")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto",
        description="`auto` takes a GPU where there is one; `cuda` insists on it; `cpu` never uses one.",
    )
    container: str | None = Field(
        None,
        description="Image in which jobs run with `--sdm apptainer`: a `.sif` file made from `envs/platewise.def`, or "
        "any address that apptainer takes.",
    )
    plates: str | None = Field(
        None, description="Path of the sheet of plates (`plates.tsv`), for a campaign that starts from images."
    )
    table: TableConfig | None = Field(
        None, description="Tables of well profiles, for a campaign that starts from profiles made elsewhere."
    )
    plate_format: Literal[6, 12, 24, 48, 96, 384, 1536] = Field(
        384, description="Wells of the physical plate, where the sheet of plates has no `format`."
    )
    metadata: MetadataConfig = Field(
        MetadataConfig(), description="How plate maps and tables of perturbations are read."
    )
    images: ImagesConfig | None = Field(None, description="Channels and readers; needed with `plates`.")
    blocks: BlocksConfig = Field(BlocksConfig(), description="How a plate is cut into jobs.")
    store: StoreConfig = Field(StoreConfig(), description="What the OME-Zarr plate store holds.")
    illumination: IlluminationConfig = Field(RetrospectiveIllumination(), description="Correction of uneven light.")
    segmentation: SegmentationConfig = Field(SegmentationConfig(), description="How nuclei and cells are found.")
    annotations: dict[Name, AnnotationsConfig] = Field(
        {}, description="Annotated images by name, to train segmenters on and to hold engines against."
    )
    segmenters: dict[Name, SegmenterConfig] = Field(
        {},
        description="What the campaign itself trains to find nuclei and cells, by name. Needs neither `plates` nor "
        "`table`.",
    )
    segmentation_evaluation: SegmentationEvaluationConfig | None = Field(
        None, description="Engines compared on the same annotated images. Left out: no comparison."
    )
    ranking: RankingConfig | None = Field(
        None, description="Which fields are most worth annotating. Left out: they are not ranked."
    )
    measure: MeasureConfig = Field(MeasureConfig(), description="Engineered features of every cell.")
    crops: CropsConfig = Field(CropsConfig(), description="Single-cell images for the learned features.")
    embeddings: dict[Name, EmbeddingConfig] = Field(
        {}, description="Learned features by name, such as `deep`. Empty: engineered features only."
    )
    preset_features: Name = Field(
        CLASSICAL,
        description="The features whose network is the campaign's result: `classical` or an embedding's name. Like "
        "`correction.preset`, choose it before looking at the scores.",
    )
    profiles: ProfilesConfig = Field(ProfilesConfig(), description="From cells to well profiles.")
    correction: CorrectionConfig = Field(CorrectionConfig(), description="Batch correction.")
    network: NetworkConfig = Field(NetworkConfig(), description="The network of perturbations.")
    shortlist: ShortlistConfig = Field(
        ShortlistConfig(), description="Which perturbations are worth following up: what they must show."
    )
    evaluation: EvaluationConfig = Field(EvaluationConfig(), description="How the network is held against annotations.")
    ploidy: PloidyConfig | None = Field(
        PloidyConfig(),
        description="DNA content of nuclei. Nothing is scored where `measure.groups` lacks AreaShape or Intensity, or "
        "with `null`.",
    )
    qc: QcConfig = Field(QcConfig(), description="When a field or well is flagged.")
    report: ReportConfig = Field(ReportConfig(), description="What the report shows.")

    @property
    def features(self) -> list[str]:
        """Kinds of features that profiles are made of: ``classical`` and the embeddings."""
        return [CLASSICAL, *self.embeddings]

    @property
    def ploidy_channel(self) -> str | None:
        """The channel whose DNA content is scored; None where none is."""
        measured = {group.group for group in self.measure.groups}
        if self.plates is None or self.ploidy is None or not measured.issuperset(PLOIDY_GROUPS):
            return None
        return self.ploidy.channel or self.segmentation.nuclei_channel
