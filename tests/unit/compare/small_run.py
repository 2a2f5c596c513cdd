"""A run of a campaign in files: two plates of eight wells, known numbers everywhere."""

from __future__ import annotations

import numpy as np
import pandas as pd

from platewise.columns import (
    BATCH,
    CELL_COUNT,
    CONTROL_TYPE,
    DOSE,
    MOA,
    PERTURBATION,
    PLATE,
    SITE,
    WELL,
)
from platewise.store.commit import commit_field
from platewise.store.fields import hash_label
from platewise.store.plate import prepare_store
from platewise.tables import write_table

PLATES = ("P1", "P2")
WELLS = tuple(f"A{column:02d}" for column in range(1, 9))
# Two wells of each on every plate.
GIVEN = ("DMSO", "DMSO", "X", "X", "Y", "Y", "Z", "Z")
FEATURES = ("Nuclei_AreaShape_Area", "Cells_AreaShape_Area", "Cells_Intensity_MeanIntensity_DNA")
VARIANT = ("classical", "none")


def metadata(plate):
    return pd.DataFrame(
        {
            PLATE: plate,
            WELL: WELLS,
            BATCH: "week 1",
            PERTURBATION: GIVEN,
            DOSE: [np.nan, np.nan, *[1.0] * 6],
            MOA: ["", "", "kinase", "kinase", "kinase", "kinase", "actin", "actin"],
            CONTROL_TYPE: ["negcon", "negcon", *[""] * 6],
            CELL_COUNT: [10] * 8,
        }
    )


def wells_table(plate):
    """The first feature is 0..7 on P1 and 10..17 on P2, the second ten times, the third minus that."""
    base = np.arange(8.0) + 10 * PLATES.index(plate)
    return metadata(plate).assign(**dict(zip(FEATURES, (base, 10 * base, -base), strict=True)))


def profiles_table():
    """X and Y point the same way and far from the controls, Z across; wells of one treatment differ a little."""
    directions = {"DMSO": (0.01, -0.01, 0.01), "X": (3, 0, 0), "Y": (3, 1, 0), "Z": (0, 0, 3)}
    tables = []
    for place, plate in enumerate(PLATES):
        values = np.array([directions[name] for name in GIVEN], dtype=float)
        values[:, 1] += 0.02 * (-1.0) ** np.arange(8) + 0.01 * place
        tables.append(metadata(plate).assign(**dict(zip(FEATURES, values.T, strict=True))))
    return pd.concat(tables, ignore_index=True)


def consensus_table(values=((3, 0, 0), (3, 1, 0), (0, 0, 3))):
    table = pd.DataFrame(
        {
            PERTURBATION: ["DMSO", "X", "Y", "Z"],
            DOSE: [np.nan, 1.0, 1.0, 1.0],
            MOA: ["", "kinase", "kinase", "actin"],
            CONTROL_TYPE: ["negcon", "", "", ""],
            BATCH: "week 1",
            CELL_COUNT: 10.0,
        }
    )
    return table.assign(**dict(zip(FEATURES, np.array([(0, 0, 0), *values], dtype=float).T, strict=True)))


def manifest_table(plate, counts=None, bad=(), labels="a"):
    """One field a well, ten cells each; ``counts`` replaces those of wells, ``bad`` wells have a bad field."""
    rows = []
    for well in WELLS:
        ok = well not in bad
        cells = (counts or {}).get(well, 10) if ok else 0
        rows.append(
            {
                PLATE: plate,
                WELL: well,
                SITE: 1,
                "Status": "ok" if ok else "bad",
                "Reason": "" if ok else "ER: cut short",
                "NucleiCount": cells,
                "CellsCount": cells,
                "NucleiHash": f"{labels}{well}{cells}" if ok else "",
                "CellsHash": f"{labels}{well}{cells}" if ok else "",
            }
        )
    return pd.DataFrame(rows)


def edges_table(rows=(("X", "Y", 0.9, 0.01, True),)):
    table = pd.DataFrame(rows, columns=["Source", "Target", "Similarity", "QValue", "SharedMOA"])
    return table.assign(PValue=table["QValue"])


def neighbours_table(rows=(("X", "Y"), ("Y", "X"), ("Z", "Y"))):
    """The nearest first of each, as they come."""
    table = pd.DataFrame(list(rows), columns=[PERTURBATION, "Neighbour"])
    return table.assign(Rank=table.groupby(PERTURBATION).cumcount() + 1)


