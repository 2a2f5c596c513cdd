"""The page of a whole campaign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from platewise.columns import BATCH, MOA, PERTURBATION, PLATE, metadata_columns
from platewise.config.report import ReportConfig
from platewise.network.communities import STABLE
from platewise.report.campaign import (
    Selection,
    bad_field_rows,
    count_campaign,
    feature_selection,
    losses,
    plate_cards,
    profile_matrix,
)
from platewise.report.campaign_tables import CampaignData, CampaignTables, read_campaign
from platewise.report.cells import Footnotes
from platewise.report.correction_notes import correction_notes, without_notes
from platewise.report.differences import difference_metrics, difference_rows, learned_against_classical
from platewise.report.dose_response import dose_figure, dose_section
from platewise.report.exemplars import read_exemplars
from platewise.report.explanation import MOST_TREATMENTS, moved_rows, predicted_features
from platewise.report.figures import (
    Figure,
    curves_figure,
    enrichment_figure,
    network_figure,
    rests_on,
)
from platewise.report.headline import Caution, cautions, judge, network_cautions, scale_cautions, screened
from platewise.report.hits import hit_section
from platewise.report.html import render_page, write_page
from platewise.report.metrics import baseline_words
from platewise.report.numbers import significant
from platewise.report.panels import MOST_PERTURBATIONS, projection_figure
from platewise.report.ploidy import read_ploidy
from platewise.report.projection import principal_components
from platewise.report.provenance import as_yaml, sources
from platewise.report.scores import UNCORRECTED, baseline_names, batch_rows, score_groups
from platewise.report.shortlist import shortlist_section
from platewise.report.tradeoff import tradeoff_figure
from platewise.report.training import training_words
from platewise.report.variants import read_variants
from platewise.tables import read_provenance, read_table

# More bad fields than this are on the pages of their plates only.
_MOST_BAD_ROWS = 500
# More hubs or bridges than this are in the table of nodes.
_MOST_NAMED = 20


def report_campaign(
    target: str | Path,
    *,
    campaign: str,
    preset: tuple[str, str],
    tables: CampaignTables,
    settings: ReportConfig,
    plate_format: int | Mapping[str, int] = 384,
    plate_pages: Mapping[str, str] | None = None,
    segmentation_page: str = "",
    network_page: str = "",
    adversarial: Sequence[str] = (),
    max_q: float = 0.05,
    nuclei_channel: str = "",
    rerun_command: str = "",
    config: Mapping[str, Any] | None = None,
    versions: Mapping[str, str] | None = None,
) -> None:
    """Write the page of a campaign.

    Parameters
    ----------
    target
        The page, ``R/report/index.html``; written whole or not at all.
    campaign
        Its name.
    preset
        (features, correction) that are judged.
    tables
        The files to read; nothing else is looked for.
    settings
        The config's section ``report``.
    plate_format
        Wells of the physical plates, one number or one for each plate.
    plate_pages
        Plate to the address of its page, relative to this one; without, ``plates/{plate}.html``.
    segmentation_page
        Address of the page that compares segmentation engines, relative to this one; empty where there is none.
    network_page
        Address of the network's interactive page, in the same way.
    adversarial
        Embeddings that were trained against the batch, the plate or the position.
    max_q
        False discovery rate below which a share of nuclei, or a variant, counts as changed.
    nuclei_channel
        Drawn in blue in pictures of cells, where the config names no colours.
    rerun_command
        What the user types after replacing bad images.
    config
        The whole config, shown as YAML.
    versions
        Name to version of platewise and of the libraries that matter.

    Raises
    ------
    DataError
        If a table cannot be read.
    """
    data = read_campaign(tables)
    network = _network_words(data.nodes, data.edges, settings.max_nodes)
    groups = score_groups(data.scores, preset, settings.references)
    of_corrections = correction_notes(data.scores)
    profiles = data.profiles[list(data.profiles)[-1]]
    counts = count_campaign(profiles, data.all_wells(), data.all_fields())
    pages = dict(plate_pages or {plate: f"plates/{plate}.html" for plate in data.qc_wells})
    formats = plate_format if isinstance(plate_format, Mapping) else dict.fromkeys(data.qc_wells, plate_format)
    cards, most_cells = plate_cards(data.qc_wells, data.qc_fields, formats, pages) if data.qc_wells else ([], 0.0)
    bad = bad_field_rows(data.qc_fields, pages)
    corrections = _corrections(data.batches, preset[1])
    differences = difference_rows(without_notes(data.differences, of_corrections))
    batches = batch_rows(without_notes(data.batches, of_corrections), corrections)
    figures = _figures(data, preset, settings)
    tradeoff = tradeoff_figure(data.batches, preset)
    if tradeoff:
        figures["figure-tradeoff"] = tradeoff.figure
    ploidy, drawn = read_ploidy(tables.ploidy, max_q) if tables.ploidy else (None, None)
    if drawn:
        figures["figure-ploidy"] = drawn
    variants = read_variants(tables.variants, max_q) if tables.variants else None
    limits = [*cautions(groups, counts), *network_cautions(network["nodes"], network["alone"])]
    limits += scale_cautions(profiles)
    if variants and variants.caution:
        # First: whoever screens variants asks for them.
        limits.insert(0, Caution(variants.caution, "Variants"))
    page = render_page(
        "campaign.html.j2",
        figures=figures,
        tradeoff=tradeoff,
        ploidy=ploidy,
        ploidy_drawn=drawn is not None,
        variants=variants,
        campaign=campaign,
        segmentation_page=segmentation_page,
        network_page=network_page,
        page_title=settings.title or f"Campaign {campaign}",
        preset=preset,
        counts=counts,
        screened=screened(counts),
        verdict=judge(groups, settings.headline_metrics),
        cautions=limits,
        groups=score_groups(without_notes(data.scores, of_corrections), preset, settings.references),
        correction_notes=of_corrections,
        baselines=[baseline_words(name) for name in baseline_names(data.scores)],
        enrichment_rows=_enrichment_rows(data.enrichment, preset),
        enrichment_drawn=_drawn(data.enrichment),
        learned_against_classical=learned_against_classical(data.differences, preset[1]),
        difference_metrics=difference_metrics(data.differences),
        difference_rows=differences,
        hits=None
        if data.activity is None
        else hit_section(data.activity, data.distances, data.controls, _level(tables.activity)),
        doses=None if data.dose_response is None else dose_section(data.dose_response, data.distances),
        moved_kinds=list(data.treatments),
        moved=moved_rows(data.treatments, data.movers),
        moved_more=max(max(map(len, data.treatments.values()), default=0) - MOST_TREATMENTS, 0),
        predicted=predicted_features(data.predicted),
        exemplars=[
            read_exemplars(name, path, tables.pictures[name], settings.thumbnail_channels, nuclei_channel)
            for name, path in tables.exemplars.items()
        ],
        difference_notes=Footnotes(cell for row in differences for cell in row.cells),
        batch_notes=Footnotes(cell for row in batches for cell in row.cells),
        network=network,
        shortlist=shortlist_section(data.shortlist),
        panels=list(data.profiles),
        most_perturbations=MOST_PERTURBATIONS,
        adversarial=list(adversarial),
        points_cut=settings.max_points if max(map(len, data.profiles.values())) > settings.max_points else 0,
        corrections=corrections,
        batch_rows=batches,
        cards=cards,
        most_cells=significant(most_cells),
        bad_fields=bad[:_MOST_BAD_ROWS],
        bad_more=max(len(bad) - _MOST_BAD_ROWS, 0),
        rerun_command=rerun_command,
        losses=losses(tables.dropped),
        selections=_selections(tables.selection, data),
        trainings=[(name, training_words(tables.models[name]), len(table) > 0) for name, table in data.curves.items()],
        sources=sources(tables.paths(), Path(target).parent.parent),
        versions=dict(versions or {}),
        config=as_yaml(config) if config else "",
    )
    write_page(page, target)


def _selections(tables: Mapping[str, str | Path], data: CampaignData) -> list[Selection]:
    plates = sorted(set(data.profiles[list(data.profiles)[-1]][PLATE]))
    return [
        feature_selection(name, read_table(path), read_provenance(path).get("fitted_on", plates), plates)
        for name, path in tables.items()
    ]


def _level(path: str | Path) -> float:
    """Return the false discovery rate that a table was made with."""
    return float(read_provenance(path)["parameters"]["max_q"])


def _figures(data: CampaignData, preset: tuple[str, str], settings: ReportConfig) -> dict[str, Figure]:
    figures = {}
    if len(data.nodes) > 1:
        figures["figure-network"] = network_figure(data.nodes, data.edges, settings.max_nodes)
    if _drawn(data.enrichment):
        figures["figure-enrichment"] = enrichment_figure(data.enrichment, preset)
    doses = None if data.dose_response is None else dose_figure(data.dose_response, data.distances)
    if doses is not None:
        figures["figure-doses"] = doses
    panels = {title: _panel(table, settings.max_points) for title, table in data.profiles.items()}
    figures["figure-batches"] = projection_figure(panels, BATCH, shape_controls=False)
    figures["figure-mechanisms"] = projection_figure(panels, MOA, shape_controls=True)
    figures["figure-perturbations"] = projection_figure(panels, PERTURBATION, True, MOST_PERTURBATIONS)
    for place, curves in enumerate(data.curves.values()):
        if len(curves):
            figures[f"figure-curves-{place}"] = curves_figure(curves)
    return figures


def _panel(table: pd.DataFrame, most: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Components of all wells; of many wells, a choice that is the same in every panel of a campaign."""
    scores, explained = principal_components(profile_matrix(table))
    wells = table[metadata_columns(table.columns)]
    if len(wells) > most:
        chosen = np.sort(np.random.default_rng(0).choice(len(wells), most, replace=False))
        wells, scores = wells.iloc[chosen], scores[chosen]
    return wells, scores, explained


