"""A table of wells through every stage from import to the report, as the rules call them, with small numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from platewise.config.correction import (
    CombatCorrection,
    HarmonyCorrection,
    MnnCorrection,
    NoCorrection,
    ReplicateCorrection,
    SpheringCorrection,
)
from platewise.config.evaluation import EvaluationConfig
from platewise.config.network import NetworkConfig
from platewise.config.profiles import ConsensusConfig, NormaliseConfig, SelectConfig
from platewise.config.report import ReportConfig
from platewise.config.shortlist import ShortlistConfig
from platewise.config.table import TableColumns, TableConfig
from platewise.correction.correct import run_correct_batches
from platewise.correction.method import CorrectionRefusedError
from platewise.evaluation.batches import run_score_batches
from platewise.evaluation.differences import run_score_differences
from platewise.evaluation.evaluate import run_evaluate_network
from platewise.explanation.movers import run_explain_treatments
from platewise.network.build import run_build_network
from platewise.network.query import run_query
from platewise.network.shortlist import run_shortlist_perturbations
from platewise.profiles.consensus import run_build_consensus
from platewise.profiles.importing import run_import_profiles
from platewise.profiles.normalise import run_normalise_plates
from platewise.profiles.plates import plates_of
from platewise.profiles.select import run_select_features
from platewise.report.campaign_page import report_campaign
from platewise.report.campaign_tables import CampaignTables
from platewise.report.network_page import NetworkTables, report_network
from platewise.screens.dose_response import run_fit_dose_response
from platewise.screens.hits import run_call_hits
from platewise.tables import read_table

EVALUATION = EvaluationConfig(permutations=20, shuffles=10, bootstraps=20, null_size=100, shares=(1.0, 5.0))
NETWORK = NetworkConfig(shuffles=5, null_size=1000, resamples=3, neighbours=3)
METHODS = {
    "none": NoCorrection(),
    "sphering": SpheringCorrection(),
    "replicates": ReplicateCorrection(),
    "combat": CombatCorrection(),
    "harmony": HarmonyCorrection(),
    "mnn": MnnCorrection(),
}
COLUMNS = TableColumns(
    plate="plate", well="well", perturbation="name", batch="batch", dose="dose", moa="moa", cell_count="cells"
)


def small_campaign(
    plates: int = 4, batches: int = 2, controls: int = 6, drugs: int = 8, features: int = 6, moas: int = 4
) -> pd.DataFrame:
    """Return a user's table: each drug twice on every plate, at that plate's dose; drugs of a mechanism are alike."""
    rng = np.random.default_rng(0)
    directions, rows = rng.normal(size=(moas, features)), []
    for plate in range(plates):
        for well in range(controls + 2 * drugs):
            treated = well >= controls
            drug = (well - controls) % max(drugs, 1)
            profile = 100 + rng.normal(size=features) + 4 * treated * directions[drug % moas]
            rows.append(
                {
                    "plate": f"P{plate + 1}",
                    "well": f"{'ABCDEFGH'[well // 12]}{well % 12 + 1}",
                    "batch": f"B{plate * batches // plates + 1}",
                    "name": f"drug {drug}" if treated else "DMSO",
                    "dose": float(10**plate) if treated else np.nan,
                    "moa": f"moa {drug % moas}" if treated else "",
                    "cells": int(rng.integers(80, 120)),
                    **{f"Cells_AreaShape_F{number}": value for number, value in enumerate(profile)},
                }
            )
    return pd.DataFrame(rows)


@dataclass
class Chain:
    """What the stages made of a table. ``refused`` says of each correction that was refused why."""

    folder: Path
    plates: list[str]
    refused: dict[str, str] = field(default_factory=dict)

    def plate_tables(self, name: str) -> list[str]:
        return [str(self.folder / "plates" / plate / f"classical.{name}.parquet") for plate in self.plates]

    def path(self, name: str) -> str:
        return str(self.folder / "campaign" / f"{name}.parquet")

    def read(self, name: str) -> pd.DataFrame:
        return read_table(self.path(name))

    def wells(self) -> pd.DataFrame:
        return pd.concat(map(read_table, self.plate_tables("wells")), ignore_index=True)

    def dropped(self) -> pd.DataFrame:
        return pd.concat(map(read_table, self.plate_tables("wells.dropped")), ignore_index=True)

    def scores(self) -> pd.DataFrame:
        """The scores themselves, without their baselines, by metric."""
        table = self.read("evaluation/classical.none.scores")
        return table[table["Baseline"] == ""].set_index("Metric")

    @property
    def page(self) -> str:
        return (self.folder / "report" / "index.html").read_text()

    @property
    def network_page(self) -> str:
        return (self.folder / "report" / "network.html").read_text()


def run_chain(table: pd.DataFrame, folder: Path) -> Chain:
    """Run everything: every correction, and all that follows on the uncorrected profiles."""
    table.to_parquet(folder / "wells.parquet")
    config = TableConfig(paths=(str(folder / "wells.parquet"),), columns=COLUMNS, negcon=("DMSO",))
    chain = Chain(folder / "results", plates_of(config))
    run_import_profiles(config, dict(zip(chain.plates, chain.plate_tables("wells"), strict=True)))
    _profile(chain)
    _connect_and_evaluate(chain)
    _screen_and_explain(chain)
    _report(chain)
    _report_network(chain)
    return chain


def _profile(chain: Chain) -> None:
    wells, normalised = (
        dict(zip(chain.plates, chain.plate_tables(level), strict=True)) for level in ("wells", "normalised")
    )
    run_normalise_plates(wells, normalised, NormaliseConfig())
    selected = chain.path("profiles/classical.selected")
    run_select_features(normalised, selected, chain.path("profiles/classical.selection"), SelectConfig())
    for name, method in METHODS.items():
        out = chain.path(f"profiles/classical.{name}")
        try:
            run_correct_batches(selected, out, out.replace(".parquet", ".h5ad"), method)
        except CorrectionRefusedError as refusal:
            chain.refused[name] = str(refusal)
            continue
        run_build_consensus(out, chain.path(f"profiles/classical.{name}.consensus"), ConsensusConfig())


def _connect_and_evaluate(chain: Chain) -> None:
    four, five = chain.path("profiles/classical.none"), chain.path("profiles/classical.none.consensus")
    network, names = "network/classical.none", ("classical", "none")
    scores = [chain.path(f"evaluation/classical.none.{part}") for part in ("scores", "enrichment", "perturbations")]
    run_build_network(four, five, str(Path(chain.path(f"{network}/nodes")).parent), NETWORK, "median")
    run_evaluate_network(four, five, *scores, EVALUATION, NETWORK, *names)
    wells, batches = chain.plate_tables("wells"), chain.path("evaluation/classical.none.batches")
    run_score_batches(four, five, batches, EVALUATION, NETWORK, *names, wells)
    parts = [chain.path(f"{network}/{part}") for part in ("nodes", "edges")]
    run_shortlist_perturbations(four, *parts, scores[2], chain.path(f"{network}/shortlist"), ShortlistConfig())
    made = [name for name in METHODS if name not in chain.refused]
    profiles, consensus = (
        {("classical", name): chain.path(f"profiles/classical.{name}{level}") for name in made}
        for level in ("", ".consensus")
    )
    run_score_differences(profiles, consensus, chain.path("evaluation/differences"), names, EVALUATION, NETWORK)
    # The campaign's own treatments as unknowns.
    hits = run_query(Path(five), chain.folder, "classical.none")
    hits.to_parquet(chain.path("network/query"))


def _screen_and_explain(chain: Chain) -> None:
    distances = chain.path("screens/distances")
    run_call_hits(
        chain.path("profiles/classical.none"),
        chain.path("profiles/classical.selected"),
        chain.path("evaluation/activity"),
        distances,
        chain.path("screens/plates"),
        EVALUATION,
    )
    run_fit_dose_response(distances, chain.path("screens/dose_response"), EVALUATION)
    run_explain_treatments(
        chain.plate_tables("normalised"),
        chain.plate_tables("wells"),
        chain.path("profiles/classical.selection"),
        chain.path("explanation/movers"),
        chain.path("explanation/treatments"),
        (),
    )


def _report(chain: Chain) -> None:
    report_campaign(
        chain.folder / "report" / "index.html",
        campaign="bad",
        preset=("classical", "none"),
        tables=CampaignTables(
            scores=[chain.path("evaluation/classical.none.scores")],
            enrichment=[chain.path("evaluation/classical.none.enrichment")],
            batches=[chain.path("evaluation/classical.none.batches")],
            differences=chain.path("evaluation/differences"),
            edges=chain.path("network/classical.none/edges"),
            nodes=chain.path("network/classical.none/nodes"),
            shortlist=chain.path("network/classical.none/shortlist"),
            profiles={
                "classical, uncorrected": chain.plate_tables("wells"),
                "classical, none": [chain.path("profiles/classical.none")],
            },
            selection={"classical": chain.path("profiles/classical.selection")},
            dropped=chain.plate_tables("wells.dropped"),
            treatments={"classical": chain.path("explanation/treatments")},
            movers={"classical": chain.path("explanation/movers")},
            activity=chain.path("evaluation/activity"),
            distances=chain.path("screens/distances"),
            controls=chain.path("screens/plates"),
            dose_response=chain.path("screens/dose_response"),
        ),
        settings=ReportConfig(),
        plate_format=96,
    )


def _report_network(chain: Chain) -> None:
    network = {part: chain.path(f"network/classical.none/{part}") for part in ("nodes", "edges", "neighbours")}
    report_network(
        chain.folder / "report" / "network.html",
        campaign="bad",
        preset=("classical", "none"),
        tables=NetworkTables(
            **network,
            shortlist=chain.path("network/classical.none/shortlist"),
            profiles=chain.path("profiles/classical.none"),
            activity=chain.path("evaluation/activity"),
            treatments={"classical": chain.path("explanation/treatments")},
            movers={"classical": chain.path("explanation/movers")},
        ),
        max_nodes=10,
    )
