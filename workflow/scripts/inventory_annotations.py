"""Read every annotated image once, and deal the groups to folds."""

from platewise.config.annotations import AnnotationColumns
from platewise.config.base import parse_section
from platewise.jobs import log_to
from platewise.segmentation.annotated import inventory_annotations

log_to(snakemake.log[0])
inventory_annotations(
    index=snakemake.input[0],
    target=snakemake.output[0],
    columns=parse_section(AnnotationColumns, snakemake.params.columns),
    folds=snakemake.params.folds,
    seed=snakemake.params.seed,
)
