# Active learning: what is most worth annotating.
# Needs: manifests, labels, images. Makes: fields in the order in which their annotation would teach most.


rule rank_annotations:
    """Order fields, and the nuclei in them, by how much an annotation of them would teach."""
    input:
        manifests=of_all_blocks("fields"),
        inventories=of_all_blocks("inventory"),
        illumination=expand("<results>/plates/{plate}/illumination.zarr", plate=PLATES),
        # What this campaign trains itself; other weights count by their content, among the parameters.
        segmenters=list(ranking_files(CAMPAIGN).values()),
    output:
        ranking="<campaign>/annotations/ranking.parquet",
        objects="<campaign>/annotations/objects.parquet",
    log:
        "<logs>/rank_annotations.log",
    benchmark:
        "<benchmarks>/rank_annotations.tsv"
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        mem_mb=asked_memory("rank_annotations", get_ranking_size),
        runtime=asked_runtime("rank_annotations", get_ranking_size),
        gpu=1,
    params:
        plates=PLATES,
        channels=lookup("images/channels", within=config),
        segmentation=SEGMENTATION,
        ranking=get_ranking_keys,
        seed=lookup("seed", within=config),
        algorithm=ALGORITHMS["segment"],
    script:
        "../scripts/rank_annotations.py"
