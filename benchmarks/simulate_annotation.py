"""Does the ranking save annotations? Accuracy against the number of annotated images, ranked against random order.

Usage: ``OMP_NUM_THREADS=1 python benchmarks/simulate_annotation.py [--seeds 0 1 2] [--arms random ranked unsure]``.
Needs DSB 2018 in ``PLATEWISE_DATA``. Every line of the end is ``name value unit``.

A small `flow` network is trained on a few fluorescence images, as a laboratory would begin. Then, in rounds, images of
a pool of all kinds are "annotated" (their true labels are taken) and the network trains on, a fixed number of steps on
everything annotated so far. The arms differ in which images of the pool come next: `random`; `ranked`, as
`rank_annotations` orders them; `unsure`, the same without diversity. All arms of a seed share the first network, the
pool and the test images, which are of other source groups. The size of nuclei is taken as known everywhere: what is
asked is which images to annotate, not how well sizes are estimated.

Rows go to a table in ``--out`` as they come, so that seeds may be run one by one and are drawn together.
"""

import argparse
import csv
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

LIBRARY = Path(__file__).parents[1] / "workflow" / "lib"
sys.path.insert(0, str(LIBRARY))

from platewise.config.annotations import AnnotationColumns  # noqa: E402
from platewise.config.segmentation import FlowNuclei  # noqa: E402
from platewise.config.segmenters import FlowSegmenter  # noqa: E402
from platewise.segmentation.annotations import load_pair, read_index  # noqa: E402
from platewise.segmentation.dense import DenseEngine  # noqa: E402
from platewise.segmentation.ranking import describe_image, image_uncertainty, rank_images  # noqa: E402
from platewise.segmentation.scoring import score  # noqa: E402
from platewise.segmentation.training.loop import train_segmenter  # noqa: E402
from platewise.segmentation.training.pairs import make_pair, object_diameter  # noqa: E402
from platewise.segmentation.views import VIEWS, predict_views  # noqa: E402

DIVERSITY = {"ranked": 1.0, "unsure": 0.0}
# Annotated images after each round; the first ones are fluorescence only.
ROUNDS = (4, 8, 16, 32)
POOL, TEST_PER_CLASS = 80, 20
CLASSES = ("fluorescence", "tissue_brightfield_rgb")
# Three of the six views: half the cost.
SEEN = [view for view in VIEWS if view.name in ("mirrored", "smaller", "darker")]
TRAINING = FlowSegmenter(
    engine="flow",
    annotations="dsb2018",
    width=8,
    batch=4,
    crop=96,
    validation_share=0,
    learning_rate=3e-3,
    average=0.98,
)
FIRST_STEPS, STEPS = 250, 150
# The few larger images would take most of the time.
LARGEST = 360 * 360
COLUMNS = ("seed", "arm", "annotated", "image", "group", "class", "mean_f1", "f1@0.7")


def pixels_of(path):
    with Image.open(path) as image:
        return image.width * image.height


