# Quality control and a page for each plate.
# Needs: manifests, tables of cells, images, labels. Makes: QC tables, a page a plate.


rule summarise_qc:
    """Flag fields and wells of a plate that are worth a second look."""
    input:
        fields=of_blocks("<results>/plates/{plate}/fields/{block}.parquet"),
        cells=of_blocks("<results>/plates/{plate}/cells/{block}.parquet"),
        platemap=get_platemap,
        tables=get_metadata_tables,
    output:
        fields="<plate>/qc/fields.parquet",
        wells="<plate>/qc/wells.parquet",
    log:
        "<logs>/summarise_qc/{plate}.log",
    benchmark:
        "<benchmarks>/summarise_qc/{plate}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=asked_memory("summarise_qc", get_plate_size),
        runtime=asked_runtime("summarise_qc", get_plate_size),
    params:
        plate=get_plate_row,
        metadata=lookup("metadata", within=config),
        channels=lookup("images/channels", within=config),
        border_cells=lookup("profiles/aggregate/border_cells", within=config),
        cells=lookup("profiles/cells", within=config),
        qc=lookup("qc", within=config),
        algorithm=ALGORITHMS["qc"],
    script:
        "../scripts/summarise_qc.py"


rule report_plate:
    """A plate's page: maps, pictures with outlines, and what was left out."""
    input:
        qc_fields="<plate>/qc/fields.parquet",
        qc_wells="<plate>/qc/wells.parquet",
        inventory=of_blocks("<results>/plates/{plate}/inventory/{block}.parquet"),
        illumination="<plate>/illumination.zarr",
    output:
        "<results>/report/plates/{plate}.html",
    log:
        "<logs>/report_plate/{plate}.log",
    benchmark:
        "<benchmarks>/report_plate/{plate}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=asked_memory("report_plate", get_plate_size),
        runtime=asked_runtime("report_plate", get_plate_size),
    params:
        plate_store=get_store,
        plate=get_plate_row,
        campaign=lookup("campaign", within=config),
        channels=lookup("images/channels", within=config),
        nuclei_channel=lookup("segmentation/nuclei_channel", within=config),
        report=lookup("report", within=config),
        rerun=get_rerun_command,
    script:
        "../scripts/report_plate.py"
