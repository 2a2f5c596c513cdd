"""Single-cell features under CellProfiler's names: one file a feature group, `field.measure_field` for all of them."""
