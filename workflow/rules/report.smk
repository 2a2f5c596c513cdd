# Quality control and the report.
# Needs: something from every stage. Makes: a page for the campaign and one a plate.


rule report_campaign:
    """The campaign's page."""
    input:
        profiles=expand(
            "<campaign>/profiles/{features}.{correction}.consensus.parquet",
            features=FEATURES,
            correction=CORRECTIONS,
        ),
    output:
        "<results>/report/index.html",
    shell:
        "touch {output}"
