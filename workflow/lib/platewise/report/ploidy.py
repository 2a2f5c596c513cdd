"""How much DNA the nuclei hold, as the campaign's page shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from platewise.columns import CONTROL_TYPE, DOSE, NEGCON, PERTURBATION, PLATE, WELL
from platewise.notes import join_notes, split_notes
from platewise.ploidy.classes import CLASSES, POLYPLOID
from platewise.ploidy.peaks import mixture_density
from platewise.profiles.frame import is_negcon, treatment_keys
from platewise.report.colours import QUALITATIVE
from platewise.report.figures import Figure, finish, label, plain_list
from platewise.report.numbers import count, dose, is_number, p_value, percent, plural
from platewise.tables import read_table, read_tables

# More treatments than this are in the tables only. Histograms are drawn of those that stand out, or of the first ones.
MOST_TREATMENTS = 300
_MOST_CURVES, _FEWEST_CURVES = 4, 2
_MOST_NAMED = 10
_BINS_PER_OCTAVE = 8
_DASHES = ("solid", "dash", "dot", "dashdot")


@dataclass(frozen=True)
class PloidyTables:
    """The tables of ``ploidy``: the campaign's, and those of every plate."""

    treatments: str | Path
    peaks: Sequence[str | Path]
    wells: Sequence[str | Path]
    histograms: Sequence[str | Path]

    def paths(self) -> list[str | Path]:
        """Return every file."""
        return [*self.peaks, *self.wells, *self.histograms, self.treatments]


@dataclass(frozen=True)
class PloidyRow:
    """A treatment: its share of polyploid nuclei beside the controls', and all classes."""

    name: str
    dose: str
    wells: int
    nuclei: str
    share: str
    interval: str
    usual: str
    usual_interval: str
    q: str
    state: str
    classes: list[tuple[str, str, str]]
    note: str


@dataclass(frozen=True)
class PeakRow:
    """A plate: its peaks, or why there are none."""

    plate: str
    nuclei: str
    variation: str
    shares: list[str]
    note: str


@dataclass(frozen=True)
class PloidyWords:
    """What the section says."""

    sentence: str
    rows: list[PloidyRow]
    more: int
    plates: list[PeakRow]


def read_ploidy(tables: PloidyTables, max_q: float) -> tuple[PloidyWords, Figure | None]:
    """Return the section, and its figure where a plate has peaks.

    Parameters
    ----------
    tables
        The files to read.
    max_q
        False discovery rate below which a share counts as changed.
    """
    treatments, peaks = read_table(tables.treatments), read_tables(tables.peaks)
    treatments["Note"] = treatments["Note"].fillna("")
    ordered = _ordered(treatments, max_q)
    rows = [_row(own, max_q) for _, own in ordered[:MOST_TREATMENTS]]
    words = PloidyWords(
        _sentence(treatments, max_q),
        rows,
        max(len(ordered) - MOST_TREATMENTS, 0),
        [_peaks(row) for row in peaks.to_dict("records")],
    )
    found = peaks[peaks["Note"].fillna("") == ""]
    if found.empty:
        return words, None
    histograms = read_tables(tables.histograms).merge(
        read_tables(tables.wells), on=[PLATE, WELL], suffixes=("", "Well")
    )
    histograms = histograms[histograms[PLATE].isin(found[PLATE])]
    treated = [own[own["Class"] == POLYPLOID].iloc[0] for _, own in ordered if own.iloc[0][CONTROL_TYPE] != NEGCON]
    standing_out = [row for row in treated if _more(row, max_q) or _apart(row)][:_MOST_CURVES]
    return words, ploidy_figure(histograms, found, standing_out or treated[:_FEWEST_CURVES])


