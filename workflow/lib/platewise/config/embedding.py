"""The config section of one embedding: a network that turns the crop of a cell into a few numbers.

The section is a tagged union: ``kind`` says how the network comes by its weights, and which other keys there are.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from platewise.config.base import Section


class AugmentConfig(Section):
    """Random changes to training crops that do not change which perturbation a cell was given."""

    turns: bool = Field(
        default=True, description="Mirror crops and turn them by multiples of 90 degrees: cells have no up or down."
    )
    shift: int = Field(
        default=3,
        ge=0,
        le=64,
        description="Move crops by up to this many pixels of the network's input, so that the network does not rely on "
        "the exact centre of the nucleus.",
    )
    gain: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Multiply each channel of each crop by a random factor between 1 - gain and 1 + gain.",
    )
    offset: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Add to each channel of each crop a random amount between -offset and +offset standard deviations.",
    )


# Where a cell comes from, apart from what it was given.
Origin = Literal["batch", "plate", "position"]


class AdversaryConfig(Section):
    """Heads that try to name where a cell comes from, and from which the features learn to hide it."""

    against: tuple[Origin, ...] = Field(
        default=("batch",),
        min_length=1,
        description="What must not be readable from the features: the `batch`, the `plate`, the well's `position`. One "
        "head for each; it learns from cells of perturbations that occur in several of them only.",
    )
    weight: float = Field(
        default=0.3,
        gt=0,
        le=100,
        description="How much hiding counts beside naming the perturbation, at the end of the training; it rises from "
        "0. More removes more, at last of the biology too: watch both accuracies in the report.",
    )
    head_steps: int = Field(
        default=5,
        ge=1,
        le=100,
        description="Steps that each head learns for each step of the network. A head that lags behind is fooled, and "
        "what it no longer sees is still there.",
    )

    @model_validator(mode="after")
    def _each_once(self) -> AdversaryConfig:
        if len(set(self.against)) < len(self.against):
            raise ValueError(f"against names {', '.join(self.against)}; name each once")
        return self


NetworkKind = Literal["small", "resnet", "efficientnet"]


class CropsSection(Section):
    """How a network is shown the crops of cells."""

    downscale: int = Field(
        default=2,
        ge=1,
        le=8,
        description="Shrink crops by this factor (mean of the pixels) before the network sees them; 2 makes training "
        "four times faster and costs little at 20x. Must divide the size of the crops.",
    )
    normalise: Literal["crop", "plate"] = Field(
        default="plate",
        description="How brightness is made comparable. `plate` subtracts and divides by one number a channel and "
        "plate (medians over the plate's cells), which keeps differences in brightness between cells of a plate. "
        "`crop` gives every channel of every crop mean 0 and standard deviation 1: nothing of a plate's staining is "
        "left, and neither is the brightness of a cell; for plates on which most cells are changed. Neither needs "
        "retraining for a new plate, and neither sees a gain or an offset of a whole plate and channel.",
    )
    batch: int = Field(
        default=256,
        ge=1,
        description="Crops in one batch when cells are embedded; halved by itself when a GPU runs out of memory.",
    )


class EmbeddingBase(CropsSection):
    """The convolutional network that every kind of embedding of platewise's own shares."""

    network: NetworkKind = Field(
        default="small",
        description="`small`: three residual blocks, 0.2 million parameters at width 16, for a CPU and a few plates. "
        "`resnet`: as deep as ResNet-18; 0.7, 2.8, 11 and 25 million parameters at the widths 16, 32, 64 and 96. "
        "`efficientnet`: as deep as EfficientNet-B0; 1, 3.6, 14 and 22 million at 16, 32, 64 and 80. The larger ones "
        "are for a GPU and many plates.",
    )

    width: int = Field(
        default=16,
        ge=8,
        le=128,
        multiple_of=8,
        description="Number of filters of the first layer, a multiple of 8. More see more and train slower; worth "
        "trying with many plates.",
    )
    features: int = Field(
        default=128,
        ge=8,
        le=1000,
        multiple_of=8,
        description="Number of features a cell gets (columns Deep_000, Deep_001, ...); a multiple of 8.",
    )
    seed: int = Field(
        default=0,
        ge=0,
        description="Seed of this network. Without it, the campaign's. Networks that differ in nothing else show how "
        "much chance is in a training.",
    )


