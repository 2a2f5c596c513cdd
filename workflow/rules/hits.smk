# Which treatments do anything, and at which dose.
# Needs: profiles of wells. Makes: activity of treatments, distances of wells from the controls, how well controls
# stand apart on each plate, and dose responses.


rule call_hits:
    """Hold every treatment against the negative controls of its plates, and positive controls against negative ones."""
    input:
        profiles="<campaign>/profiles/{features}.{correction}.parquet",
        # Sphering is repeated without the controls whose distance is asked for.
        selected="<campaign>/profiles/{features}.selected.parquet",
    output:
        activity="<campaign>/evaluation/{features}.{correction}.activity.parquet",
        distances="<campaign>/screens/{features}.{correction}.distances.parquet",
        plates="<campaign>/screens/{features}.{correction}.plates.parquet",
    log:
        "<logs>/call_hits/{features}.{correction}.log",
    benchmark:
        "<benchmarks>/call_hits/{features}.{correction}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=asked_memory("call_hits", get_campaign_size),
        runtime=asked_runtime("call_hits", get_campaign_size),
    params:
        evaluation=lookup("evaluation", within=config),
        algorithm=ALGORITHMS["screens"],
    script:
        "../scripts/call_hits.py"


if HAS_DOSES:

    rule fit_dose_response:
        """Find the perturbations that respond to their dose, and the dose of half the response; by the preset."""
        input:
            f"<campaign>/screens/{'.'.join(PRESET)}.distances.parquet",
        output:
            "<campaign>/screens/dose_response.parquet",
        log:
            "<logs>/fit_dose_response.log",
        benchmark:
            "<benchmarks>/fit_dose_response.tsv"
        conda:
            "../../envs/cpu.yaml"
        threads: 1
        resources:
            mem_mb=asked_memory("fit_dose_response", get_campaign_size),
            runtime=asked_runtime("fit_dose_response", get_campaign_size),
        params:
            evaluation=lookup("evaluation", within=config),
            algorithm=ALGORITHMS["screens"],
        script:
            "../scripts/fit_dose_response.py"
