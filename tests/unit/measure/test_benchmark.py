"""The benchmark of measuring a field (`make bench-measure`) measures what a campaign does."""

from __future__ import annotations

import runpy
from pathlib import Path

from platewise.config.measure import MeasureConfig
from platewise.measure.field import measure_field

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "bench_measure.py"


def test_its_groups_make_the_columns_of_the_whole_field() -> None:
    bench = runpy.run_path(str(BENCHMARK))
    image, labels = bench["drawn_field"]()
    # A corner with four cells.
    image, labels = image[:, :180, :180], {kind: label[:180, :180] for kind, label in labels.items()}
    config = MeasureConfig()
    found = {
        (settings.group, compartment): table.shape
        for group, settings, parts in bench["given_parts"](image, labels, config)
        for compartment, table in group.measure(parts, bench["CHANNELS"], settings).items()
    }
    whole = measure_field(image, labels, bench["CHANNELS"], config)
    assert len(whole) > 1
    for (group, compartment), (objects, columns) in found.items():
        names = [name for name in whole if name.startswith(f"{compartment}_{group}_")]
        assert (objects, columns) == (len(whole), len(names)), (group, compartment)
    assert {compartment for _, compartment in found} == {"Nuclei", "Cells", "Cytoplasm"}
