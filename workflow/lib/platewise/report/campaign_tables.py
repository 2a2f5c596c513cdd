"""The tables that the page of a campaign is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from platewise.columns import CONTROL_TYPE, MOA
from platewise.report.ploidy import PloidyTables
from platewise.tables import read_table, read_tables


@dataclass(frozen=True)
class CampaignTables:
    """The files that the page is made from. Only what the campaign has; an image-less one has no QC and no curves.

    Parameters
    ----------
    scores, enrichment, batches
        Tables of every features x correction.
    differences
        The table of differences between kinds of features and corrections.
    edges, nodes, shortlist
        The preset's network, and the perturbations worth following up.
    profiles
        Title to profile tables that are stacked, in the order of the panels: the uncorrected ones first, the preset's
        last. The last one also gives the counts of a campaign without images.
    qc_wells, qc_fields
        Plate to QC table.
    selection
        Features to selection table (``Feature``, ``Kept``, ``Reason``, ``Missing``).
    dropped
        Tables of dropped rows (``Step``, ``Row``, ``Reason``).
    treatments, movers
        Features to what moved under each treatment (see ``explanation.movers``).
    predicted
        Embedding to what engineered features say of its own (see ``explanation.prediction``).
    exemplars, pictures
        Embedding to the cells that stand for each treatment, and what they look like (see ``explanation.exemplars``).
    activity, distances, controls
        Hit calling of the preset (see ``screens.hits``).
    dose_response
        Its dose responses (see ``screens.dose_response``); empty where nothing was given at enough doses.
    curves, models
        Embedding to its table of training curves and its ``model.json``.
    ploidy
        The tables of DNA content, where it was measured.
    variants
        The table of what variants change, where there are any.
    """

    scores: Sequence[str | Path]
    enrichment: Sequence[str | Path]
    batches: Sequence[str | Path]
    differences: str | Path
    edges: str | Path
    nodes: str | Path
    shortlist: str | Path
    profiles: Mapping[str, Sequence[str | Path]]
    qc_wells: Mapping[str, str | Path] = field(default_factory=dict)
    qc_fields: Mapping[str, str | Path] = field(default_factory=dict)
    selection: Mapping[str, str | Path] = field(default_factory=dict)
    dropped: Sequence[str | Path] = ()
    treatments: Mapping[str, str | Path] = field(default_factory=dict)
    movers: Mapping[str, str | Path] = field(default_factory=dict)
    predicted: Mapping[str, str | Path] = field(default_factory=dict)
    exemplars: Mapping[str, str | Path] = field(default_factory=dict)
    pictures: Mapping[str, str | Path] = field(default_factory=dict)
    curves: Mapping[str, str | Path] = field(default_factory=dict)
    models: Mapping[str, str | Path] = field(default_factory=dict)
    activity: str | Path = ""
    distances: str | Path = ""
    controls: str | Path = ""
    dose_response: str | Path = ""
    ploidy: PloidyTables | None = None
    variants: str | Path | None = None

    def paths(self) -> list[str | Path]:
        """Return every file, in the order of the stages."""
        explained = (self.treatments, self.movers, self.predicted, self.exemplars)
        mappings = (self.qc_fields, self.qc_wells, self.selection, self.curves, *explained)
        several = [path for mapping in mappings for path in mapping.values()]
        several += [path for paths in self.profiles.values() for path in paths]
        return [
            *several,
            *self.dropped,
            self.edges,
            self.nodes,
            self.shortlist,
            *self.scores,
            *self.enrichment,
            *self.batches,
            self.differences,
            *(path for path in (self.activity, self.distances, self.controls, self.dose_response) if path),
            *(self.ploidy.paths() if self.ploidy else ()),
            *([self.variants] if self.variants else ()),
        ]


@dataclass(frozen=True)
class CampaignData:
    """What the tables hold; missing text is empty text."""

    scores: pd.DataFrame
    enrichment: pd.DataFrame
    batches: pd.DataFrame
    differences: pd.DataFrame
    edges: pd.DataFrame
    nodes: pd.DataFrame
    shortlist: pd.DataFrame
    profiles: dict[str, pd.DataFrame]
    qc_wells: dict[str, pd.DataFrame]
    qc_fields: dict[str, pd.DataFrame]
    curves: dict[str, pd.DataFrame]
    treatments: dict[str, pd.DataFrame]
    movers: dict[str, pd.DataFrame]
    predicted: dict[str, pd.DataFrame]
    activity: pd.DataFrame | None
    distances: pd.DataFrame | None
    controls: pd.DataFrame | None
    dose_response: pd.DataFrame | None

    def all_wells(self) -> pd.DataFrame | None:
        """Return the wells of all plates, None without images."""
        return pd.concat(self.qc_wells.values(), ignore_index=True) if self.qc_wells else None

    def all_fields(self) -> pd.DataFrame | None:
        """Return the fields of all plates, None without images."""
        return pd.concat(self.qc_fields.values(), ignore_index=True) if self.qc_fields else None


def read_campaign(tables: CampaignTables) -> CampaignData:
    """Read every table that the page shows.

    Raises
    ------
    DataError
        If a table cannot be read.
    """
    return CampaignData(
        scores=_words_filled(read_tables(tables.scores)),
        enrichment=_words_filled(read_tables(tables.enrichment)),
        batches=_words_filled(read_tables(tables.batches)),
        differences=_read(tables.differences),
        edges=_read(tables.edges),
        nodes=_read(tables.nodes),
        shortlist=_read(tables.shortlist),
        profiles={title: _words_filled(read_tables(paths)) for title, paths in tables.profiles.items()},
        qc_wells=_read_each(tables.qc_wells),
        qc_fields=_read_each(tables.qc_fields),
        curves=_read_each(tables.curves),
        treatments=_read_each(tables.treatments),
        movers=_read_each(tables.movers),
        predicted=_read_each(tables.predicted),
        activity=_read(tables.activity) if tables.activity else None,
        distances=_read(tables.distances) if tables.distances else None,
        controls=_read(tables.controls) if tables.controls else None,
        dose_response=_read(tables.dose_response) if tables.dose_response else None,
    )


def _read_each(paths: Mapping[str, str | Path]) -> dict[str, pd.DataFrame]:
    return {name: _read(path) for name, path in paths.items()}


def _read(path: str | Path) -> pd.DataFrame:
    return _words_filled(read_table(path))


def _words_filled(table: pd.DataFrame) -> pd.DataFrame:
    """Replace missing text by the empty text: Parquet keeps them apart, the page does not."""
    words = [name for name in ("Baseline", "Note", "Flag", "Reason", MOA, CONTROL_TYPE) if name in table]
    return table.assign(**{name: table[name].fillna("").astype(str) for name in words})