def nodes_table(names=("X", "Y", "Z")):
    moas = {"X": "kinase", "Y": "kinase"}
    return pd.DataFrame(
        {
            PERTURBATION: list(names),
            MOA: [moas.get(name, "actin") for name in names],
            CELL_COUNT: 10.0,
            "Degree": 1,
            "Strength": 0.9,
            "Community": 0,
            "Stability": 1.0,
            "WithinZ": 0.0,
            "Participation": 0.0,
            "Hub": False,
            "Bridge": False,
            "X": np.arange(len(names), dtype=float),
            "Y": 0.0,
        }
    )


def scores_table(value=0.8, low=0.7, high=0.9, p=0.01):
    rows = [
        ["map_moa", value, low, high, "", p],
        ["map_moa", 0.2, 0.1, 0.3, "shuffled", 0.001],
        ["nscb", np.nan, np.nan, np.nan, "", np.nan],
    ]
    table = pd.DataFrame(rows, columns=["Metric", "Value", "Low", "High", "Baseline", "PValue"])
    return table.assign(Features=VARIANT[0], Correction=VARIANT[1], Evaluated=3, Total=3, Note="")


def perturbations_table(q=(0.1, 0.2, 0.3), replicating=(1.0, 0.5, 0.0)):
    table = pd.DataFrame({PERTURBATION: ["X", "Y", "Z"], "Wells": np.int32(4), "MapReplicate": [1.0, 0.9, 0.8]})
    return table.assign(PValue=q, QValue=q, Replicating=replicating, Note="")


def batches_table(value=0.3):
    return pd.DataFrame(
        [[*VARIANT, "silhouette_batch", value, value - 0.05, value + 0.05, "lower", ""]],
        columns=["Features", "Correction", "Metric", "Value", "Low", "High", "Better", "Note"],
    ).assign(Chance=np.nan)


def label_image(shift=0):
    """Two squares of ten by ten pixels; the second is moved to the right."""
    label = np.zeros((40, 60), np.int32)
    label[5:15, 5:15] = 1
    label[20:30, 20 + shift : 30 + shift] = 2
    return label


def write_store(folder, plate, labels):
    """Commit a field of each well in ``labels`` and return its manifest's hashes."""
    store = folder / "plates" / plate / "plate.zarr"
    prepare_store(store, plate, {well: [1] for well in labels})
    for well, image in labels.items():
        commit_field(store, well, 1, {"nuclei": image, "cells": image}, "digest", {"cells_count": 2})
    return {well: hash_label(image) for well, image in labels.items()}


def write_run(folder, *, nucleus=32.0, algorithm=1, tables=None, leave_out=()):
    """Write all tables of a run.

    Parameters
    ----------
    folder
        ``{results}/{campaign}``.
    nucleus, algorithm
        Parameter and algorithm of the segmentation.
    tables
        Tables in place of those of this module, by path below ``folder``.
    leave_out
        Paths that are not written.
    """
    variant = ".".join(VARIANT)
    found = {f"plates/{plate}/fields/A01-A08.parquet": manifest_table(plate) for plate in PLATES}
    found |= {f"plates/{plate}/profiles/classical.wells.parquet": wells_table(plate) for plate in PLATES}
    found |= {
        f"campaign/profiles/{variant}.parquet": profiles_table(),
        f"campaign/profiles/{variant}.consensus.parquet": consensus_table(),
        f"campaign/network/{variant}/edges.parquet": edges_table(),
        f"campaign/network/{variant}/nodes.parquet": nodes_table(),
        f"campaign/network/{variant}/neighbours.parquet": neighbours_table(),
        f"campaign/evaluation/{variant}.scores.parquet": scores_table(),
        f"campaign/evaluation/{variant}.batches.parquet": batches_table(),
        f"campaign/evaluation/{variant}.perturbations.parquet": perturbations_table(),
    }
    stages = {
        "fields": {"stage": "segment", "algorithm": algorithm, "parameters": {"nuclei": {"nucleus_diameter": nucleus}}},
        "evaluation": {
            "stage": "evaluation",
            "algorithm": 2,
            "parameters": {"max_q": 0.5},
        },
    }
    for path, table in {**found, **(tables or {})}.items():
        if path not in leave_out:
            write_table(table, folder / path, stages.get(path.split("/")[-2], {"stage": "profiles", "algorithm": 2}))
    return folder
