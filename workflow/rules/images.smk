# From the microscope's files to what the campaign knows of them.
# Needs: images, plate maps. Makes: an inventory a block, a flat field a plate, an empty plate store.

# Plates that are cut into the same blocks share a rule: a rule's outputs are the same for every plate it makes.
for number, (blocks, plates) in enumerate(CAMPAIGN.layouts.items()):

    rule:
        name:
            name_inventory_rule(number)
        input:
            images=get_image_folder,
        output:
            expand("<results>/plates/{{plate}}/inventory/{block}.parquet", block=blocks),
        log:
            "<logs>/inventory_plate/{plate}.log",
        benchmark:
            "<benchmarks>/inventory_plate/{plate}.tsv"
        wildcard_constraints:
            plate="|".join(map(re.escape, plates)),
        conda:
            "../../envs/cpu.yaml"
        # Threads wait for the file system, each for another image.
        threads: 4
        resources:
            mem_mb=asked_memory("inventory_plate", get_plate_size),
            runtime=asked_runtime("inventory_plate", get_plate_size),
        params:
            plate=get_plate_row,
            # Not the plate map: what a well was given does not change its images.
            wells=get_wells,
            blocks=lookup("blocks", within=config),
            images=lookup("images", within=config),
            algorithm=ALGORITHMS["inventory"],
        script:
            "../scripts/inventory_plate.py"


rule estimate_illumination:
    """Estimate how unevenly each channel of a plate was lit."""
    input:
        # Estimated once: one mended image out of hundreds would otherwise redo every field of its plate.
        # Estimate again with --forcerun estimate_illumination.
        inventory=ancient(
            of_blocks("<results>/plates/{plate}/inventory/{block}.parquet")
        ),
    output:
        directory("<plate>/illumination.zarr"),
    log:
        "<logs>/estimate_illumination/{plate}.log",
    benchmark:
        "<benchmarks>/estimate_illumination/{plate}.tsv"
    conda:
        "../../envs/cpu.yaml"
    # One reads while the other one computes.
    threads: 2
    resources:
        mem_mb=asked_memory("estimate_illumination", get_plate_size),
        runtime=asked_runtime("estimate_illumination", get_plate_size),
    params:
        channels=lookup("images/channels", within=config),
        illumination=lookup("illumination", within=config),
        seed=lookup("seed", within=config),
        algorithm=ALGORITHMS["illumination"],
    script:
        "../scripts/estimate_illumination.py"


rule prepare_store:
    """Write the plate store's own metadata; the jobs that segment fields add them, whether it is there yet or not."""
    input:
        inventory=of_blocks("<results>/plates/{plate}/inventory/{block}.parquet"),
    output:
        # That file only: a declared folder would be removed with all labels when the rule runs again.
        "<plate>/plate.zarr/zarr.json",
    log:
        "<logs>/prepare_store/{plate}.log",
    benchmark:
        "<benchmarks>/prepare_store/{plate}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=asked_memory("prepare_store", get_plate_size),
        runtime=asked_runtime("prepare_store", get_plate_size),
    script:
        "../scripts/prepare_store.py"
