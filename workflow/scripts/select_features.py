"""Choose the features of the campaign."""

from platewise.config.base import parse_section
from platewise.config.profiles import SelectConfig
from platewise.jobs import log_to
from platewise.plan.fitted import write_fit
from platewise.profiles.select import run_select_features

log_to(snakemake.log[0])
run_select_features(
    dict(zip(snakemake.params.plates, snakemake.input, strict=True)),
    snakemake.output.profiles,
    snakemake.output.selection,
    parse_section(SelectConfig, snakemake.params.select),
    snakemake.params.fitted_on,
)
write_fit(snakemake.output.selection, snakemake.params.fitted_for, snakemake.params.fitted_on)