def ploidy_figure(histograms: pd.DataFrame, peaks: pd.DataFrame, shown: Sequence[pd.Series]) -> Figure:
    """Draw the distribution of DNA content in controls, with the fitted peaks, and in some treatments.

    Parameters
    ----------
    histograms
        ``Content`` (log2 N), ``Nuclei`` and the metadata of their wells.
    peaks
        Of the plates.
    shown
        Rows of treatments to draw.
    """
    figure = go.Figure()
    control = is_negcon(histograms)
    x, y = _density(histograms[control])
    figure.add_scatter(
        x=plain_list(x),
        y=plain_list(y),
        name=f"negative controls ({count(histograms.loc[control, 'Nuclei'].sum())} nuclei)",
        mode="lines",
        line={"color": "#8a949c", "shape": "hvh", "width": 1},
        fill="tozeroy",
        fillcolor="rgba(138,148,156,0.3)",
    )
    at = np.linspace(-1, 4, 251)
    weights = peaks["Nuclei"].to_numpy(float) / peaks["Nuclei"].sum()
    fitted = sum(
        weight * (np.array([row["Share2N"], row["ShareS"], row["Share4N"]]) @ mixture_density(at, 1.0, row["Spread"]))
        for weight, (_, row) in zip(weights, peaks.iterrows(), strict=True)
    )
    figure.add_scatter(
        x=plain_list(at),
        y=plain_list(fitted),
        name="fitted 2N, S and 4N",
        mode="lines",
        line={"color": "#1f2a33", "width": 1.5, "dash": "dot"},
    )
    keys = treatment_keys(histograms)
    for place, row in enumerate(shown):
        own = histograms[np.asarray(keys == treatment_keys(row.to_frame().T)[0], dtype=bool) & ~control]
        x, y = _density(own)
        at_dose = f" at {dose(row[DOSE])}" if is_number(row[DOSE]) else ""
        figure.add_scatter(
            x=plain_list(x),
            y=plain_list(y),
            name=label(f"{row[PERTURBATION]}{at_dose} ({count(own['Nuclei'].sum())} nuclei)"),
            mode="lines",
            line={"color": QUALITATIVE[place], "shape": "hvh", "width": 2, "dash": _DASHES[place]},
        )
    for power in (1, 2, 3):
        figure.add_vline(x=power, line={"color": "#c9d0d6", "width": 1}, layer="below")
    ticks = list(range(-2, 7))
    figure.update_xaxes(
        title="DNA content (log scale)", tickvals=ticks, ticktext=[f"{2.0**tick:g}N" for tick in ticks], range=[-1, 5]
    )
    figure.update_yaxes(title="Nuclei per octave (share)", rangemode="tozero")
    return finish(figure, 440)