def _drawn(enrichment: pd.DataFrame) -> bool:
    return bool(np.isfinite(enrichment["OddsRatio"].to_numpy(float)).any())


def _enrichment_rows(enrichment: pd.DataFrame, preset: tuple[str, str]) -> list[dict[str, Any]]:
    """Rows of the curve's table: the preset and its baselines first, then the others."""
    own = (enrichment["Features"] == preset[0]) & (enrichment["Correction"] == preset[1])
    table = pd.concat([enrichment[own], enrichment[~own]])
    return [
        {
            "features": row["Features"],
            "correction": row["Correction"],
            "of": baseline_words(row["Baseline"]) if row["Baseline"] else "profiles",
            "share": significant(row["Share"]),
            "odds": significant(row["OddsRatio"]),
            "interval": _between(row["Low"], row["High"]),
            "p": row["PValue"],
            "rests": rests_on(row),
        }
        for row in table.to_dict("records")
    ]


def _between(low: float, high: float) -> str:
    return f"{significant(low)} to {significant(high)}" if np.isfinite(low) and np.isfinite(high) else "not computed"


def _network_words(nodes: pd.DataFrame, edges: pd.DataFrame, max_nodes: int) -> dict[str, Any]:
    shared = int(edges["SharedMOA"].astype(bool).sum())
    best = edges.sort_values(["Similarity", "Source", "Target"], ascending=[False, True, True]).head(25)
    return {
        "nodes": len(nodes),
        "edges": len(edges),
        "shared": shared,
        "alone": int((nodes["Degree"] == 0).sum()),
        "groups": int((nodes["Community"].value_counts() > 1).sum()),
        "stable": int((nodes.drop_duplicates("Community")["Stability"] >= STABLE).sum()),
        "hubs": list(nodes.loc[nodes["Hub"].astype(bool), PERTURBATION].sort_values()[:_MOST_NAMED]),
        "bridges": list(nodes.loc[nodes["Bridge"].astype(bool), PERTURBATION].sort_values()[:_MOST_NAMED]),
        "hub_count": int(nodes["Hub"].sum()),
        "bridge_count": int(nodes["Bridge"].sum()),
        "drawn": min(len(nodes), max_nodes),
        "best": best.to_dict("records"),
    }


def _corrections(batches: pd.DataFrame, preset: str) -> list[str]:
    """Level 3 first, then no correction, the preset and the others."""
    found = list(dict.fromkeys(batches["Correction"]))
    return [name for name in dict.fromkeys([UNCORRECTED, "none", preset, *found]) if name in found]
