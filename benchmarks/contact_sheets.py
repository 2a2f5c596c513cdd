"""Look at what an engine finds: every real field with outlines on one sheet, and counts held against a reading by eye.

    PLATEWISE_DATA=../shared/data python benchmarks/contact_sheets.py --pictures docs/images

Draws `{set}-nuclei.jpg` and `{set}-cells.jpg` with the default engines, or those of a config's section `segmentation`.
Ends with the counts of the fields in `jump_counts.tsv`, where nuclei were counted by eye, tile by tile (a third of the
field's sides each, A1 at the upper left; slivers show less than 10 pixels at the field's edge), before any engine's
count was known; and fails if one differs by more than 5 %.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
import yaml
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "lib"))

from platewise.config.base import parse_section
from platewise.config.segmentation import SegmentationConfig
from platewise.report.thumbnails import default_colours, thumbnail
from platewise.segmentation.engine import FieldLabels, make_engine

READING = Path(__file__).with_name("jump_counts.tsv")
# Kept in the repository: small, and good enough to see a wrong outline.
LARGEST = 600_000
ALLOWED = 0.05


@dataclass(frozen=True)
class Fields:
    """A set of real fields: where they lie, and which files are which channel."""

    folder: str
    first: str
    channels: Mapping[str, str]
    nuclei: str
    cells: tuple[str, ...]
    columns: int

    def read(self, data: Path) -> Iterator[tuple[str, np.ndarray]]:
        """Yield name and (c, y, x) float32 of each field."""
        for path in sorted((data / self.folder).glob(f"*{self.first}*")):
            name = path.name.partition(self.first)[0]
            files = [next(path.parent.glob(f"{name}{part}*")) for part in self.channels.values()]
            image = np.stack([tifffile.imread(file) for file in files]).astype(np.float32)
            yield name.rstrip("_-").removesuffix("p01"), image


SETS = {
    "jump": Fields(
        folder="jump_cpjump1/images",
        first="ch5",
        channels={"DNA": "ch5", "ER": "ch4", "RNA": "ch3", "AGP": "ch2"},
        nuclei="DNA",
        cells=("ER", "RNA", "AGP"),
        columns=5,
    ),
    "nf1": Fields(
        folder="nf1/Plate_2_images",
        first="_01_1_",
        channels={"DAPI": "_01_1_", "GFP": "_01_2_", "RFP": "_01_3_"},
        nuclei="DAPI",
        cells=("GFP", "RFP"),
        columns=3,
    ),
}


def draw(image: np.ndarray, labels: FieldLabels, names: list[str], nuclei: str, whole: bool, size: int) -> Image.Image:
    """Draw one field: the nuclear channel with nuclei, or (``whole``) all channels with cells as well."""
    colours = default_colours(names, nuclei)
    shown = {names.index(name): colour for name, colour in colours.items() if whole or name == nuclei}
    outlines = {"nuclei": labels.nuclei} | ({"cells": labels.cells} if whole else {})
    # Dim nuclei must be seen beside a few dividing ones that are many times as bright.
    limits = {index: tuple(np.percentile(image[index], [1, 99])) for index in shown}
    return Image.open(io.BytesIO(thumbnail(image, outlines, shown, size, limits))).convert("RGB")


def write_sheet(pictures: list[Image.Image], columns: int, path: Path) -> None:
    """Lay pictures of one size out in rows and write them as the best JPEG that is small enough."""
    width, height = pictures[0].size
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (width + 4), rows * (height + 4)), "white")
    for number, picture in enumerate(pictures):
        sheet.paste(picture, (number % columns * (width + 4), number // columns * (height + 4)))
    for quality in range(90, 20, -5):
        buffer = io.BytesIO()
        sheet.save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() <= LARGEST:
            break
    path.write_bytes(buffer.getvalue())
    print(f"{path}  {sheet.width} x {sheet.height}, quality {quality}, {buffer.tell() / 1000:.0f} kB")


def hold_against_reading(counts: dict[str, int]) -> bool:
    """Print the counts of the fields that a person counted; return whether all are near enough."""
    reading = pd.read_csv(READING, sep="\t").groupby("field")[["nuclei", "slivers"]].sum()
    near = True
    for field, row in reading.iterrows():
        share = counts[str(field)] / row["nuclei"] - 1
        near &= abs(share) <= ALLOWED
        print(f"{field}  read {row['nuclei']} and {row['slivers']} slivers, found {counts[str(field)]}: {share:+.1%}")
    return near


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, required=True, help="Folder for the sheets.")
    parser.add_argument("--config", type=Path, help="A config whose section `segmentation` says which engines.")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=["jump"])
    parser.add_argument("--size", type=int, default=540, help="Side of a field on the sheet, pixels.")
    arguments = parser.parse_args()
    if not os.environ.get("PLATEWISE_DATA"):
        parser.error("set PLATEWISE_DATA to the folder with the real data")
    data = Path(os.environ["PLATEWISE_DATA"])
    values = yaml.safe_load(arguments.config.read_text()).get("segmentation", {}) if arguments.config else {}
    counts: dict[str, int] = {}
    for name in arguments.sets:
        fields = SETS[name]
        channels = list(fields.channels)
        config = parse_section(
            SegmentationConfig, values | {"nuclei_channel": fields.nuclei, "cell_channels": fields.cells}
        )
        engine = make_engine(config, channels)
        sheets: dict[str, list[Image.Image]] = {"nuclei": [], "cells": []}
        for field, image in fields.read(data):
            labels = engine.segment([image])[0]
            counts[field] = int(labels.nuclei.max())
            print(f"{name} {field}  {counts[field]} nuclei")
            for kind, pictures in sheets.items():
                pictures.append(draw(image, labels, channels, fields.nuclei, kind == "cells", arguments.size))
        for kind, pictures in sheets.items():
            write_sheet(pictures, fields.columns, arguments.pictures / f"{name}-{kind}.jpg")
    if "jump" in arguments.sets and not hold_against_reading(counts):
        sys.exit(f"a count differs by more than {ALLOWED:.0%}")


if __name__ == "__main__":
    main()