def split(annotations, seed):
    """Draw the first images, the pool and the test images, no group on both sides."""
    rng = np.random.default_rng(seed)
    groups = sorted({row.group for row in annotations})
    held_out = set(rng.permutation(groups)[: len(groups) // 3].tolist())
    rows = [annotations[place] for place in rng.permutation(len(annotations))]
    test = [
        row
        for name in CLASSES
        for row in [row for row in rows if row.group in held_out and row.image_class == name][:TEST_PER_CLASS]
    ]
    free = [row for row in rows if row.group not in held_out]
    first = [row for row in free if row.image_class == "fluorescence"][: ROUNDS[0]]
    return first, [row for row in free if row not in first][:POOL], test


class Images:
    """Images, labels and training pairs of annotations, read once."""

    def __init__(self, annotations):
        loaded = {row: load_pair(row) for row in annotations}
        self.image = {row: image.astype(np.float32) for row, (image, _) in loaded.items()}
        self.label = {row: label for row, (_, label) in loaded.items()}
        self.pair = {
            row: make_pair(
                row.image.stem, row.group, row.image_class, self.image[row], self.label[row], TRAINING.diameter
            )
            for row in annotations
        }

    def engine(self, row, trained):
        """Make the engine for one image, told the size of its nuclei."""
        diameter = object_diameter(self.label[row])
        size = 20.0 if np.isnan(diameter) else max(diameter, 3.0)
        config = FlowNuclei(engine="flow", nucleus_diameter=size, flips=1)
        return DenseEngine(config, [(trained.info, trained.network)])


def train(images, rows, steps, seed, start=None):
    config = TRAINING.model_copy(update={"steps": steps, "validate_every": steps})
    state = None if start is None else start.network.state_dict()
    pairs = [images.pair[row] for row in rows]
    return train_segmenter(pairs, [], config, seed, torch.device("cpu"), start=state)


def choose(images, pool, trained, arm, number, seed):
    """Return the images of the pool to annotate next."""
    if arm == "random":
        return [pool[place] for place in np.random.default_rng(seed).permutation(len(pool))[:number]]
    unsure, kinds = [], []
    for row in pool:
        reference, *others = predict_views([images.engine(row, trained)], images.image[row], SEEN)
        unsure.append(image_uncertainty(reference, others))
        kinds.append(describe_image(images.image[row], reference))
    return [pool[place] for place in rank_images(unsure, kinds, DIVERSITY[arm], number)[:number]]


def test_rows(images, test, trained, seed, arm, annotated):
    for row in test:
        scores = score(images.label[row], images.engine(row, trained).segment([images.image[row]])[0])
        facts = (seed, arm, annotated, row.image.stem[:12], row.group, row.image_class)
        yield dict(zip(COLUMNS, (*facts, round(scores["mean_f1"], 5), round(scores["f1@0.7"], 5)), strict=True))


def simulate(annotations, seed, arms, write):
    """Run all arms of a seed."""
    first, pool, test = split(annotations, seed)
    images = Images([*first, *pool, *test])
    start = train(images, first, FIRST_STEPS, seed)
    begun = list(test_rows(images, test, start, seed, "", len(first)))
    for arm in arms:
        for row in begun:
            write(row | {"arm": arm})
        annotated, left, trained = list(first), list(pool), start
        for number in ROUNDS[1:]:
            chosen = choose(images, left, trained, arm, number - len(annotated), seed + number)
            annotated += chosen
            left = [row for row in left if row not in chosen]
            trained = train(images, annotated, STEPS, seed + number, trained)
            tissue = sum(row.image_class == CLASSES[1] for row in annotated)
            print(
                f"seed {seed} {arm}: {number} annotated, {tissue} of tissue, {time.process_time():.0f} CPU s",
                flush=True,
            )
            for row in test_rows(images, test, trained, seed, arm, number):
                write(row)


def class_mean(table, measure):
    """Average a measure over the images of each class, then over classes, a row a seed, arm and number."""
    per_class = table.groupby(["seed", "arm", "annotated", "class"])[measure].mean()
    return per_class.groupby(level=["seed", "arm", "annotated"]).mean()


def interval(differences, seed=0, resamples=2000):
    """Return the 95 % bootstrap interval of the mean over classes of paired differences, resampling groups of images.

    Every seed has its own test images, so that a group of one seed is another one than in the next.
    """
    rng = np.random.default_rng(seed)
    frame = differences.reset_index()
    names = frame["seed"].astype(str) + "/" + frame["group"]
    members = list(frame.groupby(names).indices.values())
    kinds, values = frame["class"].to_numpy(), frame["difference"].to_numpy()
    means = []
    for _ in range(resamples):
        drawn = np.concatenate([members[place] for place in rng.integers(0, len(members), len(members))])
        means.append(np.mean([values[drawn][kinds[drawn] == kind].mean() for kind in np.unique(kinds[drawn])]))
    return np.percentile(means, [2.5, 97.5])


def report(path):
    """Print the figures of all rows so far and draw them."""
    import pandas as pd
    import plotly.graph_objects as go

    table = pd.read_csv(path, sep="\t").drop_duplicates(list(COLUMNS[:4]), keep="last")
    means = class_mean(table, "mean_f1").unstack("seed")
    figure = go.Figure()
    for arm, rows in means.groupby(level="arm"):
        line = rows.droplevel("arm")
        spread = line.max(axis=1) - line.mean(axis=1), line.mean(axis=1) - line.min(axis=1)
        error = {"type": "data", "array": spread[0], "arrayminus": spread[1]}
        figure.add_scatter(x=line.index, y=line.mean(axis=1), error_y=error, name=arm, mode="lines+markers")
        for number, value in line.mean(axis=1).items():
            print(f"annotation.{arm}.{number} {value:.4f} mean_f1_over_classes")
    keys = ["seed", "annotated", "image", "group", "class"]
    by_arm = table.set_index([*keys, "arm"])["mean_f1"].unstack("arm")
    for arm in [name for name in by_arm if name != "random"]:
        for number, rows in (by_arm[arm] - by_arm["random"]).dropna().rename("difference").groupby(level="annotated"):
            low, high = interval(rows)
            mean = rows.groupby(level="class").mean().mean()
            print(
                f"annotation.{arm}_minus_random.{number} {mean:+.4f} ({low:+.4f} to {high:+.4f}) mean_f1_over_classes"
            )
    print(f"annotation.seeds {table['seed'].nunique()} seeds")
    figure.update_layout(
        template="plotly_white",
        width=760,
        height=480,
        title=f"DSB 2018, held-out groups: mean over classes, {table['seed'].nunique()} seeds (bars: range)",
        xaxis={"title": "annotated images", "type": "log", "tickvals": list(ROUNDS)},
        yaxis_title="mean F1 (IoU 0.50 to 0.95)",
    )
    figure.write_html(path.with_suffix(".html"), include_plotlyjs=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1])
    parser.add_argument("--arms", nargs="+", default=["random", "ranked"], choices=["random", *DIVERSITY])
    parser.add_argument("--out", type=Path, default=Path("results/annotation/rows.tsv"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.seeds:
        root = Path(os.environ["PLATEWISE_DATA"]) / "dsb2018"
        listed = read_index(root / "index.csv", AnnotationColumns(group="source_group", image_class="image_class"))
        annotations = [row for row in listed if pixels_of(row.image) <= LARGEST]
        options.out.parent.mkdir(parents=True, exist_ok=True)
        new = not options.out.exists()
        with options.out.open("a", buffering=1, newline="") as handle:
            writer = csv.DictWriter(handle, COLUMNS, delimiter="\t")
            if new:
                writer.writeheader()
            for seed in options.seeds:
                simulate(annotations, seed, options.arms, writer.writerow)
    report(options.out)


if __name__ == "__main__":
    main()
