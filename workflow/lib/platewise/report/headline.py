"""The top of the campaign's page: what was screened, what was found and what cannot be said, in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from platewise.columns import PLATE
from platewise.notes import split_notes
from platewise.profiles.normalise import NORMALISED_TO
from platewise.report.metrics import BASELINES, baseline_words, score_metric
from platewise.report.numbers import percent, plural
from platewise.report.scores import NO_NOTE, ScoreGroup, ScoreRow, preset_rows

YES, NO, UNKNOWN = "yes", "not shown", "cannot be said"
# Above this share of bad fields, the page says so at its top.
_MANY_BAD = 0.05
# More plates than this are not named.
_MOST_PLATES = 5


@dataclass(frozen=True)
class Verdict:
    """An answer (``yes``, ``not shown`` or ``cannot be said``), what limits it, and the sentences that carry it."""

    state: str
    sentences: list[str]
    limit: str = ""


@dataclass(frozen=True)
class Caution:
    """Something that cannot be concluded, and the metrics it is about (empty: the campaign as a whole)."""

    text: str
    about: str = ""


@dataclass(frozen=True)
class Counts:
    """What the campaign consists of. ``None``: not known, as a campaign from a table of profiles has no images."""

    plates: int
    batches: int
    wells: int
    perturbations: int
    treatments: int
    mechanisms: int
    annotated: int
    cells: int | None = None
    fields_ok: int | None = None
    fields_bad: int | None = None
    flagged: int | None = None


def screened(counts: Counts) -> str:
    """Say what was screened."""
    parts = [
        f"{plural(counts.plates, 'plate')} in {plural(counts.batches, 'batch', 'batches')}",
        plural(counts.wells, "well"),
        f"{plural(counts.perturbations, 'perturbation')} besides the negative controls "
        f"({plural(counts.treatments, 'treatment')}, each a perturbation at a dose)",
    ]
    text = ", ".join(parts)
    if counts.cells is not None:
        text += f", {plural(counts.cells, 'cell')}"
    if counts.fields_ok is not None:
        text += f" in {plural(counts.fields_ok, 'field')} of view"
    text += (
        f". A mechanism of action is known for {counts.annotated} of the {plural(counts.perturbations, 'perturbation')}"
    )
    return f"{text} ({plural(counts.mechanisms, 'mechanism')})."


def judge(groups: Sequence[ScoreGroup], metrics: Sequence[str]) -> Verdict:
    """Answer whether the preset's profiles bring perturbations of one mechanism together.

    The first metric of ``metrics`` that could be computed is judged, whatever its value. The answer is ``yes`` when it
    is above chance (its own permutation p, or that against shuffled labels) and above every baseline that could be
    computed (paired permutation p), all at 0.05; ``not shown`` when one of these fails; ``cannot be said`` when no
    metric could be computed or nothing tells it from chance.
    """
    rows = [
        row for name in metrics for row in preset_rows(groups) if name in (row.metric, row.metric.partition("@")[0])
    ]
    judged = next((row for row in rows if row.computed), None)
    if judged is None:
        reasons = [f"{score_metric(row.metric).label}: {row.note}" for row in rows]
        return Verdict(UNKNOWN, reasons or [f"None of the metrics {', '.join(metrics)} is in the scores."])
    sentences = [_claim(judged), *_against(judged)]
    states = {comparison.name: comparison.state for comparison in judged.comparisons}
    short = [baseline_words(name) for name, state in states.items() if state == "not beaten"]
    if judged.significant is False or short:
        return Verdict(NO, sentences, f"not above {' and '.join(short)}" if short else "not above chance")
    if not judged.significant and states.get("shuffled") != "beaten":
        return Verdict(UNKNOWN, sentences)
    missing = [baseline_words(name) for name, state in states.items() if state == "unknown"]
    missing += [baseline_words(name) for name in BASELINES if name not in states]
    return Verdict(YES, sentences, f"but not compared with {' and '.join(missing)}" if missing else "")


def _claim(row: ScoreRow) -> str:
    words = score_metric(row.metric)
    text = words.claim.replace("{value}", row.value) if words.claim else f"{words.label} is {row.value}"
    facts = [fact for fact in (f"95 % interval {row.interval}" if row.interval else "", row.p) if fact]
    facts.append(f"{row.evaluated} could be scored")
    return f"{text[0].upper()}{text[1:]} ({'; '.join(facts)})."


def _against(row: ScoreRow) -> list[str]:
    said = {"beaten": "the score is higher", "not beaten": "the score is not shown to be higher"}
    sentences = []
    for comparison in row.comparisons:
        start = f"With {baseline_words(comparison.name)}"
        if comparison.state == "unknown":
            value = "" if comparison.text.startswith("not ") else f"{comparison.text}, "
            sentences.append(f"{start}: {value}not compared ({comparison.note}).")
        else:
            sentences.append(f"{start}: {comparison.text}; {said[comparison.state]} ({comparison.p}).")
    return sentences


def cautions(groups: Sequence[ScoreGroup], counts: Counts) -> list[Caution]:
    """List what cannot be concluded, and why; every item comes from the campaign's own tables.

    A reason that several metrics share is one item.
    """
    concerned: dict[str, list[str]] = {}
    rows = preset_rows(groups)
    for row in rows:
        for text in _row_cautions(row):
            concerned.setdefault(text, []).append(score_metric(row.metric).label)
    found = [
        Caution(text, "all scores" if len(labels) == len(rows) > 1 else ", ".join(labels))
        for text, labels in concerned.items()
    ]
    return found + [Caution(text) for text in (*_design_cautions(counts), *_image_cautions(counts))]


def _row_cautions(row: ScoreRow) -> list[str]:
    # Notes that several scores share are told once, whatever else is said of each.
    notes = split_notes(row.note)
    if not row.computed and row.note != NO_NOTE:
        notes[0] = f"not computed: {notes[0]}"
    found = [f"{note[0].upper()}{note[1:]}" for note in notes]
    if not row.computed:
        return found
    beaten_by = [baseline_words(item.name) for item in row.comparisons if item.state == "not beaten"]
    if beaten_by:
        found.append(f"Not shown to exceed what {' or '.join(beaten_by)} would give")
    by_note: dict[str, list[str]] = {}
    for item in row.comparisons:
        if item.state == "unknown":
            by_note.setdefault(item.note, []).append(baseline_words(item.name))
    return found + [f"Not compared with {' or '.join(names)}: {note}" for note, names in by_note.items()]


def _design_cautions(counts: Counts) -> list[str]:
    found = []
    if counts.batches < 2:
        found.append("All plates are of one batch: nothing can be said about another day or another laboratory")
    missing = counts.perturbations - counts.annotated
    if missing:
        found.append(
            f"{plural(missing, 'perturbation')} without a known mechanism cannot count for or against the network"
        )
    return found


def network_cautions(nodes: int, alone: int) -> list[Caution]:
    """Say it when most perturbations have no connection: similar profiles are then not yet a network."""
    if 2 * alone <= nodes:
        return []
    text = f"{alone} of {plural(nodes, 'perturbation')} have no connection that survives the false discovery rate: the "
    return [Caution(text + "network holds only the surest pairs, and a missing connection says nothing", "Network")]


def scale_cautions(wells: pd.DataFrame) -> list[Caution]:
    """Say it when plates had too few negative controls to be measured from them.

    Parameters
    ----------
    wells
        Profiles of all wells; ``Metadata_NormalisedTo`` says what each plate was measured from.
    """
    if NORMALISED_TO not in wells:
        return []
    plates = wells.drop_duplicates(PLATE)
    few = plates.loc[plates[NORMALISED_TO] == "plate", PLATE]
    if few.empty:
        return []
    named = f"{', '.join(map(str, few[:_MOST_PLATES]))}{', ...' if len(few) > _MOST_PLATES else ''}"
    return [
        Caution(
            f"{len(few)} of {plural(len(plates), 'plate')} ({named}) had too few negative controls to be measured from "
            "them. Such a plate is measured from all of its own wells: what most of these have in common looks like "
            "nothing"
        )
    ]


def _image_cautions(counts: Counts) -> list[str]:
    if counts.fields_ok is None or counts.fields_bad is None:
        return []
    total = counts.fields_ok + counts.fields_bad
    if total and counts.fields_bad / total > _MANY_BAD:
        return [
            f"{percent(counts.fields_bad / total)} of all fields could not be used; their wells rest on fewer cells"
        ]
    return []
