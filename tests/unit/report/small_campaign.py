"""A small campaign in files: two plates of 96 wells, with everything that goes wrong in a real one.

The tables follow docs/architecture.md. Known truth: see the constants; the tests look for them on the pages.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from small_screens import screen_tables

from platewise.columns import (
    BATCH,
    CELL_COUNT,
    CONTROL_TYPE,
    DOSE,
    MOA,
    OBJECT,
    PERTURBATION,
    PLATE,
    SITE,
    TOUCHES_BORDER,
    WELL,
)
from platewise.config.qc import QcConfig
from platewise.evaluation.differences import DIFFERENCE_COLUMNS
from platewise.evaluation.evaluate import ENRICHMENT_COLUMNS
from platewise.explanation.exemplars import EXEMPLAR_COLUMNS
from platewise.explanation.movers import MOVER_COLUMNS, SUMMARY_COLUMNS
from platewise.explanation.prediction import PREDICTION_COLUMNS
from platewise.network.neighbours import NEIGHBOUR_COLUMNS
from platewise.network.shortlist import CRITERIA, SHORTLIST_COLUMNS
from platewise.plan.wells import well_name
from platewise.ploidy.plate import analyse_plate
from platewise.ploidy.treatments import score_treatments
from platewise.qc.task import summarise_qc
from platewise.report.campaign_tables import CampaignTables
from platewise.report.network_page import NetworkTables
from platewise.report.ploidy import PloidyTables
from platewise.tables import write_table
from platewise.weights import save_tensors

CHANNELS = ("DNA", "ER", "<b>AGP</b>")
PLATES = {"BR001": "week 1", "BR002": "week 2"}
HOSTILE = '<script>alert("owned")</script>'
IMAGE = "<img src=x onerror=alert(1)>"
COMPOUNDS = {
    HOSTILE: "tubulin inhibitor",
    "β-lapachone": "DNA damage",
    'o\'hara & "sons"': "actin disruptor|<i>kinase</i> inhibitor",
    "パクリタキセル": "tubulin inhibitor",
    "camptothecin": "DNA damage",
    "cytochalasin B": "actin disruptor",
    IMAGE: "",
    "a very long name of a compound that was made by a chemist with patience, hydrochloride salt": "",
}
DOSES = (0.1, 1.0, 10.0)
BAD_FIELD = ("C05", 2, "file cut short: <ER> holds 812 of 2,332,800 bytes")
LOW_WELL = "D07"
BLURRED = ("E08", 1)
NOTE = "no two perturbations share a mechanism in the top 1 %: an odds ratio <b>cannot</b> be formed"
PRESET = ("classical", "sphering")
KINDS = ("peaks", "wells", "histogram")
PARAMETERS = {"seed": 0, "max_q": 0.05, "neighbours": 2, "doses": "mean", "include_negcon": False}
COMMAND = "platewise run --configfile 'my <config>.yaml' --forcerun inventory_plate"


@dataclass(frozen=True)
class SmallCampaign:
    """Paths of a campaign's tables."""

    root: Path
    tables: CampaignTables
    inventory: dict[str, Path]