class TrainedEmbedding(EmbeddingBase):
    """What every kind of training has."""

    train_plates: tuple[str, ...] | None = Field(
        default=None,
        description="Plates to train on. Left out: all plates with images but the validation plates, as they are when "
        "the network is first trained; plates that come later are embedded by it as it is.",
    )
    validation_plates: tuple[str, ...] = Field(
        default=(),
        description="Plates that are only used to measure how well the network names perturbations on a plate it has "
        "not seen. They should carry the same perturbations as the training plates. Empty: no such figure.",
    )
    validation_wells: float = Field(
        default=0.0,
        ge=0,
        le=0.5,
        description="Share of the wells of the training plates that are only used to measure, of each perturbation "
        "that has at least two there: how well the network does on new wells of plates it knows.",
    )
    adversary: AdversaryConfig | None = Field(
        default=None,
        description="Adversarial batch removal: what must not be readable from the features. Left out: no adversary.",
    )
    cells_per_well: int = Field(
        default=200,
        ge=1,
        description="The most cells of a well that are trained on. They are copied to one file, on `scratch` if the "
        "profile names one: about 23 kB each with 5 channels, size 96 and downscale 2.",
    )
    epochs: int = Field(
        default=20,
        ge=1,
        description="Number of passes. A pass is `steps_per_epoch` steps, whatever the number of cells. The defaults "
        "suit a few thousand cells on a CPU (about a minute); give a large campaign more, on a GPU.",
    )
    steps_per_epoch: int = Field(default=32, ge=1, description="Number of training steps in a pass.")
    train_batch: int = Field(
        default=64, ge=2, description="Crops in one training step. Changing it changes the result."
    )
    learning_rate: float = Field(
        default=2e-3,
        gt=0,
        le=1,
        description="Highest learning rate; it rises over the first twentieth of all steps, then falls as a cosine.",
    )
    weight_decay: float = Field(default=0.05, ge=0, le=10, description="Weight decay of AdamW.")
    gpus: int = Field(
        default=1,
        ge=1,
        le=16,
        description="GPUs of one node that train together, each with its share of `train_batch`. Changing it changes "
        "the result. On a CPU one process trains, whatever it says.",
    )
    precision: Literal["full", "mixed"] = Field(
        default="mixed",
        description="`mixed`: bfloat16 where a GPU trains, and float32 where it would lose by it; always float32 on a "
        "CPU and when cells are embedded.",
    )
    augment: AugmentConfig = Field(default=AugmentConfig(), description="Random changes to the training crops.")

    @model_validator(mode="after")
    def _apart(self) -> TrainedEmbedding:
        both = sorted(set(self.train_plates or ()) & set(self.validation_plates))
        if both:
            raise ValueError(
                f"plate(s) {', '.join(both)} are in train_plates and in validation_plates; a plate that was trained on "
                "cannot tell how the network does on a new one, so take it out of one of the two"
            )
        if self.train_plates is not None and not self.train_plates:
            raise ValueError("train_plates is empty; name at least one plate, or leave the key out to train on all")
        return self

    @model_validator(mode="after")
    def _shares(self) -> TrainedEmbedding:
        if self.train_batch % self.gpus or self.train_batch // self.gpus < 2:
            raise ValueError(
                f"train_batch is {self.train_batch} and gpus is {self.gpus}; each GPU takes the same number of crops, "
                "two or more, so make train_batch a multiple of gpus"
            )
        return self


class WeakEmbedding(TrainedEmbedding):
    """Weak supervision: train to name the perturbation of single cells, then throw the classifier away."""

    kind: Literal["weak"] = Field(
        default="weak", description="A network trained to name the perturbation a cell was given."
    )
    label: Literal["perturbation", "treatment"] = Field(
        default="perturbation",
        description="What the network learns to name: the `perturbation` (all its doses are one class) or "
        "the `treatment` (each dose is its own class).",
    )
    label_smoothing: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="How much of the truth is spread over all classes. Many cells of a treated well look untreated, so "
        "the labels are weak and the network should not be certain.",
    )


class SelfEmbedding(TrainedEmbedding):
    """Self-supervision: train to know a cell again after random changes; no names are learned."""

    kind: Literal["self"] = Field(
        description="A network trained to know each cell again after random changes (VICReg); for screens in which "
        "most perturbations do nothing."
    )
    projection: int = Field(
        default=512,
        ge=8,
        le=8192,
        description="Numbers of the projection that is compared between two copies of a cell while it is learned.",
    )
    augment: AugmentConfig = Field(
        default=AugmentConfig(shift=4, gain=0.3, offset=0.3),
        description="Random changes to the training crops. What they change is what the features will not tell.",
    )


class FileEmbedding(Section):
    """A network that was trained elsewhere, taken as it is."""

    kind: Literal["file"] = Field(
        description="A network that another campaign trained: nothing is learned; campaigns share its features."
    )
    path: str = Field(
        min_length=1,
        description="Folder of the network, `results/{campaign}/campaign/embedding/{model}` of that campaign: "
        "`model.json` and `weights.safetensors`. Its channels, and the size and mask of its crops, must be this "
        "campaign's.",
    )
    batch: int = Field(
        default=256,
        ge=1,
        description="Crops in one batch when cells are embedded; halved by itself when a GPU runs out of memory.",
    )


class PublishedEmbedding(CropsSection):
    """A network that others published, among those that timm knows."""

    kind: Literal["timm"] = Field(
        description="A network that others published, among those that the Python package timm knows (to be installed: "
        "`pip install timm`), with its weights from a file: a DINO vision transformer, a network for Cell Painting."
    )
    name: str = Field(
        pattern=r"^[A-Za-z0-9_.]+$", description="Its name in timm, such as `vit_small_patch16_224.dino`."
    )
    path: str = Field(
        min_length=1,
        description="File of its weights, `.safetensors` or what torch saved; of the latter only tensors are read.",
    )
    features: int = Field(
        ge=1,
        le=4096,
        description="Numbers it gives for an image: 384 for small, 768 for base vision transformers, 1280 for "
        "EfficientNet-B0.",
    )
    channels: Literal["each", "together"] = Field(
        default="each",
        description="`each`: it is shown one channel after the other, as grey, and a cell's features are those of all "
        "channels; for networks of photographs. `together`: all channels at once, for networks that were trained on "
        "these.",
    )
    resize: int | None = Field(
        default=None,
        ge=16,
        le=1024,
        description="Side in pixels to which crops are resized. Left out: what the network was trained on.",
    )
    downscale: int = Field(default=1, ge=1, le=8, description="Shrink crops by this factor before they are resized.")
    batch: int = Field(
        default=32,
        ge=1,
        description="Crops in one batch when cells are embedded; halved by itself when a GPU runs out of memory.",
    )


class RandomEmbedding(EmbeddingBase):
    """The same network with random weights: what any trained embedding has to beat."""

    kind: Literal["random"] = Field(description="A network that is not trained: the baseline of every trained one.")


EmbeddingConfig = Annotated[
    WeakEmbedding | SelfEmbedding | RandomEmbedding | FileEmbedding | PublishedEmbedding, Field(discriminator="kind")
]