def _density(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the middles of bins of log2 N, and the share of nuclei per octave in them."""
    # Two of the table's bins each, so that the peaks lie in the middle of one.
    places = np.floor(rows["Content"].to_numpy(float) * _BINS_PER_OCTAVE + 0.5).astype(int)
    lowest = -2 * _BINS_PER_OCTAVE
    nuclei = np.bincount(places - lowest, weights=rows["Nuclei"].to_numpy(float), minlength=8 * _BINS_PER_OCTAVE)
    middles = (np.arange(len(nuclei)) + lowest) / _BINS_PER_OCTAVE
    return middles, nuclei / max(nuclei.sum(), 1) * _BINS_PER_OCTAVE


def _ordered(treatments: pd.DataFrame, max_q: float) -> list[tuple[object, pd.DataFrame]]:
    """Return the rows of each treatment: those with surely more polyploid nuclei first, then by their share."""
    keyed = treatments.assign(Key=list(treatment_keys(treatments)))
    groups = list(keyed.groupby(["Key", CONTROL_TYPE], sort=True))

    def rank(group: tuple[object, pd.DataFrame]) -> tuple[bool, float, str, float]:
        row = group[1][group[1]["Class"] == POLYPLOID].iloc[0]
        share = row["Share"] if is_number(row["Share"]) else -1.0
        return not (_more(row, max_q) or _apart(row)), -share, *group[0][0]

    return sorted(groups, key=rank)


def _more(row: pd.Series, max_q: float) -> bool:
    return bool(row["QValue"] < max_q and row["Superiority"] > 0.5)


def _apart(row: pd.Series) -> bool:
    """Whether the interval lies above the controls' although there are too few wells for a test to say so."""
    return bool(row["Low"] > row["ControlHigh"] and "p is at least" in row["Note"])


def _row(own: pd.DataFrame, max_q: float) -> PloidyRow:
    main = own[own["Class"] == POLYPLOID].iloc[0]
    control = main[CONTROL_TYPE] == NEGCON
    return PloidyRow(
        name=str(main[PERTURBATION]),
        dose=dose(main[DOSE]) if is_number(main[DOSE]) else "",
        wells=int(main["Wells"]),
        nuclei=count(main["Nuclei"]),
        share=percent(main["Share"]),
        interval=_interval(main),
        usual="control" if control else percent(main["ControlShare"]),
        usual_interval="" if control else _interval(main, "Control"),
        q="not tested" if control or not is_number(main["QValue"]) else p_value(main["QValue"]).replace("p", "q", 1),
        state="more" if _more(main, max_q) else "apart" if _apart(main) else "",
        classes=[(kind, *_class(own[own["Class"] == kind].iloc[0], max_q)) for kind in CLASSES[:-1]],
        note=join_notes(*dict.fromkeys(note for text in own["Note"] for note in split_notes(text))),
    )


def _class(row: pd.Series, max_q: float) -> tuple[str, str]:
    changed = row["QValue"] < max_q
    return percent(row["Share"]), ("more" if row["Superiority"] > 0.5 else "less") if changed else ""


def _interval(row: pd.Series, of: str = "") -> str:
    low, high = row[f"{of}Low"], row[f"{of}High"]
    return f"{percent(low)} to {percent(high)}" if is_number(low) else ""


def _peaks(row: dict[str, object]) -> PeakRow:
    shares = [percent(row[name]) for name in ("Share2N", "ShareS", "Share4N", "ShareRest")]
    variation = percent(float(row["Spread"]) * np.log(2))
    return PeakRow(str(row[PLATE]), count(row["Nuclei"]), variation, shares, str(row["Note"] or ""))


def _sentence(treatments: pd.DataFrame, max_q: float) -> str:
    """Say under which treatments polyploid nuclei are more frequent."""
    rows = treatments[(treatments["Class"] == POLYPLOID) & (treatments[CONTROL_TYPE] != NEGCON)]
    tested = rows[np.isfinite(rows["PValue"].to_numpy(float))]
    if tested.empty:
        return "No treatment could be held against negative controls; the notes below say why."
    more = tested[[_more(row, max_q) for _, row in tested.iterrows()]]
    apart = tested[[_apart(row) and not _more(row, max_q) for _, row in tested.iterrows()]]
    said = f"Of {plural(len(tested), 'treatment')} that could be tested, "
    said += (
        f"{len(more):,} {'has' if len(more) == 1 else 'have'} more polyploid nuclei than the negative controls of the "
        f"same plates (q < {max_q:g}): {_named(more)}."
        if len(more)
        else f"none is shown to have more polyploid nuclei than the negative controls of its plates (q < {max_q:g})."
    )
    if len(apart):
        said += (
            f" Of {plural(len(apart), 'treatment')} with too few wells for a test to show it, the interval lies above "
            f"that of the controls: {_named(apart)}. How wells of the same treatment differ is not known there."
        )
    return said


def _named(rows: pd.DataFrame) -> str:
    """Name treatments with their shares, the largest first."""
    named = [
        f"{row[PERTURBATION]}{' at ' + dose(row[DOSE]) if is_number(row[DOSE]) else ''}: {percent(row['Share'])} "
        f"({_interval(row)}; {plural(int(row['Nuclei']), 'nucleus', 'nuclei')}), controls "
        f"{percent(row['ControlShare'])} ({_interval(row, 'Control')})"
        for _, row in rows.sort_values("Share", ascending=False).head(_MOST_NAMED).iterrows()
    ]
    rest = f"; and {len(rows) - _MOST_NAMED} more" if len(rows) > _MOST_NAMED else ""
    return "; ".join(named) + rest