def platemap(plate: str) -> pd.DataFrame:
    """Eight compounds at three doses in duplicate on rows B to G, twelve negative and two positive controls."""
    rows = []
    names = list(COMPOUNDS)
    for row in range(1, 7):
        for column in range(1, 11):
            place = (row - 1) * 8 + (column - 2)
            if column in (1, 10):
                content = ("DMSO", np.nan, "", "negcon")
            elif row == 6 and column > 7:
                content = ("staurosporine", 1.0, "kinase inhibitor", "poscon")
            else:
                name = names[place % 8]
                content = (name, DOSES[place // 8 % 3], COMPOUNDS[name], "")
            rows.append([plate, well_name(row, column), PLATES[plate], *content])
    return pd.DataFrame(rows, columns=[PLATE, WELL, BATCH, PERTURBATION, DOSE, MOA, CONTROL_TYPE])


def make_campaign(root: Path, seed: int = 0) -> SmallCampaign:
    """Write every table of the campaign below ``root``; returns where they are."""
    rng = np.random.default_rng(seed)
    qc_wells, qc_fields, inventory = {}, {}, {}
    for plate in PLATES:
        folder = root / "plates" / plate
        fields, cells = _fields_and_cells(plate, rng)
        write_table(fields, folder / "fields" / "all.parquet", {"stage": "segment", "algorithm": 1})
        write_table(cells, folder / "cells" / "all.parquet", {"stage": "measure", "algorithm": 1})
        inventory[plate] = folder / "inventory" / "all.parquet"
        write_table(_inventory(fields), inventory[plate])
        qc_fields[plate], qc_wells[plate] = folder / "qc" / "fields.parquet", folder / "qc" / "wells.parquet"
        summarise_qc(
            platemap=platemap(plate),
            fields=[folder / "fields" / "all.parquet"],
            cells=[folder / "cells" / "all.parquet"],
            channels=CHANNELS,
            settings=QcConfig(),
            fields_target=qc_fields[plate],
            wells_target=qc_wells[plate],
        )
    return SmallCampaign(root, _campaign_tables(root, qc_wells, qc_fields, rng), inventory)


def read_image(well: str, site: int) -> np.ndarray:
    """Return a field with one bright disk a cell, (channel, y, x)."""
    labels = read_labels(well, site)
    image = np.full((3, 200, 240), 100, np.float32)
    image[0][labels["nuclei"] > 0] = 4000
    image[1][labels["cells"] > 0] = 2000
    image[2] += np.linspace(0, 500, 240, dtype=np.float32)
    return image + np.random.default_rng(ord(well[0]) + site).normal(0, 30, image.shape).astype(np.float32)


def read_labels(well: str, site: int) -> dict[str, np.ndarray]:
    """Return twelve disks as cells, with a smaller disk each as nucleus."""
    y, x = np.mgrid[:200, :240]
    nuclei, cells = np.zeros((200, 240), np.int32), np.zeros((200, 240), np.int32)
    for number in range(12):
        distance = np.hypot(y - (35 + 60 * (number // 4)), x - (35 + 55 * (number % 4)))
        cells[distance < 22], nuclei[distance < 9] = number + 1, number + 1
    return {"nuclei": nuclei, "cells": cells}


def _fields_and_cells(plate: str, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    fields, cells = [], []
    for row in platemap(plate).itertuples(index=False):
        for site in (1, 2):
            well = row[1]
            bad = plate == "BR001" and (well, site) == BAD_FIELD[:2]
            number = 0 if bad else 6 if well == LOW_WELL else int(rng.poisson(80))
            quality = [np.nan] * 9 if bad else [*rng.normal(500, 20, 3), *rng.normal(-3, 0.05, 3), 0.0, 0.0, 0.001]
            if (well, site) == BLURRED:
                quality[3] = -4.6
            status = ("bad", BAD_FIELD[2]) if bad else ("ok", "")
            fields.append([plate, well, site, *status, number, number, "aa", "bb", "cc", 0, *quality])
            for label in range(1, number + 1):
                means = rng.normal((900, 600, 700), 30)
                cells.append([plate, well, site, label, label % 10 == 0, *means])
    names = [PLATE, WELL, SITE, "Status", "Reason", "NucleiCount", "CellsCount", "NucleiHash", "CellsHash", "Digest"]
    names += ["BatchHalvings", *(f"{kind}_{name}" for kind in ("Mean", "Focus", "Saturated") for name in CHANNELS)]
    intensity = [f"Cells_Intensity_MeanIntensity_{name}" for name in CHANNELS]
    return (
        pd.DataFrame(fields, columns=names),
        pd.DataFrame(cells, columns=[PLATE, WELL, SITE, OBJECT, TOUCHES_BORDER, *intensity]),
    )


def _inventory(fields: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for field in fields[[PLATE, WELL, SITE, "Status", "Reason"]].itertuples(index=False):
        for name in CHANNELS:
            bad = field[3] == "bad" and name == "ER"
            path = f"/data/{field[0]}/{field[1]}_{field[2]}_{CHANNELS.index(name)}.tiff"
            rows.append([*field[:3], name, path, 1, 1, "uint16", 200, 240, "bad" if bad else "ok", field[4] * bad])
    names = [PLATE, WELL, SITE, "Channel", "Path", "Size", "MtimeNs", "Dtype", "Height", "Width", "Status", "Reason"]
    return pd.DataFrame(rows, columns=names)


# What a training stores beside its weights, as far as the page tells it.
MODEL = {
    "kind": "weak",
    "architecture": {"network": "small", "features": 128},
    "parameters": 212676,
    "config": {
        "epochs": 20,
        "steps_per_epoch": 32,
        "train_batch": 64,
        "adversary": {"against": ["batch"], "weight": 1},
    },
    "train_plates": ["BR001"],
    "validation_plates": ["BR002"],
    "classes": ["DMSO", "a", HOSTILE],
    "classes_in_one_batch": [HOSTILE],
    "figures": {
        "train_cells": 1234,
        "validation_cells": 567,
        "held_out_wells": 12,
        "held_out_cells": 345,
        "chance_accuracy": 1 / 3,
        "probe_batch_chance": 0.25,
    },
}


def _campaign_tables(root: Path, qc_wells: dict, qc_fields: dict, rng: np.random.Generator) -> CampaignTables:
    folder = root / "campaign"
    before, after = _profiles(rng, batch_effect=3.0), _profiles(rng, batch_effect=0.0)
    nodes, edges = _network(rng)
    paths = {
        "selected.parquet": before,
        "sphering.parquet": after,
        "scores.parquet": _scores(),
        "enrichment.parquet": _enrichment(),
        "batches.parquet": _batches(),
        "differences.parquet": _differences(),
        **_explanation(),
        "edges.parquet": edges,
        "nodes.parquet": nodes,
        "neighbours.parquet": _neighbours(nodes, edges),
        "shortlist.parquet": _shortlist(nodes),
        "selection.parquet": pd.DataFrame(
            {
                "Feature": ["a", "b", "c"],
                "Kept": [True, False, False],
                "Reason": ["", "correlated above 0.9", "NaN"],
                "Missing": [2, 0, 120],
            }
        ),
        "dropped.parquet": pd.DataFrame(
            {"Step": ["aggregate"] * 2, "Row": ["BR001 G10", "BR002 G10"], "Reason": ["no cells"] * 2}
        ),
        "curves.parquet": pd.DataFrame(
            {
                "epoch": range(10),
                "learning_rate": 0.001,
                "train_loss": np.geomspace(2, 0.6, 10),
                "train_accuracy": np.linspace(0.1, 0.8, 10),
                "validation_loss": [np.nan] * 5 + [1.4] * 5,
                "validation_accuracy": np.linspace(0.1, 0.4, 10),
                "held_out_wells_accuracy": np.linspace(0.1, 0.6, 10),
            }
        ),
    }
    for name, table in paths.items():
        write_table(table, folder / name, {"stage": name.split(".")[0], "algorithm": 1, "parameters": PARAMETERS})
    for name, table in screen_tables(HOSTILE).items():
        write_table(table, folder / f"{name}.parquet", {"stage": "screens", "parameters": {"max_q": 0.05}})
    (folder / "model.json").write_text(json.dumps(MODEL))
    pictures = {
        "crops": torch.from_numpy(rng.integers(0, 5000, (2, 6, 3, 32, 32)).astype(np.uint16)),
        "saliency": torch.from_numpy(rng.normal(size=(2, 3, 16, 16)).astype(np.float32)),
        "shares": torch.tensor([[0.1, 0.2, 0.7], [0.7, 0.2, 0.1]]),
    }
    save_tensors(folder / "exemplars.safetensors", pictures, {"channels": list(CHANNELS)})
    return CampaignTables(
        scores=[folder / "scores.parquet"],
        enrichment=[folder / "enrichment.parquet"],
        batches=[folder / "batches.parquet"],
        differences=folder / "differences.parquet",
        edges=folder / "edges.parquet",
        nodes=folder / "nodes.parquet",
        shortlist=folder / "shortlist.parquet",
        profiles={
            "classical, uncorrected": [folder / "selected.parquet"],
            "classical, sphering": [folder / "sphering.parquet"],
        },
        qc_wells=qc_wells,
        qc_fields=qc_fields,
        selection={"classical": folder / "selection.parquet"},
        dropped=[folder / "dropped.parquet"],
        treatments={kind: folder / f"{kind}.treatments.parquet" for kind in ("classical", "deep")},
        movers={kind: folder / f"{kind}.movers.parquet" for kind in ("classical", "deep")},
        predicted={"deep": folder / "predicted.parquet"},
        exemplars={"deep": folder / "exemplars.parquet"},
        pictures={"deep": folder / "exemplars.safetensors"},
        activity=folder / "activity.parquet",
        distances=folder / "distances.parquet",
        controls=folder / "controls.parquet",
        dose_response=folder / "dose_response.parquet",
        curves={"deep": folder / "curves.parquet"},
        models={"deep": folder / "model.json"},
        ploidy=_ploidy(root),
    )


def _ploidy(root: Path) -> PloidyTables:
    """The compound with the hostile name makes half of the cells polyploid; the second plate shows no peaks."""
    rng = np.random.default_rng(5)
    paths = {kind: [root / "plates" / plate / "ploidy" / f"{kind}.parquet" for plate in PLATES] for kind in KINDS}
    wells = []
    for place, plate in enumerate(PLATES):
        layout = platemap(plate)
        contents = {}
        for well, name in zip(layout[WELL], layout[PERTURBATION], strict=True):
            usual = rng.choice([2.0, 3.0, 4.0], 60, p=[0.6, 0.1, 0.3])
            content = np.where(rng.random(60) < (0.5 if name == HOSTILE else 0.01), 8.0, usual)
            contents[well] = content * np.exp(rng.normal(0, (0.08, 0.6)[place], 60))
        tables = analyse_plate(contents, layout)
        wells.append(tables[1])
        for kind, table in zip(KINDS, tables, strict=True):
            write_table(table, paths[kind][place])
    scored = root / "campaign" / "ploidy.parquet"
    write_table(score_treatments(pd.concat(wells), 50, 0), scored)
    return PloidyTables(scored, *paths.values())


def _profiles(rng: np.random.Generator, batch_effect: float) -> pd.DataFrame:
    wells = pd.concat([platemap(plate) for plate in PLATES], ignore_index=True)
    moas = {moa: rng.normal(0, 3, 30) for moa in sorted(wells[MOA].unique())}
    values = np.stack([moas[moa] if moa else np.zeros(30) for moa in wells[MOA]]) + rng.normal(0, 1, (len(wells), 30))
    values[:, :15] += batch_effect * (wells[BATCH] == "week 2").to_numpy()[:, None]
    wells[CELL_COUNT] = rng.poisson(150, len(wells))
    features = pd.DataFrame(values, columns=[f"Cells_AreaShape_F{place}" for place in range(30)])
    return pd.concat([wells, features], axis=1)


def _network(rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    names = list(COMPOUNDS)
    pairs = [(0, 3), (1, 4), (2, 5), (0, 6), (3, 7)]
    edges = pd.DataFrame(
        {
            "Source": [names[first] for first, _ in pairs],
            "Target": [names[second] for _, second in pairs],
            "Similarity": [0.91, 0.85, 0.8, 0.5, 0.4],
            "PValue": [0.001] * 5,
            "QValue": [0.004] * 5,
            "SharedMOA": [True, True, True, False, False],
        }
    )
    place = rng.normal(0, 1, (8, 2))
    nodes = pd.DataFrame(
        {
            PERTURBATION: names,
            MOA: list(COMPOUNDS.values()),
            CELL_COUNT: 150.0,
            "Degree": [2, 1, 1, 2, 1, 1, 1, 1],
            "Strength": [1.41, 0.85, 0.8, 1.31, 0.85, 0.8, 0.5, 0.4],
            "Community": [0, 1, 2, 0, 1, 2, 0, 0],
            "Stability": [0.6, 0.9, 0.75, 0.6, 0.9, 0.75, 0.6, 0.6],
            "WithinZ": np.nan,
            "Participation": 0.0,
            "Hub": [True, *[False] * 7],
            "Bridge": [*[False] * 7, True],
            "X": place[:, 0],
            "Y": place[:, 1],
        }
    )
    return nodes, edges


def _neighbours(nodes: pd.DataFrame, edges: pd.DataFrame) -> pd.DataFrame:
    """Two for each: those that it is connected with, and then the next by number, at a similarity of 0.1."""
    names = list(nodes[PERTURBATION])
    found = {}
    for edge in edges.itertuples(index=False):
        for own, other in ((edge[0], edge[1]), (edge[1], edge[0])):
            found[own, other] = [*edge[2:], True]
    rows = []
    for place, name in enumerate(names):
        near = sorted(
            ((pair[1], values) for pair, values in found.items() if pair[0] == name), key=lambda it: -it[1][0]
        )
        others = [names[(place + step) % len(names)] for step in (1, 2, 3)]
        near += [(other, [0.1, 0.4, 0.9, False, False]) for other in others if (name, other) not in found]
        rows += [[name, rank, other, *values] for rank, (other, values) in enumerate(near[:2], 1)]
    return pd.DataFrame(rows, columns=NEIGHBOUR_COLUMNS)


def network_tables(tables: CampaignTables, **changes: Path) -> NetworkTables:
    """Return the files of the network's page."""
    folder = Path(tables.nodes).parent
    single = ("nodes", "edges", "neighbours", "shortlist", "activity")
    paths = {name: folder / f"{name}.parquet" for name in single} | {"profiles": folder / "sphering.parquet"}
    return NetworkTables(**{**paths, "treatments": tables.treatments, "movers": tables.movers, **changes})


def _shortlist(nodes: pd.DataFrame) -> pd.DataFrame:
    """Two are listed, the others fail one criterion after the other."""
    failing = ["", "", "Active", "Reproducible", "BeyondCount", "Asked", "Active", "Active"]
    table = nodes[[PERTURBATION, MOA, "Community", "Degree", "Hub", "Bridge"]].assign(
        Listed=[not name for name in failing],
        Rank=[2.0, 1.0, *[np.nan] * 6],
        Reason="as it is",
        **{name: [name != other for other in failing] for name in CRITERIA},
        MapReplicate=[0.9, 1.0, *[0.2] * 6],
        QValue=[0.01, 0.00001, *[0.5] * 6],
        Replicating=1.0,
        CountRatio=0.9,
        CountShare=[np.nan, 0.125, *[0.9] * 6],
        Nearest=["", HOSTILE, *[""] * 6],
        NearestMOA=["", "tubulin inhibitor", *[""] * 6],
        NearestSimilarity=[np.nan, 0.75, *[np.nan] * 6],
        Exemplars="BR001 B02|BR002 B02",
    )
    return table[SHORTLIST_COLUMNS]


def _scores() -> pd.DataFrame:
    nan = np.nan
    rows = []
    for features, correction, moa in (
        ("classical", "none", 0.41),
        ("classical", "sphering", 0.637),
        ("deep", "none", 0.5),
    ):
        variant = [features, correction]
        rows += [
            [*variant, "map_moa", moa, moa - 0.1, moa + 0.1, 6, 8, "", 0.002, ""],
            [*variant, "map_moa", 0.3, nan, nan, 6, 8, "cell_count", 0.001, ""],
            [*variant, "map_moa", 0.33, nan, nan, 6, 8, "position", 0.31, ""],
            [*variant, "map_moa", 0.28, nan, nan, 6, 8, "shuffled", 0.001, ""],
            [*variant, "enrichment@1", nan, nan, nan, 0, 8, "", nan, NOTE],
            [*variant, "nsc", 0.8, 0.6, 0.9, 18, 24, "", nan, ""],
            [*variant, "nscb", nan, nan, nan, 0, 24, "", nan, "every mechanism was seen in one batch only"],
            [
                *variant,
                "map_replicate",
                0.92,
                0.9,
                0.95,
                24,
                24,
                "",
                0.001,
                "position and perturbation are inseparable",
            ],
        ]
    names = [
        "Features",
        "Correction",
        "Metric",
        "Value",
        "Low",
        "High",
        "Evaluated",
        "Total",
        "Baseline",
        "PValue",
        "Note",
    ]
    return pd.DataFrame(rows, columns=names)


def _enrichment() -> pd.DataFrame:
    rows = []
    for features, correction, height in (
        ("classical", "none", 5),
        ("classical", "sphering", 9),
        ("deep", "sphering", 14),
    ):
        for baseline, factor in (("", 1.0), ("cell_count", 0.3), ("shuffled", 1 / height)):
            for share in (0.5, 1, 2, 5, 10):
                odds = max(height * factor / share**0.4, 0.9)
                missing = features == "deep" and share == 0.5
                values = [np.nan] * 7 if missing else [odds, odds / 2, odds * 2, 0.001, 20 * share, 9, 4 * share]
                note = "no pairs to rank" if missing else "rests on few" if share < 2 else ""
                rows.append([features, correction, baseline, share, *values, note])
    return pd.DataFrame(rows, columns=ENRICHMENT_COLUMNS)


def _differences() -> pd.DataFrame:
    first, learned, before = ("classical", "sphering"), ("deep", "sphering"), ("classical", "none")
    none = "no perturbation has wells in two batches"
    rows = [
        [*first, *before, "enrichment@1", 8.0, 3.0, 5.0, 1.5, 9.0, "higher", ""],
        [*first, *before, "silhouette_batch", 0.02, 0.41, -0.39, -0.45, -0.31, "lower", ""],
        [*first, *learned, "enrichment@1", 8.0, 14.0, -6.0, -13.0, 2.0, "higher", ""],
        [*first, *learned, "silhouette_batch", np.nan, 0.2, np.nan, np.nan, np.nan, "lower", none],
    ]
    return pd.DataFrame(rows, columns=DIFFERENCE_COLUMNS)


def _explanation() -> dict[str, pd.DataFrame]:
    """A treatment under which much moved, one whose name is hostile, and one that only the engineered features have."""
    words, one = "nuclei 1.6x larger, ER dimmer in cells", "one well: nothing can be sure"
    engineered = [
        [HOSTILE, np.nan, 1, 0, 900, "", one],
        ["aspirin", 10.0, 4, 120, 900, words, ""],
        ["alone", 1.0, 4, 3, 900, "cells smaller", ""],
    ]
    learned = [[HOSTILE, np.nan, 1, 0, 128, "", one], ["aspirin", 10.0, 4, 60, 128, "", ""]]
    moved = [
        ["aspirin", 10.0, "Nuclei_AreaShape_Area", 8.25, 1.6, 0.0004, 0.01],
        ["aspirin", 10.0, "Cells_Intensity_MeanIntensity_ER", -9.0, 0.5, 0.0004, 0.01],
        ["aspirin", 10.0, "Cells_AreaShape_Area", 20.0, 1.6, 0.2, 0.3],
    ]
    predicted = [
        ["Deep_000", 0.8, "Nuclei_AreaShape_Area|Cells_AreaShape_Area", "0.91|-0.40", 96, ""],
        ["Deep_001", 0.2, "Cells_AreaShape_Area|Nuclei_AreaShape_Area", "0.30|0.10", 96, ""],
        ["Deep_002", np.nan, "Cells_AreaShape_Area|Nuclei_AreaShape_Area", "0.00|0.00", 96, ""],
    ]
    return {
        "classical.treatments.parquet": pd.DataFrame(engineered, columns=SUMMARY_COLUMNS),
        "deep.treatments.parquet": pd.DataFrame(learned, columns=SUMMARY_COLUMNS),
        "classical.movers.parquet": pd.DataFrame(moved, columns=MOVER_COLUMNS),
        "deep.movers.parquet": pd.DataFrame(columns=MOVER_COLUMNS),
        "predicted.parquet": pd.DataFrame(predicted, columns=PREDICTION_COLUMNS),
        "exemplars.parquet": pd.DataFrame(
            [
                ["DMSO", np.nan, True, 0, "BR001", "A01", 1, 7, 0.0, 2],
                ["DMSO", np.nan, True, 1, "BR001", "A02", 1, 3, 1.5, 2],
                [HOSTILE, 10.0, False, 0, "BR002", "B01", 2, 1, 0.0, 1],
            ],
            columns=EXEMPLAR_COLUMNS,
        ),
    }


def _batches() -> pd.DataFrame:
    rows = [
        ["classical", "none", "silhouette_batch", 0.412, 0.4, 0.45, "lower", ""],
        ["classical", "sphering", "silhouette_batch", 0.021, 0.0, 0.05, "lower", ""],
        ["classical", "none", "probe_plate", 0.99, 0.9, 1.0, "lower", ""],
        ["classical", "sphering", "probe_plate", np.nan, np.nan, np.nan, "lower", "two plates are too few"],
        ["classical", "none", "ilisi", 1.1, np.nan, np.nan, "higher", ""],
        ["classical", "sphering", "ilisi", 1.05, np.nan, np.nan, "higher", ""],
    ]
    names = ["Features", "Correction", "Metric", "Value", "Low", "High", "Better", "Note"]
    return pd.DataFrame(rows, columns=names).assign(Chance=np.nan)
