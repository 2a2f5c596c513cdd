"""Rank the fields of a campaign, or a folder of images, by what their annotation would teach."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from platewise.ahead import run_ahead
from platewise.algorithms import ALGORITHMS
from platewise.columns import OBJECT, PLATE, SITE, WELL
from platewise.config.ranking import RankingConfig
from platewise.config.segmentation import EnsembleNuclei, NucleiConfig, SegmentationConfig
from platewise.errors import DataError
from platewise.fields import BadFieldError
from platewise.illumination import read_illumination
from platewise.plan.engines import seen_once
from platewise.segmentation.engine import Image, Label, NucleiEngine, make_nuclei_engine
from platewise.segmentation.images import check_image
from platewise.segmentation.pictures import read_picture, write_label
from platewise.segmentation.ranking import (
    UnsureObject,
    describe_image,
    image_uncertainty,
    rank_images,
    rank_objects,
)
from platewise.segmentation.views import predict_views
from platewise.store.block import BlockFiles
from platewise.store.reader import PlateReader
from platewise.tables import read_tables, write_table

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Doubt:
    """How unsure a committee is of one image.

    Attributes
    ----------
    uncertainty
        Of the image, 0 to 1.
    objects
        Its unsure objects, the worst first.
    count
        Objects of the reference.
    descriptor
        What kind of image it is.
    """

    uncertainty: float
    objects: tuple[UnsureObject, ...]
    count: int
    descriptor: npt.NDArray[np.float64]


class Committee:
    """Engines that are asked about every image, each in several views.

    Parameters
    ----------
    config
        The engine whose nuclei are to be corrected. An `ensemble` is asked member by member; each looks at a view
        once, for an average over turned copies would hide that they differ.
    further
        Engines that are asked besides.
    device
        Where networks run; None is the CPU.
    """

    def __init__(
        self, config: NucleiConfig, further: Sequence[NucleiConfig] = (), device: torch.device | None = None
    ) -> None:
        asked = [member for engine in (config, *further) for member in _members(engine)]
        self._engines: list[NucleiEngine] = [make_nuclei_engine(engine, device) for engine in asked]
        self._config, self._device = config, device
        # What the first engine finds in the image itself is the reference once more, if it is asked as it is.
        self._first = int(asked[0] == config)

    def examine(self, image: Image, reference: Label) -> Doubt:
        """Ask how sure the committee is of the nuclei ``reference`` (y, x) that were found in an image (c, y, x)."""
        return _doubt(image, reference, predict_views(self._engines, image)[self._first :])

    def find(self, image: Image) -> tuple[Label, Doubt]:
        """Find the nuclei (y, x) of an image (c, y, x), and ask how sure the committee is of them."""
        found = predict_views(self._engines, image)
        reference = found[0] if self._first else self._own.segment([image])[0]
        return reference, _doubt(image, reference, found[self._first :])

    @cached_property
    def _own(self) -> NucleiEngine:
        # Only for images whose nuclei are not known: a campaign has found its own.
        return make_nuclei_engine(self._config, self._device)


@dataclass(frozen=True)
class RankedImage:
    """An image of a folder, with how unsure the committee is of it.

    Attributes
    ----------
    name, path
        Of the image.
    label
        File of the nuclei that were found.
    uncertainty
        0 to 1.
    objects
        The unsure ones, the worst first.
    """

    name: str
    path: Path
    label: Path
    uncertainty: float
    objects: tuple[UnsureObject, ...]


def rank_fields(
    blocks: Mapping[str, Sequence[BlockFiles]],
    ranking: Path,
    objects: Path,
    channels: list[str],
    segmentation: SegmentationConfig,
    settings: RankingConfig,
    seed: int,
    device: torch.device | None = None,
) -> None:
    """Order fields of a campaign, and the nuclei in them, by how unsure the engines are, and write both orders.

    Parameters
    ----------
    blocks
        The blocks of each plate.
    ranking
        Table to write, a row a field: plate, well, site, ``Rank`` (1 is to be annotated first), ``Uncertainty`` and
        ``Objects`` (their number).
    objects
        Table to write, a row an unsure nucleus: plate, well, site, object number (0: seen by others only), ``Y``, ``X``
        (pixels) and ``Uncertainty``; the worst of a field first.
    channels
        The campaign's channels, in the order of the flat fields.
    segmentation
        The campaign's engines.
    settings
        How many fields are looked at, by whom, and what counts.
    seed
        Of the draw of fields.
    device
        Where networks run; None is the CPU.
    """
    committee = Committee(segmentation.nuclei, settings.committee, device)
    readers = {plate: _reader(own, channels, segmentation.nuclei_channel) for plate, own in blocks.items()}
    drawn = list(islice(_draw(blocks, seed), settings.fields))
    places, doubts = [], []
    for place, reading in run_ahead(lambda place: _read(readers[place[0]], *place[1:]), drawn):
        try:
            image, nuclei = reading.result()
        except BadFieldError as error:
            log.warning("%s %s field %d is left out: %s", *place, error.reason)
            continue
        doubts.append(committee.examine(image, nuclei))
        places.append(place)
        log.info("%s %s field %d: uncertainty %.3f", *place, doubts[-1].uncertainty)
    order = _order(doubts, settings.diversity)
    fields = [
        (*places[row], rank, doubts[row].uncertainty, doubts[row].count) for rank, row in enumerate(order.tolist(), 1)
    ]
    listed = [
        (*places[row], item.number, item.y, item.x, item.uncertainty)
        for row in order.tolist()
        for item in doubts[row].objects[: settings.listed]
    ]
    facts = {
        "stage": "ranking",
        "algorithm": ALGORITHMS["segment"],
        "parameters": settings.model_dump(mode="json"),
        "seed": seed,
    }
    names = [PLATE, WELL, SITE]
    whole = dict.fromkeys([SITE, "Rank", "Objects", OBJECT], "int64") | {"Uncertainty": "float64"}
    for rows, columns, path in (
        (fields, [*names, "Rank", "Uncertainty", "Objects"], ranking),
        (listed, [*names, OBJECT, "Y", "X", "Uncertainty"], objects),
    ):
        table = pd.DataFrame(rows, columns=columns)
        write_table(table.astype({name: kind for name, kind in whole.items() if name in columns}), path, facts)


def rank_folder(
    images: Mapping[str, Path],
    config: NucleiConfig,
    labels: Path,
    diversity: float,
    channel: int | None = None,
    device: torch.device | None = None,
) -> list[RankedImage]:
    """Order image files by how unsure an engine is of the nuclei that it finds; bad ones are left out, and told.

    Parameters
    ----------
    images
        Files by name.
    config
        The engine.
    labels
        Folder to write the nuclei to: those of all images would fill the memory.
    diversity
        See `RankingConfig`.
    channel
        Which channel of a file shows nuclei; None where it holds one grey or colour image.
    device
        Where networks run; None is the CPU.

    Raises
    ------
    DataError
        If no image can be used.
    """
    committee = Committee(config, (), device)
    listed, doubts = [], []
    for (name, path), reading in run_ahead(lambda item: read_picture(item[1], channel), images.items()):
        try:
            image = check_image(reading.result(), str(path))
        except DataError as error:
            log.warning("%s is left out: %s", name, error)
            continue
        reference, doubt = committee.find(image)
        listed.append((name, path, write_label(labels, name, reference)))
        doubts.append(doubt)
        log.info("%s: uncertainty %.3f", name, doubts[-1].uncertainty)
    if not listed:
        raise DataError(f"none of {len(images)} images can be used. Hint: see what is said of each above.")
    return [
        RankedImage(*listed[row], doubts[row].uncertainty, doubts[row].objects)
        for row in _order(doubts, diversity).tolist()
    ]


def _members(config: NucleiConfig) -> list[NucleiConfig]:
    once = seen_once(config)
    if not isinstance(once, EnsembleNuclei):
        return [once]
    return [once.model_copy(update={"members": (member,)}) for member in once.members]


def _doubt(image: Image, reference: Label, others: Sequence[Label]) -> Doubt:
    objects = tuple(rank_objects(reference, others))
    count = sum(item.number > 0 for item in objects)
    return Doubt(image_uncertainty(reference, others), objects, count, describe_image(image, reference))


def _order(doubts: Sequence[Doubt], diversity: float) -> npt.NDArray[np.int64]:
    return rank_images(
        [doubt.uncertainty for doubt in doubts],
        np.array([doubt.descriptor for doubt in doubts]).reshape(len(doubts), -1),
        diversity,
    )


def _reader(blocks: Sequence[BlockFiles], channels: list[str], nuclei_channel: str) -> PlateReader:
    flat = read_illumination(blocks[0].illumination)
    own = None if flat is None else flat[[channels.index(nuclei_channel)]]
    return PlateReader([block.inventory for block in blocks], own, blocks[0].store, [nuclei_channel])


def _read(reader: PlateReader, well: str, site: int) -> tuple[Image, Label]:
    return reader.image(well, site), reader.labels(well, site)["nuclei"]


def _draw(blocks: Mapping[str, Sequence[BlockFiles]], seed: int) -> Iterator[tuple[str, str, int]]:
    """Yield good fields in the order of a draw: one of each plate, then a second of each, and so on."""
    drawn = []
    for plate in sorted(blocks):
        listed = read_tables([block.manifest for block in blocks[plate]], [WELL, SITE, "Status"])
        good = listed[listed["Status"] == "ok"].sort_values([WELL, SITE])
        fields = list(zip(good[WELL], good[SITE].astype(int).tolist(), strict=True))
        # A plate's own draw does not depend on which others there are.
        rng = np.random.default_rng([seed, zlib.crc32(plate.encode())])
        drawn.append([(plate, *fields[place]) for place in rng.permutation(len(fields))])
    for turn in zip_longest(*drawn):
        yield from (place for place in turn if place is not None)
