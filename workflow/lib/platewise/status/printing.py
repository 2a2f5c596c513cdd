"""The status of a campaign as text for people and as JSON for scripts."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from platewise.status.campaign import STATES, CampaignStatus
from platewise.status.failures import Failure
from platewise.status.fields import BadField
from platewise.status.forecast import Forecast, duration, span

# The letters behind a count, in the order in which they are printed.
_LETTERS = {"running": "r", "queued": "q", "failed": "f", "stopped": "s", "gone": "g"}
_LEGEND = {
    "r": "running",
    "q": "in the queue",
    "f": "failed",
    "s": "stopped",
    "g": "gone: removed, and not made again unless needed",
    "b": "bad fields",
}
# Heads of columns that would be wider than what is below them.
_HEADS = {"inventory": "invent", "illumination": "illum", "reference": "ref"}
_SHOWN = 10
_NAMED = 3
# Of more plates than this, those that are done share a line.
_MOST_PLATES = 30


def status_lines(status: CampaignStatus, width: int | None = None) -> Iterator[str]:
    """Yield the lines of the status: a row a plate, a column a stage, then the campaign, what is wrong, and the end.

    Parameters
    ----------
    status
        The status.
    width
        Characters in a line of the terminal; tables that are wider are split. None to leave them whole.
    """
    if _is_unstarted(status):
        yield f"{status.name} in {status.folder}: nothing has run yet; `platewise preflight CONFIG` forecasts"
        yield from _notes(status)
        return
    yield f"{status.name} in {status.folder}: {_headline(status)}"
    used: set[str] = set()
    if status.plates:
        yield ""
        yield from _plate_lines(status, used, width)
    yield ""
    stages = status.order[1]
    row = ["", *(_cell(status, "", stage, used) for stage in stages)]
    yield from _table_lines([["campaign", *stages], row], width)
    if used or status.plates:
        yield ""
        words = [f"{letter} {word}" for letter, word in _LEGEND.items() if letter in used]
        yield "; ".join([*(["segment counts fields, the rest jobs"] if status.plates else []), *words])
    yield from _problems(status)
    yield ""
    yield _end(status)


def status_json(status: CampaignStatus) -> dict[str, Any]:
    """Return the status as plain values: states of jobs by plate and stage, fields, failures, forecast in seconds."""
    return {
        "campaign": status.name,
        "folder": str(status.folder),
        "jobs": _counts(status.total),
        "plates": {
            plate: {
                "fields": {
                    "total": status.fields[plate].total,
                    "done": status.fields[plate].done,
                    "bad": [
                        {"well": field.well, "site": field.site, "reason": field.reason}
                        for field in status.fields[plate].bad
                    ],
                    "damaged": list(status.fields[plate].damaged),
                },
                "stages": {
                    stage: _counts(status.stages[plate, stage])
                    for stage in status.order[0]
                    if (plate, stage) in status.stages
                },
            }
            for plate in status.plates
        },
        "stages": {stage: _counts(status.stages["", stage]) for stage in status.order[1]},
        "running": [
            {"job": job.label, "seconds": round(seconds, 1)} for job, seconds in _longest_first(status.work.running)
        ],
        "failures": [
            {
                "rule": failure.job.rule,
                "plate": failure.job.plate,
                "block": failure.job.block,
                "wildcards": list(failure.job.wildcards),
                "state": "failed" if failure.told else "stopped",
                "reason": failure.reason,
                "log": failure.log,
                "slurm_log": failure.slurm_log,
            }
            for failure in status.failures
        ],
        "held_by_failures": status.held,
        "made_again": dict(status.again),
        "note": status.work.note,
        "forecast": {
            "low_s": status.forecast.low_s,
            "high_s": status.forecast.high_s,
            "jobs": status.forecast.jobs,
            "unknown_stages": list(status.forecast.unknown),
            "reason": status.forecast.reason,
        },
    }


def _is_unstarted(status: CampaignStatus) -> bool:
    waiting = status.total["waiting"] == status.total.total()
    return waiting and not status.again and not any(fields.done for fields in status.fields.values())


def _headline(status: CampaignStatus) -> str:
    total = status.total
    parts = [f"{total['done']} of {total.total()} jobs done"]
    parts += [f"{total[state]} {state}" for state in STATES[1:] if total[state]]
    return ", ".join(parts)


def _counts(counts: Counter[str]) -> dict[str, int]:
    return {state: counts[state] for state in STATES}


def _longest_first(running: dict) -> list:
    return sorted(running.items(), key=lambda item: -item[1])


def _cell(status: CampaignStatus, plate: str, stage: str, used: set[str]) -> str:
    counts = status.stages.get((plate, stage))
    if counts is None:
        return "-"
    marks = [f"{counts[state]}{letter}" for state, letter in _LETTERS.items() if counts[state]]
    done, total = str(counts["done"]), str(counts.total())
    if stage == "segment":
        fields = status.fields[plate]
        done, total = str(fields.done), "?" if fields.total is None else str(fields.total)
        marks += [f"{len(fields.bad)}b"] if fields.bad else []
    used.update(mark[-1] for mark in marks)
    return " ".join([f"{done}/{total}", *marks])


def _plate_lines(status: CampaignStatus, used: set[str], width: int | None) -> Iterator[str]:
    plates = status.plates
    if len(plates) > _MOST_PLATES:
        plates = [plate for plate in plates if not _is_done(status, plate)]
    stages = status.order[0]
    table = [["plate", *(_HEADS.get(stage, stage) for stage in stages)]]
    table += [[plate, *(_cell(status, plate, stage, used) for stage in stages)] for plate in plates]
    if plates:
        yield from _table_lines(table, width)
    if len(plates) < len(status.plates):
        yield f"{len(status.plates) - len(plates)} plates: all done"


def _is_done(status: CampaignStatus, plate: str) -> bool:
    counts = (status.stages.get((plate, stage), Counter()) for stage in status.order[0])
    done = all(count["done"] + count["gone"] == count.total() for count in counts)
    return done and not status.fields[plate].damaged


def _table_lines(table: Sequence[Sequence[str]], width: int | None) -> Iterator[str]:
    """Yield the lines of a table; one that is wider than ``width`` goes on below, its first column repeated."""
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    parts: list[list[int]] = [[0]]
    for column in range(1, len(widths)):
        part = [*parts[-1], column]
        fits = width is None or sum(widths[place] + 2 for place in part) - 2 <= width
        if fits or len(parts[-1]) == 1:
            parts[-1] = part
        else:
            parts.append([0, column])
    for number, part in enumerate(parts):
        if number:
            yield ""
        for row in table:
            yield "  ".join(row[column].ljust(widths[column]) for column in part).rstrip()


def _notes(status: CampaignStatus) -> Iterator[str]:
    if status.work.note:
        yield f"\nNote: {status.work.note}"


def _problems(status: CampaignStatus) -> Iterator[str]:
    yield from _notes(status)
    if status.again:
        yield ""
    for reason, jobs in status.again.most_common(_NAMED):
        yield f"{jobs} job(s) were done and are to be made again: {reason}"
    if len(status.again) > _NAMED:
        others = sum(jobs for _, jobs in status.again.most_common()[_NAMED:])
        yield f"{others} more were done and are to be made again, for {len(status.again) - _NAMED} more such reasons"
    damaged = [text for plate in status.plates for text in status.fields[plate].damaged]
    for text in damaged[:_SHOWN]:
        yield f"\nDamaged: {text}"
    if damaged:
        yield "  `platewise verify CONFIG` finds all that is damaged and removes it"
    bad = [field for plate in status.plates for field in status.fields[plate].bad]
    if bad:
        yield f"\n{len(bad)} bad field(s), left out of everything that follows:"
        yield from _bad_lines(bad)
    for told, title in ((True, "failed"), (False, "stopped")):
        failures = [failure for failure in status.failures if failure.told is told]
        if failures:
            yield f"\n{len(failures)} job(s) {title}:"
            for failure in failures[:_SHOWN]:
                yield from _failure_lines(failure)
            if len(failures) > _SHOWN:
                yield f"  and {len(failures) - _SHOWN} more; --json lists all"
    if status.held:
        yield f"\n{status.held} job(s) wait for those; the same command that started the run tries them again"


def _bad_lines(bad: Sequence[BadField]) -> Iterator[str]:
    reasons: dict[str, list[BadField]] = {}
    for field in bad:
        reasons.setdefault(field.reason, []).append(field)
    largest = sorted(reasons.items(), key=lambda item: -len(item[1]))
    for reason, fields in largest[:_SHOWN]:
        named = ", ".join(f"{field.plate} {field.well} field {field.site}" for field in fields[:_NAMED])
        more = f", and {len(fields) - _NAMED} more" if len(fields) > _NAMED else ""
        yield f"  {len(fields)} x {reason}: {named}{more}"
    if len(largest) > _SHOWN:
        yield f"  and {len(largest) - _SHOWN} more reasons; --json lists all"


def _failure_lines(failure: Failure) -> Iterator[str]:
    yield f"  {failure.job.label}: {failure.reason}"
    logs = [log for log in (failure.log, failure.slurm_log) if log]
    if logs:
        yield f"    log: {', '.join(logs)}"


def _end(status: CampaignStatus) -> str:
    ends = status.forecast
    unfinished = sum(status.total[state] for state in ("failed", "stopped"))
    if status.total["running"] + status.total["queued"] + status.total["waiting"] == 0 and not unfinished:
        return (
            "End: finished as far as the files tell; whether a changed config or version makes anything again: "
            "platewise run --dry-run"
        )
    if ends.low_s is None or ends.high_s is None:
        work = status.work
        at_work = work.running or work.queued or work.since is not None or work.note
        return f"End: cannot be said yet: {ends.reason}{'' if at_work else '; start `platewise run`'}"
    if not ends.jobs:
        return "End: nothing else can be done until what failed is put right"
    text = f"End: {_range(ends)}"
    if ends.unknown:
        return f"{text}; then {', '.join(ends.unknown)}, of which no job has finished yet, so the end cannot be said"
    return text


def _range(ends: Forecast) -> str:
    low, high = ends.low_s or 0.0, ends.high_s or 0.0
    now = time.time()
    clock = span(*(time.strftime("%a %H:%M", time.localtime(now + seconds)) for seconds in (low, high)))
    return f"{ends.jobs} job(s) take another {span(duration(low), duration(high))} ({clock}), {ends.reason}"
