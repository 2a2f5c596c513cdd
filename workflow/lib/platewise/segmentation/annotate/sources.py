"""Where images to annotate come from: the ranked fields of a campaign, or a folder of images."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from platewise.columns import OBJECT, PLATE, SITE, WELL
from platewise.errors import DataError
from platewise.illumination import read_illumination
from platewise.plan.campaign import Campaign
from platewise.segmentation.annotate.export import Candidate, Content
from platewise.segmentation.diameter import object_diameter
from platewise.segmentation.engine import Image, Label
from platewise.segmentation.pictures import read_label, read_picture
from platewise.segmentation.ranking import UnsureObject
from platewise.segmentation.ranking_task import RankedImage
from platewise.segmentation.seeded import cell_body
from platewise.store.reader import PlateReader
from platewise.tables import read_table

Target = Literal["nuclei", "cells"]


def campaign_candidates(
    campaign: Campaign, number: int, target: Target = "nuclei", image_class: str | None = None
) -> Iterator[Candidate]:
    """Yield the fields of a campaign that `rank_annotations` put in front.

    Parameters
    ----------
    campaign
        It has been run, with a section ``ranking``.
    number
        How many at most.
    target
        What is annotated. ``nuclei``: the image is the nuclei channel. ``cells``: it has two channels, the nuclei and
        all cell channels as one (`cell_body`).
    image_class
        Kind of image; the campaign's name by default.

    Raises
    ------
    DataError
        If the campaign has no images, or was not ranked.
    """
    folder = campaign.folder / "campaign" / "annotations"
    ranking, objects = folder / "ranking.parquet", folder / "objects.parquet"
    if not campaign.from_images or not ranking.is_file():
        raise DataError(
            f"{ranking}: is not there. Hint: add the section `ranking` to the config of a campaign with images, and "
            "run it; rank_annotations makes the file."
        )
    segmentation = campaign.config.segmentation
    channels = [segmentation.nuclei_channel, *(segmentation.cell_channels if target == "cells" else ())]
    listed = read_table(ranking).sort_values("Rank").head(number)
    unsure = dict(list(read_table(objects).groupby([PLATE, WELL, SITE])))
    # Plates alternate in the ranking: each is opened once.
    reader_of = cache(lambda plate: _reader(campaign, plate, channels))

    for place in listed.to_dict("records"):
        plate, well, site = str(place[PLATE]), str(place[WELL]), int(place[SITE])

        def read(plate: str = plate, well: str = well, site: int = site) -> Content:
            reader = reader_of(plate)
            image, labels = reader.image(well, site), reader.labels(well, site)
            shown = _counts(image) if target == "nuclei" else _nucleus_and_cell(image, labels["nuclei"])
            return Content(shown, labels[target], _objects(unsure.get((plate, well, site))))

        yield Candidate(
            name=re.sub(r"[^A-Za-z0-9._-]", "_", f"{plate}_{well}_{site}"),
            group=plate,
            image_class=image_class or campaign.config.campaign,
            source=f"{plate} {well} field {site}",
            uncertainty=float(place["Uncertainty"]),
            read=read,
        )


def folder_candidates(
    ranked: Sequence[RankedImage], channel: int | None, group: str, image_class: str
) -> Iterator[Candidate]:
    """Yield ranked images of a folder, with the nuclei that were found in them.

    Parameters
    ----------
    ranked
        In order, as `rank_folder` returns them.
    channel
        Which channel of a file shows nuclei; None where it holds one grey or colour image.
    group, image_class
        See `queue.Exported`: nothing is known of a folder, so that all of it is one group.
    """
    for item in ranked:

        def read(item: RankedImage = item) -> Content:
            return Content(read_picture(item.path, channel), read_label(item.label), item.objects)

        yield Candidate(item.name, group, image_class, str(item.path), item.uncertainty, read)


def _reader(campaign: Campaign, plate: str, channels: list[str]) -> PlateReader:
    folder = campaign.folder / "plates" / plate
    inventories = [folder / "inventory" / f"{block}.parquet" for block in campaign.plates[plate].blocks]
    flat = read_illumination(folder / "illumination.zarr", channels)
    return PlateReader(inventories, flat, folder / "plate.zarr", channels)


def _nucleus_and_cell(image: Image, nuclei: Label) -> npt.NDArray[np.uint16]:
    """Make the two channels (2, y, x) that networks for cells learn from, of nuclei and cell channels (c, y, x)."""
    # Without nuclei nothing tells how much to smooth; there is hardly anything to annotate either.
    body = cell_body(image[1:], object_diameter(nuclei) if nuclei.any() else 1.0)
    return np.stack([_counts(image[0]), _counts(body * (65535 / max(float(body.max()), 1e-6)))])


def _counts(image: Image) -> npt.NDArray[np.uint16]:
    return np.rint(image).clip(0, 65535).astype(np.uint16)


def _objects(rows: pd.DataFrame | None) -> list[UnsureObject]:
    if rows is None:
        return []
    places = zip(rows[OBJECT], rows["Y"], rows["X"], rows["Uncertainty"], strict=True)
    return [UnsureObject(int(number), float(y), float(x), float(unsure)) for number, y, x, unsure in places]
