# platewise: high-content microscopy screens from images to decisions.
#
# A table of contents: each file below holds the rules of one stage, in the order of the data.
# Science is in the config (config/README.md), runtime in the profiles (profiles/README.md).
from snakemake.utils import min_version

min_version("9.14")


# A config given with --configfile stands alone; the default one is not mixed in.
if not workflow.configfiles:

    configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/common_segmenters.smk"


if CAMPAIGN.config.container:

    container: CAMPAIGN.config.container


if CAMPAIGN.annotations:

    include: "workflow/rules/segmenters.smk"


if CAMPAIGN.from_images:

    include: "workflow/rules/images.smk"
    include: "workflow/rules/segmentation.smk"
    include: "workflow/rules/measurement.smk"
    include: "workflow/rules/embedding.smk"
    include: "workflow/rules/qc.smk"


if CAMPAIGN.config.ploidy_channel:

    include: "workflow/rules/ploidy.smk"


if CAMPAIGN.variants:

    include: "workflow/rules/variants.smk"


if CAMPAIGN.from_images and CAMPAIGN.config.ranking:

    include: "workflow/rules/ranking.smk"


if CAMPAIGN.has_profiles:

    include: "workflow/rules/profiles.smk"
    include: "workflow/rules/correction.smk"
    include: "workflow/rules/network.smk"
    include: "workflow/rules/evaluation.smk"
    include: "workflow/rules/explanation.smk"
    include: "workflow/rules/hits.smk"
    include: "workflow/rules/report.smk"


localrules:
    all,


rule all:
    default_target: True
    input:
        get_final_output,
