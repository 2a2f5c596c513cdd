"""Tables of a network of four perturbations, small enough to know by heart what the page must hold."""

from __future__ import annotations

import numpy as np
import pandas as pd

from platewise.columns import BATCH, CELL_COUNT, CONTROL_TYPE, DOSE, MOA, PERTURBATION, PLATE, WELL
from platewise.explanation.movers import MOVER_COLUMNS, SUMMARY_COLUMNS
from platewise.network.edges import EDGE_COLUMNS
from platewise.network.neighbours import NEIGHBOUR_COLUMNS
from platewise.report.network_data import NetworkFacts
from platewise.report.network_evidence import Evidence

NAN = float("nan")
HOSTILE = "</script><script>alert('../')"
NAMES = ["DMSO", "a", HOSTILE, "γ"]
FACTS = NetworkFacts("small", ("classical", "none"), 0.05, 2, "mean", 10)
AREA, DNA, TEXTURE = "Nuclei_AreaShape_Area", "Cells_Intensity_MeanIntensity_DNA", "Deep_000"


def nodes() -> pd.DataFrame:
    """DMSO is a negative control that is a node; a and the hostile one are connected; γ is on its own."""
    return pd.DataFrame(
        {
            PERTURBATION: NAMES,
            MOA: ["", "kinase", "actin|kinase", ""],
            CELL_COUNT: [100.0, 80.0, NAN, 50.123456],
            "Degree": [0, 1, 1, 0],
            "Community": [1, 0, 0, 2],
            "Stability": [NAN, 0.875, 0.875, NAN],
            "Hub": [False, True, False, False],
            "Bridge": [False, False, True, False],
            "X": [0.0, 0.123456, 1.0, -1.0],
            "Y": [0.0, 0.5, 1.0, -1.0],
        }
    )


def edges(rows: int = 1) -> pd.DataFrame:
    return pd.DataFrame([["a", HOSTILE, 0.91234, 0.000123, 0.00456, True]], columns=EDGE_COLUMNS)[:rows]


def neighbours(connected: bool = True) -> pd.DataFrame:
    """Two of each; the one of a that it is connected with is not among its two."""
    far = [0.1, 0.4, 0.9, False, False]
    rows = [
        ["DMSO", 1, "a", 0.2, 0.3, NAN, False, False],
        ["DMSO", 2, "γ", *far],
        ["a", 1, "γ", 0.95, 0.02, 0.06, False, False],
        ["a", 2, "DMSO", 0.94, 0.3, 0.8, False, False],
        [HOSTILE, 1, "a", 0.91234, 0.000123, 0.00456, True, connected],
        [HOSTILE, 2, "γ", *far],
        ["γ", 1, "a", 0.95, 0.02, 0.06, False, False],
        ["γ", 2, "DMSO", *far],
    ]
    return pd.DataFrame(rows, columns=NEIGHBOUR_COLUMNS)


def shortlist() -> pd.DataFrame:
    """DMSO is not judged; a is listed, γ has no q."""
    return pd.DataFrame(
        {
            PERTURBATION: ["a", "γ", HOSTILE],
            "Rank": [1.0, NAN, NAN],
            "Reason": ["active (q = 0.01)", "not known to be active: one well", "does not replicate"],
            "Active": [True, False, True],
            "Reproducible": [True, False, False],
            "BeyondCount": [True, True, False],
            "Asked": [True, True, True],
            "MapReplicate": [0.98765, NAN, 0.5],
            "QValue": [0.01, NAN, 0.02],
            "Replicating": [1.0, NAN, 0.0],
            "CountRatio": [0.8, NAN, 0.31],
            "CountShare": [0.1, NAN, 0.75],
            "Exemplars": ["P1 A02|P2 A03", "P1 A05", ""],
        }
    )


def wells() -> pd.DataFrame:
    """Of a: dose 1 in two positions and batches, dose 10 in one well; γ has one well, the hostile one two in one."""
    rows = [
        ["P1", "A01", "b1", "DMSO", NAN, "negcon", 100],
        ["P2", "A01", "b2", "DMSO", NAN, "negcon", 110],
        ["P1", "A02", "b1", "a", 1.0, "", 80],
        ["P2", "A03", "b2", "a", 1.0, "", 90],
        ["P1", "A04", "b1", "a", 10.0, "", NAN],
        ["P1", "A05", "b1", "γ", NAN, "", 50],
        ["P2", "A06", "b2", HOSTILE, 0.5, "poscon", 60],
        ["../P3", "A06", "b2", HOSTILE, 0.5, "poscon", 61],
    ]
    return pd.DataFrame(rows, columns=[PLATE, WELL, BATCH, PERTURBATION, DOSE, CONTROL_TYPE, CELL_COUNT])


def activity() -> pd.DataFrame:
    rows = [
        ["a", 1.0, 0.9, 0.01, True, ""],
        ["a", 10.0, NAN, NAN, False, "one well"],
        [HOSTILE, 0.5, 0.5, 0.2, False, "two wells cannot show it"],
    ]
    return pd.DataFrame(rows, columns=[PERTURBATION, DOSE, "AveragePrecision", "QValue", "Active", "Note"])


def movers() -> pd.DataFrame:
    """Under a at 1 two features moved; under the hostile one none did surely; of γ nothing was tested."""
    rows = [
        ["a", 1.0, AREA, 2.5, 1.6, 0.001, 0.004],
        ["a", 1.0, DNA, -3.0, 0.5, 0.001, 0.004],
        ["a", 1.0, "Nuclei_AreaShape_Eccentricity", 9.0, NAN, 0.3, 0.5],
        ["a", 10.0, AREA, 4.0, NAN, NAN, NAN],
        [HOSTILE, 0.5, AREA, 1.0, 1.1, 0.2, 0.4],
        ["elsewhere", NAN, AREA, 1.0, 1.1, 0.2, 0.01],
    ]
    return pd.DataFrame(rows, columns=MOVER_COLUMNS)


def treatments() -> pd.DataFrame:
    rows = [
        ["a", 1.0, 2, 2, 900, "nuclei 1.6x larger", ""],
        ["a", 10.0, 1, 0, 900, "", "one well: nothing can be sure"],
        [HOSTILE, 0.5, 2, 0, 900, "", ""],
    ]
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)


def evidence(**changes) -> Evidence:
    """With one kind of features, pages of P1 alone, and controls among the nodes."""
    tables = {
        "wells": wells(),
        "activity": activity(),
        "treatments": {"classical": treatments()},
        "movers": {"classical": movers()},
        "channels": ["DNA"],
        "pages": ["P1", "../P3"],
        "include_negcon": True,
    }
    return Evidence(**{**tables, **changes})


def many(count: int) -> pd.DataFrame:
    """So many wells of a at dose 1, the last of them an exemplar."""
    table = pd.concat([wells().iloc[[2]]] * count, ignore_index=True)
    return table.assign(**{WELL: [f"B{number:02d}" for number in range(count - 1)] + ["A02"], CELL_COUNT: np.nan})
