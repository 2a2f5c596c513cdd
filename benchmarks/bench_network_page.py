"""Size, time and memory of the network's interactive page, for made-up campaigns of several sizes.

    python benchmarks/bench_network_page.py                  # 1,000, 5,000 and 16,600 perturbations
    python benchmarks/bench_network_page.py --nodes 2000 --doses 8

Five wells and ten neighbours a perturbation, two kinds of features of which 50 moved under each treatment, reasons as
long as real ones. Each figure is of a process of its own. Prints one figure a line: name, value, unit.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from alone import ask_alone
from bench_network import measure

WELLS, NEIGHBOURS, MECHANISMS, MOST = 5, 10, 500, 50
KINDS = {"classical": 1069, "deep": 672}
CHANNELS = ("AGP", "DNA", "ER", "Mito", "RNA")
GROUPS = ("Intensity_MeanIntensity", "Granularity_3", "Texture_Contrast", "RadialDistribution_RadialCV")


def write_tables(folder: Path, nodes: int, doses: int) -> None:
    """Write every table that the page reads."""
    from platewise.tables import write_table

    rng = np.random.default_rng(0)
    names = np.array([f"BRD-K{number:08d}" for number in rng.permutation(10**8)[:nodes]], dtype=object)
    facts = {"parameters": {"max_q": 0.05, "neighbours": NEIGHBOURS, "doses": "mean", "include_negcon": False}}
    near = np.stack([(np.arange(nodes) + step) % nodes for step in range(1, NEIGHBOURS + 1)], axis=1)
    pairs = pd.DataFrame(
        {
            "Similarity": rng.uniform(0.2, 0.95, nodes * NEIGHBOURS),
            "PValue": rng.uniform(0, 0.05, nodes * NEIGHBOURS),
            "QValue": rng.uniform(0, 0.1, nodes * NEIGHBOURS),
            "SharedMOA": rng.random(nodes * NEIGHBOURS) < 0.2,
        }
    )
    first, second = np.repeat(names, NEIGHBOURS), names[near.ravel()]
    connected = (pairs["QValue"] < 0.05).to_numpy()
    edges = pairs[connected].assign(Source=first[connected], Target=second[connected])
    neighbours = pairs.assign(Metadata_Perturbation=first, Neighbour=second, Connected=connected)
    table = pd.DataFrame({"Metadata_Perturbation": names, "Metadata_CellCount": rng.normal(900, 100, nodes)})
    table["Metadata_MOA"] = [f"mechanism {number} inhibitor" for number in rng.integers(0, MECHANISMS, nodes)]
    table["Degree"] = np.bincount(np.concatenate([np.repeat(np.arange(nodes), NEIGHBOURS), near.ravel()]))
    table["Community"] = np.arange(nodes) // 40
    table["Stability"], table["Hub"], table["Bridge"] = 0.8, False, rng.random(nodes) < 0.1
    table["X"], table["Y"] = rng.normal(size=(2, nodes))
    reason = "active (q = 0.0012), replicates, cell count explains 12% of the profile, connected with BRD-K00000001"
    shortlist = table[["Metadata_Perturbation"]].assign(
        Rank=np.where(np.arange(nodes) < 50, np.arange(nodes) + 1, np.nan),
        Reason=reason,
        **dict.fromkeys(("Active", "Reproducible", "BeyondCount", "Asked"), True),
        **{name: rng.random(nodes) for name in ("MapReplicate", "QValue", "Replicating", "CountRatio", "CountShare")},
        Exemplars=[f"P{number // 300:04d}-0 W{number % 300:03d}" for number in range(nodes)],
    )
    treatments = pd.DataFrame({"Metadata_Perturbation": np.repeat(names, doses)})
    treatments["Metadata_Dose"] = np.tile(10.0 ** -np.arange(doses), nodes)
    place = np.repeat(np.arange(nodes), doses)
    wells = pd.concat(
        [
            treatments.assign(
                Metadata_Plate=[f"P{number // 300:04d}-{well}" for number in place],
                Metadata_Well=[f"W{number % 300:03d}" for number in place],
                Metadata_Batch=f"batch {well}",
                Metadata_MOA="",
                Metadata_ControlType="",
                Metadata_CellCount=rng.integers(500, 1500, len(place)),
            )
            for well in range(WELLS)
        ]
    )
    activity = treatments.assign(
        Replicates=WELLS, AveragePrecision=rng.random(len(place)), PValue=0.01, QValue=rng.random(len(place)) / 10
    ).assign(Active=lambda rows: rows["QValue"] < 0.05, Note="")
    words = "nuclei 1.6x larger, Mito dimmer in cells, ER with fewer fine grains in cells, nuclei rounder"
    for kind, count in KINDS.items():
        features = _features(kind, count)
        told = treatments.assign(Wells=WELLS, Moved=120, Tested=count, Words=words * (kind == "classical"), Note="")
        chosen = rng.integers(0, count, (len(place), MOST))
        movers = pd.DataFrame({name: np.repeat(treatments[name].to_numpy(), MOST) for name in treatments})
        movers["Feature"] = features[chosen.ravel()]
        movers["Effect"] = rng.normal(0, 10, chosen.size)
        movers["Ratio"], movers["PValue"], movers["QValue"] = np.nan, 0.001, rng.uniform(0.001, 0.04, chosen.size)
        write_table(told, folder / f"{kind}.treatments.parquet")
        write_table(movers, folder / f"{kind}.movers.parquet")
    made = {"nodes": table, "edges": edges, "neighbours": neighbours, "shortlist": shortlist}
    for name, rows in {**made, "profiles": wells, "activity": activity}.items():
        write_table(rows, folder / f"{name}.parquet", facts)


def _features(kind: str, count: int) -> np.ndarray:
    if kind != "classical":
        return np.array([f"Deep_{number:03d}" for number in range(count)], dtype=object)
    parts = ("Nuclei", "Cells", "Cytoplasm")
    names = [f"{part}_{group}_{channel}" for part in parts for group in GROUPS for channel in CHANNELS]
    return np.array([f"{names[number % len(names)]}_{number:04d}" for number in range(count)], dtype=object)


def write_page(folder: Path) -> int:
    """Run the rule `report_network`; returns the bytes of its page."""
    from platewise.report.network_page import NetworkTables, report_network

    single = {name: folder / f"{name}.parquet" for name in ("nodes", "edges", "neighbours", "shortlist", "profiles")}
    report_network(
        folder / "network.html",
        campaign="made up",
        preset=("classical", "sphering"),
        tables=NetworkTables(
            **single,
            activity=folder / "activity.parquet",
            treatments={kind: folder / f"{kind}.treatments.parquet" for kind in KINDS},
            movers={kind: folder / f"{kind}.movers.parquet" for kind in KINDS},
        ),
        max_nodes=2000,
        channels=CHANNELS,
    )
    return (folder / "network.html").stat().st_size


def main() -> None:
    """Print one figure a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1000, 5000, 16_600])
    parser.add_argument("--doses", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder in which tables and page stay")
    options = parser.parse_args()
    for nodes in options.nodes:
        with tempfile.TemporaryDirectory() as name:
            folder = options.keep or Path(name)
            write_tables(folder, nodes, options.doses)
            size, cpu, memory, _ = ask_alone("report_network", measure, partial(write_page, folder))
            print(f"page_{nodes}.size {size / 1e6:.1f} MB")
            print(f"page_{nodes}.cpu {cpu:.1f} cpu_s")
            print(f"page_{nodes}.memory {memory:.0f} MB", flush=True)


if __name__ == "__main__":
    main()
