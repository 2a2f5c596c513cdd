"""A dozen made-up annotated images: disks, bright on dark in grey or dark on light in colour."""

import csv

import numpy as np
from PIL import Image


def draw(rng, side, colour):
    """An image (y, x) or (y, x, 3) of 8 bits, and its label (y, x) of 16 bits."""
    label = np.zeros((side, side), np.uint16)
    y, x = np.mgrid[:side, :side]
    for _ in range(40):
        radius, cy, cx = rng.uniform(6, 9), *rng.uniform(0, side, 2)
        disk = (y - cy) ** 2 + (x - cx) ** 2 < radius**2
        around = (y - cy) ** 2 + (x - cx) ** 2 < (radius + 2) ** 2
        if not label[around].any():
            label[disk] = label.max() + 1
    image = np.where(label > 0, 160, 40) + rng.normal(0, 8, label.shape)
    if colour:
        image = np.stack([255 - share * image for share in (0.6, 0.9, 0.4)], axis=-1)
    return np.clip(image, 0, 255).astype(np.uint8), label


def write_annotated(folder, images=12, side=96, seed=0):
    """Write images, labels and their index; two images are of a group, every third one is in colour."""
    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    rows = []
    for number in range(images):
        group, colour = f"g{number // 2}", number // 2 % 3 == 2
        names = {kind: f"{kind}s/{number:02d}.png" for kind in ("image", "label")}
        for kind, array in zip(names, draw(rng, side, colour), strict=True):
            Image.fromarray(array).save(folder / names[kind])
        rows.append(names | {"group": group, "class": "tissue" if colour else "cells"})
    index = folder / "index.csv"
    with index.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, ["image", "label", "group", "class"])
        writer.writeheader()
        writer.writerows(rows)
    return index
