"""Hold rendered fields beside the real ones of CPJUMP1: a picture, a gallery of the MOAs, and a table of statistics.

    PLATEWISE_DATA=../shared/data python benchmarks/compare_rendered.py --pictures docs/images

Both sides go through the same display scaling and the same plain segmentation of the DNA channel, so that a difference
in the table is one of the images. The renderer was tuned by hand on the real fields shown here: this is a comparison,
not a held-out test.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
from PIL import Image, ImageDraw
from scipy import ndimage as ndi
from skimage import filters, measure

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "lib"))

from platewise.simulate.compounds import Compound
from platewise.simulate.field import FieldRequest, render_field
from platewise.simulate.mechanisms import MOAS, Mechanism
from platewise.simulate.optics import plate_optics
from platewise.simulate.stains import CHANNELS

SIZE = 540
SHOWN = ("DNA", "ER", "RNA", "AGP", "Mito")
COLOURS = {
    "DNA": (0.15, 0.3, 1.0),
    "ER": (0.0, 0.75, 0.1),
    "RNA": (0.0, 0.1, 0.1),
    "AGP": (0.95, 0.3, 0.0),
    "Mito": (0.6, 0.0, 0.25),
}
_DARK = {"Mito": 0.35, "AGP": 0.15, "RNA": 0.1, "ER": 0.1, "DNA": 0.1}  # background, kept out of the composite
LIMITS = {"Mito": (500, 3600), "AGP": (450, 9000), "RNA": (450, 16000), "ER": (300, 11000), "DNA": (400, 14000)}
# Untreated, or treated with something that hardly changes U2OS cells.
REAL_WELLS = ("r04c14", "r05c18", "r06c10", "r13c02", "r14c14", "r01c21")
REAL_SHOWN = (("r04c14", 300, 300), ("r06c10", 540, 400))


def real_field(folder: Path, well: str, y: int, x: int, size: int = SIZE) -> np.ndarray:
    """Return a crop of a real field, (channel, y, x) float."""
    paths = [folder / f"{well}f05p01-ch{number}sk1fk1fl1.tiff" for number in range(1, 6)]
    return np.stack([tifffile.imread(path)[y : y + size, x : x + size] for path in paths]).astype(float)


def rendered_field(
    plate: int, compound: Compound | None = None, dose: float = 10.0, size: int = SIZE, well: str = "B02"
) -> np.ndarray:
    """Return a rendered field, (channel, y, x) float."""
    request = FieldRequest(11, f"P{plate}", well, 1, compound, dose, 0.5, 0.5, False, 31 * (size / SIZE) ** 2)
    optics = plate_optics(11, f"batch{plate}", f"P{plate}", size)
    return render_field(request, optics).images.astype(float)


def tile(image: np.ndarray, channel: str) -> np.ndarray:
    """Return an image scaled for display, 0..1."""
    low, high = LIMITS[channel]
    return np.clip((image - low) / (high - low), 0, 1) ** 0.7


def strip(field: np.ndarray) -> np.ndarray:
    """Return a field as a row of grey channels and a composite, (y, x, 3) uint8."""
    tiles = {channel: tile(field[CHANNELS.index(channel)], channel) for channel in SHOWN}
    lit = {channel: np.clip(tiles[channel] - _DARK[channel], 0, 1) for channel in SHOWN}
    composite = sum(lit[channel][..., None] * np.array(COLOURS[channel]) for channel in SHOWN)
    row = [np.repeat(tiles[channel][..., None], 3, axis=2) for channel in SHOWN] + [np.clip(composite, 0, 1)]
    return (np.hstack(row) * 255).astype(np.uint8)


def picture(strips: list[tuple[str, np.ndarray]], scale: float, path: Path) -> None:
    """Write labelled strips below one another."""
    height, width = (int(edge * scale) for edge in strips[0][1].shape[:2])
    canvas = Image.new("RGB", (width, (height + 16) * len(strips)), "white")
    draw = ImageDraw.Draw(canvas)
    for number, (title, image) in enumerate(strips):
        top = number * (height + 16)
        draw.text((4, top + 2), f"{title}   |   {' - '.join((*SHOWN, 'composite'))}", fill="black")
        canvas.paste(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS), (0, top + 16))
    # Fewer grey levels than the eye sees make the file half as large.
    canvas.point(lambda level: level // 8 * 8).save(path, optimize=True)


def statistics(fields: list[np.ndarray]) -> pd.Series:
    """Return intensity quantiles a channel, and nuclei statistics, of a set of fields."""
    figures: dict[str, float] = {}
    for index, channel in enumerate(CHANNELS):
        values = np.concatenate([field[index].ravel()[::7] for field in fields])
        for quantile in (0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999):
            figures[f"{channel} q{quantile:g}"] = np.quantile(values, quantile)
        detail = [field[index] - ndi.gaussian_filter(field[index], 2) for field in fields]
        figures[f"{channel} fine detail / contrast"] = np.mean(
            [d.std() / f[index].std() for d, f in zip(detail, fields, strict=True)]
        )
    nuclei = [_nuclei(field[CHANNELS.index("DNA")]) for field in fields]
    pixels = sum(field[0].size for field in fields)
    figures["nuclei per 540x540"] = sum(map(len, nuclei)) / pixels * SIZE**2
    counts = [len(table) / field[0].size * SIZE**2 for table, field in zip(nuclei, fields, strict=True)]
    figures["nuclei per field, CV"] = np.std(counts) / np.mean(counts)
    table = pd.concat(nuclei)
    for column in ("area", "mean", "eccentricity", "solidity", "texture"):
        for quantile in (0.1, 0.5, 0.9):
            figures[f"nucleus {column} q{quantile:g}"] = table[column].quantile(quantile)
    correlations = np.concatenate([_rna_dna_correlation(field) for field in fields])
    for quantile in (0.1, 0.5, 0.9):
        figures[f"nucleus RNA-DNA correlation q{quantile:g}"] = np.quantile(correlations, quantile)
    rna = np.concatenate([field[CHANNELS.index("RNA")].ravel() for field in fields])
    figures["share covered by cells"] = (rna > 1600).mean()
    return pd.Series(figures)


def _segment(image: np.ndarray) -> np.ndarray:
    smooth = filters.gaussian(image, 1, preserve_range=True)
    return measure.label(smooth > filters.threshold_otsu(np.minimum(smooth, 12000)))


def _rna_dna_correlation(field: np.ndarray) -> list[float]:
    """Return for each single flat nucleus how far spots in RNA (nucleoli) are spots in DNA."""
    fine = {
        name: ndi.gaussian_filter(image, 0.7) - ndi.gaussian_filter(image, 4)
        for name, image in zip(CHANNELS, field, strict=True)
    }
    correlations = []
    for region in measure.regionprops(_segment(field[CHANNELS.index("DNA")])):
        inner = ndi.binary_erosion(region.image, iterations=6)
        if 500 < region.area < 1800 and region.solidity > 0.95 and inner.sum() > 150:
            spots = [fine[name][region.slice][inner] for name in ("RNA", "DNA")]
            correlations.append(np.corrcoef(*spots)[0, 1])
    return correlations


def _nuclei(image: np.ndarray) -> pd.DataFrame:
    labels = _segment(image)
    rows = []
    for region in measure.regionprops(labels, image):
        if 100 < region.area < 6000:
            inner = region.image_intensity[ndi.binary_erosion(region.image, iterations=4)]
            texture = inner.std() / inner.mean() if inner.size > 50 else np.nan
            rows.append((region.area, region.intensity_mean, region.eccentricity, region.solidity, texture))
    return pd.DataFrame(rows, columns=["area", "mean", "eccentricity", "solidity", "texture"])


def gallery(path: Path) -> None:
    """Write one strip a MOA, at full dose, and one of the control."""
    strips = [("control", strip(rendered_field(1, size=400)))]
    for number, moa in enumerate(MOAS):
        compound = Compound("PW-0000", moa, 1.0, 1.0, 1.5, (0.0,) * len(Mechanism))
        strips.append((moa, strip(rendered_field(1, compound, 20.0, 400, f"C{number + 1:02d}"))))
    picture(strips, 0.32, path)


def main() -> None:
    """Write both pictures and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=Path, required=True, help="folder of the pictures")
    folder = Path(parser.parse_args().pictures)
    if not os.environ.get("PLATEWISE_DATA"):
        parser.error("set PLATEWISE_DATA to the folder with the real data")
    images = Path(os.environ["PLATEWISE_DATA"]) / "jump_cpjump1" / "images"
    strips = []
    for number, (well, y, x) in enumerate(REAL_SHOWN):
        strips.append((f"real, {well}", strip(real_field(images, well, y, x))))
        strips.append((f"rendered, batch {number + 1}", strip(rendered_field(number + 1))))
    picture(strips, 0.36, folder / "rendered_vs_real.png")
    gallery(folder / "rendered_moas.png")
    real = [real_field(images, well, 0, 0, 1080) for well in REAL_WELLS]
    rendered = [rendered_field(plate, well=well) for plate in range(1, 7) for well in ("B02", "B03", "C04")]
    table = pd.DataFrame({"real": statistics(real), "rendered": statistics(rendered)})
    table["rendered / real"] = table["rendered"] / table["real"]
    print(table.to_string(float_format=lambda value: f"{value:.3g}" if abs(value) < 10 else f"{value:.0f}"))


if __name__ == "__main__":
    main()
