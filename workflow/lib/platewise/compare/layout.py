"""Which plates, wells, treatments and kinds of profiles two runs have in common."""

from __future__ import annotations

import pandas as pd

from platewise.columns import CONTROL_TYPE, DOSE, MOA, PERTURBATION, PLATE, WELL
from platewise.compare.results import Pair, Results
from platewise.compare.section import Listing, Section, name_few
from platewise.report.numbers import plural
from platewise.tables import read_table

NO_SHARED_PLATE = "These runs share no plate."
_TREATMENT = [PERTURBATION, DOSE, MOA, CONTROL_TYPE]


def compare_layout(pair: Pair) -> Section:
    """Say which plates, wells, treatments and kinds of profiles are not in both; the other parts are about what is."""
    sentences = [*pair.lacking("features"), *pair.lacking("variants")]
    facts = {"plates": len(pair.plates), "kinds_of_one_run": len(sentences)}
    for side, mine, other in (("OLD", pair.old, pair.new), ("NEW", pair.new, pair.old)):
        only = [plate for plate in mine.plates if plate not in other.plates]
        facts[f"plates_only_{side.lower()}"] = len(only)
        if only:
            sentences.append(f"{plural(len(only), 'plate')} only in {side}: {name_few(only)}.")
    if not pair.plates and pair.old.plates and pair.new.plates:
        sentences.insert(0, NO_SHARED_PLATE)
    features = pair.shared("features")
    if not pair.plates or not features:
        sentences.append("No plate has well profiles in both: wells and treatments are not compared.")
        return Section("layout", "Design", _any(facts) or None, sentences, facts)
    # Wells of a kind of features differ where a well has no cell that counts for it.
    old, new = (read_treatments(results, pair.plates, features[0]) for results in (pair.old, pair.new))
    wells, changed = compare_treatments(old, new)
    facts |= {"wells": len(old.merge(new, on=[PLATE, WELL])), "treatments_changed": len(changed)}
    for side in ("OLD", "NEW"):
        only = wells[wells["In"] == side]
        facts[f"wells_only_{side.lower()}"] = len(only)
        if len(only):
            names = name_few([f"{plate} {well}" for plate, well in zip(only[PLATE], only[WELL], strict=True)])
            sentences.append(f"{plural(len(only), 'well')} with {features[0]} profiles only in {side}: {names}.")
    if len(changed):
        sentences.append(f"{plural(changed[[PLATE, WELL]].drop_duplicates().shape[0], 'well')} with another treatment.")
    said = f"Compared: {plural(facts['plates'], 'plate')}, {plural(facts['wells'], 'well')} with {features[0]} profiles"
    sentences.insert(0, f"{said}{'; nothing is in one run only' if not _any(facts) else ''}.")
    listings = [
        Listing("wells", "Wells with profiles in one run only", wells),
        Listing("treatments", "What a well was given, where the runs do not agree", changed, 5),
    ]
    return Section("layout", "Design", _any(facts), sentences, facts, listings)


def _any(facts: dict[str, int]) -> bool:
    return any(value for name, value in facts.items() if name not in ("plates", "wells"))


def read_treatments(results: Results, plates: list[str], features: str) -> pd.DataFrame:
    """Return plate, well and treatment of every well that has a profile; missing words are empty."""
    columns = [PLATE, WELL, *_TREATMENT]
    paths = [path for plate in plates if (path := results.wells(plate, features)).is_file()]
    tables = [read_table(path, columns) for path in paths]
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
    return table.assign(**{name: table[name].fillna("") for name in (PERTURBATION, MOA, CONTROL_TYPE)})


def compare_treatments(old: pd.DataFrame, new: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare wells and what they were given.

    Parameters
    ----------
    old, new
        ``Metadata_Plate``, ``Metadata_Well`` and the columns of the treatment.

    Returns
    -------
    wells
        Wells in one run only: plate, well, ``In`` (``OLD`` or ``NEW``).
    changed
        A row for each column of a well's treatment that differs: plate, well, ``Column``, ``Old``, ``New``.
    """
    both = old.merge(new, on=[PLATE, WELL], how="outer", suffixes=("Old", "New"), indicator="In")
    wells = both.loc[both["In"] != "both", [PLATE, WELL, "In"]].assign(
        In=lambda rows: rows["In"].astype(str).map({"left_only": "OLD", "right_only": "NEW"})
    )
    shared = both[both["In"] == "both"]
    parts = []
    for name in _TREATMENT:
        before, after = (_words(shared[f"{name}{side}"]) for side in ("Old", "New"))
        other = before != after
        parts.append(shared.loc[other, [PLATE, WELL]].assign(Column=name, Old=before[other], New=after[other]))
    changed = pd.concat(parts, ignore_index=True).sort_values([PLATE, WELL], kind="stable", ignore_index=True)
    return wells.reset_index(drop=True), changed


def _words(values: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(values):
        return values.map(lambda value: "" if pd.isna(value) else f"{value:g}")
    return values.fillna("").astype(str)
