"""Every job of a campaign with its files, as the rules in workflow/rules make them.

Snakemake alone decides what runs. Those who look at a campaign from outside (`platewise status`, `platewise verify`)
need its jobs within a second and without touching Snakemake's own files: so they are listed here once more, and a test
holds this list against Snakemake's plan: rules, wildcards, inputs, outputs, logs and benchmarks.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from platewise.config.campaign import CLASSICAL
from platewise.plan.campaign import Campaign
from platewise.plan.doses import has_dose_series
from platewise.plan.embeddings import normalisation
from platewise.plan.job import Job, make_job
from platewise.plan.plates import Plate
from platewise.plan.segmenter_jobs import rank_job, segmenter_jobs, segmenter_stages
from platewise.plan.segmenters import ALL, own_files
from platewise.plan.training import is_trained, shown_blocks, training_plates


def list_jobs(campaign: Campaign) -> list[Job]:
    """Return all jobs of a campaign, each after those that make its inputs; the campaign's report is the last."""
    root = f"{campaign.config.results}/{campaign.config.campaign}"
    jobs = list(segmenter_jobs(campaign, root))
    if campaign.from_images:
        jobs += _image_jobs(campaign, root)
    elif campaign.from_table:
        jobs += _import_jobs(campaign, root)
    return [*jobs, *_campaign_jobs(campaign, root)] if campaign.has_profiles else jobs


def list_targets(jobs: Sequence[Job]) -> list[str]:
    """Return the files that every run makes if they are missing.

    They are the pages, the promised tables, the plate stores, and what segmenters learned from all images. Snakemake
    makes another missing file again only if something else that is to be made needs it.
    """
    # Inventories and references are scaffolding, and what was learned is learned once and then kept.
    unpromised = ("inventory", "reference", "train:", "annotations", "segmenter:")
    promised = (job for job in jobs if not job.stage.startswith(unpromised))
    pages = [
        output
        for job in reversed(jobs)
        if job.rule in ("report_campaign", "report_network", "evaluate_segmentation")
        for output in job.outputs
        if output.endswith(".html")
    ]
    stores = [output for job in jobs if job.stage == "store" for output in job.outputs]
    learned = [job.outputs[0] for job in jobs if job.stage.startswith("segmenter:") and job.wildcards[-1] == ALL]
    return [*pages, *(table for job in promised for table in job.tables), *stores, *learned]


def plate_stages(campaign: Campaign) -> list[str]:
    """Return the stages of a plate, in the order of the data; none where a campaign starts from a table."""
    if not campaign.from_images:
        return []
    embeddings = [f"embed:{model}" for model in campaign.config.embeddings]
    learned = ["crops", *(["reference"] if _scaled(campaign) else []), *embeddings] if embeddings else []
    ploidy = ["ploidy"] if campaign.config.ploidy_channel else []
    return ["inventory", "illumination", "store", "segment", "measure", *learned, "profiles", *ploidy, "qc", "report"]


def campaign_stages(campaign: Campaign) -> list[str]:
    """Return the stages of the campaign as a whole, in the order of the data."""
    stages = segmenter_stages(campaign)
    if campaign.from_images:
        stages += ["ranking"] if campaign.config.ranking is not None else []
        stages += [f"train:{model}" for model in campaign.config.embeddings]
    elif campaign.from_table:
        stages += ["import"]
    profiled = ["normalise", "select", "correct", "consensus", "network", "evaluate", "shortlist", "batches", "hits"]
    profiled += ["differences", "explain", *(["doses"] if has_dose_series(campaign) else [])]
    profiled += ["ploidy"] if campaign.config.ploidy_channel else []
    profiled += ["variants"] if campaign.variants else []
    return [*stages, *profiled, "report"] if campaign.has_profiles else stages


def _image_jobs(campaign: Campaign, root: str) -> Iterator[Job]:
    """Yield the jobs from images to level 3, and each plate's QC and page."""
    # Plates that are cut into the same blocks share a rule.
    rules = {
        name: "inventory_plate" if number == 0 else f"inventory_plate_{number + 1}"
        for number, names in enumerate(campaign.layouts.values())
        for name in names
    }
    needed = _needed_crops(campaign, root)
    for name, plate in campaign.plates.items():
        yield from _plate_jobs(campaign, root, plate, rules[name])
        yield from _block_jobs(campaign, root, plate, needed)
        if _scaled(campaign):
            yield _reference_job(root, plate)
    if campaign.config.ranking is not None:
        yield rank_job(campaign, root)
    for model in campaign.config.embeddings:
        yield _training_job(campaign, root, model)
        for plate in campaign.plates.values():
            yield from _embed_jobs(campaign, root, plate, model)
    for plate in campaign.plates.values():
        yield from _result_jobs(campaign, root, plate)


def _plate_jobs(campaign: Campaign, root: str, plate: Plate, inventory_rule: str) -> Iterator[Job]:
    name = plate.row.plate
    inventories = _of_blocks(root, plate, "inventory")
    flat, store = f"{root}/plates/{name}/illumination.zarr", f"{root}/plates/{name}/plate.zarr/zarr.json"
    place, images = f"inventory_plate/{name}", [plate.row.images]
    yield make_job(root, inventory_rule, "inventory", place, [name], images, inventories, plate=name)
    place = f"estimate_illumination/{name}"
    yield make_job(
        root, "estimate_illumination", "illumination", place, [name], [], [flat], kept=inventories, plate=name
    )
    yield make_job(root, "prepare_store", "store", f"prepare_store/{name}", [name], inventories, [store], plate=name)


def _block_jobs(campaign: Campaign, root: str, plate: Plate, needed: set[str]) -> Iterator[Job]:
    name, weights = plate.row.plate, own_files(campaign).values()
    folder = f"{root}/plates/{name}"
    flat = f"{folder}/illumination.zarr"
    for block in plate.blocks:
        inventory, manifest = (f"{folder}/{kind}/{block}.parquet" for kind in ("inventory", "fields"))
        made = {"segment": ("segment_block", [inventory, flat, *weights], manifest)}
        made["measure"] = ("measure_block", [manifest, inventory, flat], f"{folder}/cells/{block}.parquet")
        crops = f"{folder}/crops/{block}.zarr"
        if crops in needed:
            made["crops"] = ("crop_block", [manifest, inventory, flat], crops)
        for stage, (rule, inputs, output) in made.items():
            place, wildcards = f"{rule}/{name}/{block}", [name, block]
            yield make_job(root, rule, stage, place, wildcards, inputs, [output], plate=name, block=block)


def _reference_job(root: str, plate: Plate) -> Job:
    name = plate.row.plate
    output = f"{root}/plates/{name}/crops/reference.parquet"
    place, crops = f"reference_plate/{name}", _crops(root, plate)
    return make_job(root, "reference_plate", "reference", place, [name], crops, [output], plate=name)


def _training_job(campaign: Campaign, root: str, model: str) -> Job:
    platemaps = sorted({plate.row["platemap"] for plate in training_plates(campaign, model)})
    outputs = [*_weights(root, model), f"{root}/campaign/embedding/{model}/curves.parquet"]
    files = [*_training_crops(campaign, root, model), *platemaps, *campaign.metadata_tables]
    trained = is_trained(campaign, model)
    return make_job(
        root,
        "train_embedding",
        f"train:{model}",
        f"train_embedding/{model}",
        [model],
        [] if trained else files,
        outputs,
        kept=files if trained else [],
    )


def _embed_jobs(campaign: Campaign, root: str, plate: Plate, model: str) -> Iterator[Job]:
    name, config = plate.row.plate, campaign.config
    folder = f"{root}/plates/{name}"
    reference = [f"{folder}/crops/reference.parquet"] if normalisation(config.embeddings[model]) == "plate" else []
    for block in plate.blocks:
        if config.crops.keep == "all":
            source = [f"{folder}/crops/{block}.zarr"]
        else:
            source = [f"{folder}/{kind}/{block}.parquet" for kind in ("fields", "inventory")]
            source.append(f"{folder}/illumination.zarr")
        yield make_job(
            root,
            "embed_block",
            f"embed:{model}",
            f"embed_block/{model}/{name}/{block}",
            [name, model, block],
            [*source, *_weights(root, model), *reference],
            [f"{folder}/embeddings/{model}/{block}.parquet"],
            plate=name,
            block=block,
        )


def _result_jobs(campaign: Campaign, root: str, plate: Plate) -> Iterator[Job]:
    name = plate.row.plate
    folder, sheets = f"{root}/plates/{name}", _sheets(campaign, plate)
    judged = _of_blocks(root, plate, "cells") if campaign.config.profiles.cells.features else []
    for features in campaign.config.features:
        tables = _of_blocks(root, plate, "cells" if features == CLASSICAL else f"embeddings/{features}")
        outputs = [f"{folder}/profiles/{features}.wells{ending}.parquet" for ending in ("", ".dropped")]
        place = f"aggregate_plate/{features}/{name}"
        inputs = [*tables, *judged, *sheets]
        yield make_job(root, "aggregate_plate", "profiles", place, [name, features], inputs, outputs, plate=name)
    if campaign.config.ploidy_channel:
        inputs = [*_of_blocks(root, plate, "cells"), *sheets]
        outputs = [f"{folder}/ploidy/{table}.parquet" for table in _PLOIDY]
        yield make_job(root, "fit_ploidy", "ploidy", f"fit_ploidy/{name}", [name], inputs, outputs, plate=name)
    manifests, qc = _of_blocks(root, plate, "fields"), [f"{folder}/qc/{level}.parquet" for level in ("fields", "wells")]
    inputs = [*manifests, *_of_blocks(root, plate, "cells"), *sheets]
    yield make_job(root, "summarise_qc", "qc", f"summarise_qc/{name}", [name], inputs, qc, plate=name)
    inputs = [*qc, *_of_blocks(root, plate, "inventory"), f"{folder}/illumination.zarr"]
    page, place = f"{root}/report/plates/{name}.html", f"report_plate/{name}"
    yield make_job(root, "report_plate", "report", place, [name], inputs, [page], plate=name)


def _import_jobs(campaign: Campaign, root: str) -> Iterator[Job]:
    outputs = _wells(campaign, root, CLASSICAL) + _wells(campaign, root, CLASSICAL, ".dropped")
    yield make_job(root, "import_profiles", "import", "import_profiles", [], campaign.tables, outputs)


def _campaign_jobs(campaign: Campaign, root: str) -> Iterator[Job]:
    """Yield the jobs from level 3 to the report."""
    profiles, report = f"{root}/campaign/profiles", []
    for features in campaign.config.features:
        wells = _wells(campaign, root, features)
        report += [*wells, *_wells(campaign, root, features, ".dropped")]
        normalised = _normalised(campaign, root, features)
        place = f"normalise_plates/{features}"
        yield make_job(root, "normalise_plates", "normalise", place, [features], wells, normalised)
        selected, selection = (f"{profiles}/{features}.{kind}.parquet" for kind in ("selected", "selection"))
        place = f"select_features/{features}"
        yield make_job(root, "select_features", "select", place, [features], normalised, [selected, selection])
        report.append(selection)
        for correction in campaign.config.correction.methods:
            made = list(_corrected_jobs(root, features, correction, selected, wells))
            shown = [table for job in made if job.rule not in _UNREPORTED for table in job.tables]
            report += [table for table in shown if not table.endswith(_UNREPORTED_TABLES)]
            yield from made
    variants = itertools.product(campaign.config.features, campaign.config.correction.methods)
    names = [f"{profiles}/{features}.{correction}" for features, correction in variants]
    levels = [f"{name}{level}.parquet" for level in ("", ".consensus") for name in names]
    differences = f"{root}/campaign/evaluation/differences.parquet"
    yield make_job(root, "score_differences", "differences", "score_differences", [], levels, [differences])
    report.append(differences)
    for job in _explanation_jobs(campaign, root):
        report += job.outputs
        yield job
    hits = _hits(root, f"{campaign.config.preset_features}.{campaign.config.correction.preset}")
    report += hits
    if has_dose_series(campaign):
        fitted = f"{root}/campaign/screens/dose_response.parquet"
        yield make_job(root, "fit_dose_response", "doses", "fit_dose_response", [], [hits[1]], [fitted])
        report.append(fitted)
    if campaign.config.ploidy_channel:
        tables = {kind: [f"{root}/plates/{name}/ploidy/{kind}.parquet" for name in campaign.plates] for kind in _PLOIDY}
        scored = f"{root}/campaign/ploidy/treatments.parquet"
        yield make_job(root, "score_ploidy", "ploidy", "score_ploidy", [], tables["wells"], [scored])
        report += [scored, *itertools.chain.from_iterable(tables.values())]
    if campaign.variants:
        inputs = [path for plate in campaign.plates.values() for path in _of_blocks(root, plate, "cells")]
        inputs.append(f"{profiles}/{campaign.config.preset_features}.selected.parquet")
        inputs.append(f"{profiles}/{CLASSICAL}.selection.parquet")
        impact = f"{root}/campaign/variants/impact.parquet"
        yield make_job(root, "score_variants", "variants", "score_variants", [], inputs, [impact])
        report.append(impact)
    if campaign.from_images:
        folder = f"{root}/campaign/embedding"
        report += [
            f"{folder}/{model}/{file}"
            for file in ("curves.parquet", "model.json")
            for model in campaign.config.embeddings
        ]
        for name in campaign.plates:
            report.append(f"{root}/report/plates/{name}.html")
            report += [f"{root}/plates/{name}/qc/{level}.parquet" for level in ("fields", "wells")]
    if campaign.config.segmentation_evaluation is not None:
        report.append(f"{root}/report/segmentation.html")
    page = _network_page_job(campaign, root)
    report += page.outputs
    yield page
    yield make_job(root, "report_campaign", "report", "report_campaign", [], report, [f"{root}/report/index.html"])


def _corrected_jobs(root: str, features: str, correction: str, selected: str, wells: list[str]) -> Iterator[Job]:
    """Yield the jobs of one kind of features under one correction."""
    name, campaign = f"{features}.{correction}", f"{root}/campaign"
    profiles, h5ad = (f"{campaign}/profiles/{name}.{ending}" for ending in ("parquet", "h5ad"))
    consensus = f"{campaign}/profiles/{name}.consensus.parquet"
    network = [f"{campaign}/network/{name}/{file}" for file in _NETWORK]
    shortlist = f"{campaign}/network/{name}/shortlist.parquet"
    scores, enrichment, batches, perturbations = (
        f"{campaign}/evaluation/{name}.{kind}.parquet" for kind in _EVALUATION
    )
    for rule, stage, inputs, outputs in (
        ("correct_batches", "correct", [selected], [profiles, h5ad]),
        ("build_consensus", "consensus", [profiles], [consensus]),
        ("build_network", "network", [profiles, consensus], network),
        ("evaluate_network", "evaluate", [profiles, consensus], [scores, enrichment, perturbations]),
        ("shortlist_perturbations", "shortlist", [profiles, *network[:2], perturbations], [shortlist]),
        ("score_batches", "batches", [profiles, consensus, *wells], [batches]),
        ("call_hits", "hits", [profiles, selected], _hits(root, name)),
    ):
        yield make_job(root, rule, stage, f"{rule}/{name}", [features, correction], inputs, outputs)


def _explanation_jobs(campaign: Campaign, root: str) -> Iterator[Job]:
    """Yield the jobs that say profiles in words."""
    folder, profiles = f"{root}/campaign/explanation", f"{root}/campaign/profiles"
    for name in campaign.config.features:
        inputs = [
            *_normalised(campaign, root, name),
            *_wells(campaign, root, name),
            f"{profiles}/{name}.selection.parquet",
        ]
        outputs = [f"{folder}/{name}.{kind}.parquet" for kind in ("movers", "treatments")]
        yield make_job(root, "explain_treatments", "explain", f"explain_treatments/{name}", [name], inputs, outputs)
    for model in campaign.config.embeddings:
        inputs = [*_normalised(campaign, root, model), *_normalised(campaign, root, CLASSICAL)]
        inputs.append(f"{profiles}/{CLASSICAL}.selection.parquet")
        outputs = [f"{folder}/{model}.predicted.parquet"]
        yield make_job(root, "explain_features", "explain", f"explain_features/{model}", [model], inputs, outputs)
        outputs = [f"{folder}/{model}.exemplars.{kind}" for kind in ("parquet", "safetensors")]
        inputs = [*_exemplar_inputs(campaign, root, model), f"{folder}/{model}.treatments.parquet"]
        yield make_job(root, "show_exemplars", "explain", f"show_exemplars/{model}", [model], inputs, outputs)


def _network_page_job(campaign: Campaign, root: str) -> Job:
    """Return the job of the network's page, which reads tables of the preset and what moved."""
    folder, preset = f"{root}/campaign", campaign.preset
    inputs = [f"{folder}/network/{preset}/{table}" for table in (*_NETWORK[:3], "shortlist.parquet")]
    inputs += [f"{folder}/profiles/{preset}.parquet", _hits(root, preset)[0]]
    for kind in ("treatments", "movers"):
        inputs += [f"{folder}/explanation/{name}.{kind}.parquet" for name in campaign.config.features]
    page = f"{root}/report/network.html"
    return make_job(root, "report_network", "report", "report_network", [], inputs, [page])


def _exemplar_inputs(campaign: Campaign, root: str, model: str) -> list[str]:
    """Return crops, features and wells of the plates that a network was trained on, and the network."""
    files = _weights(root, model)
    for plate, block in shown_blocks(campaign, model):
        folder = f"{root}/plates/{plate}"
        files += [f"{folder}/crops/{block}.zarr", f"{folder}/embeddings/{model}/{block}.parquet"]
        files.append(f"{folder}/profiles/{model}.wells.parquet")
    return list(dict.fromkeys(files))


_NETWORK = ("edges.parquet", "nodes.parquet", "neighbours.parquet", "network.graphml", "network.h5ad")
# The shortlist is made of the last.
_BY_PERTURBATION = "perturbations"
_EVALUATION = ("scores", "enrichment", "batches", _BY_PERTURBATION)
# Of these the report reads nothing, or the preset's tables only.
_UNREPORTED = ("build_consensus", "call_hits")
_UNREPORTED_TABLES = (f".{_BY_PERTURBATION}.parquet", "/neighbours.parquet")


def _hits(root: str, name: str) -> list[str]:
    """Return the tables of activity, distances and controls of one kind of profiles."""
    screens = [f"{root}/campaign/screens/{name}.{kind}.parquet" for kind in ("distances", "plates")]
    return [f"{root}/campaign/evaluation/{name}.activity.parquet", *screens]


_PLOIDY = ("peaks", "wells", "histogram")


def _sheets(campaign: Campaign, plate: Plate) -> list[str]:
    return [plate.row.platemap, *campaign.metadata_tables]


def _of_blocks(root: str, plate: Plate, folder: str) -> list[str]:
    return [f"{root}/plates/{plate.row.plate}/{folder}/{block}.parquet" for block in plate.blocks]


def _crops(root: str, plate: Plate) -> list[str]:
    return [f"{root}/plates/{plate.row.plate}/crops/{block}.zarr" for block in plate.blocks]


def _wells(campaign: Campaign, root: str, features: str, ending: str = "") -> list[str]:
    names = campaign.plate_names
    return [f"{root}/plates/{name}/profiles/{features}.wells{ending}.parquet" for name in names]


def _normalised(campaign: Campaign, root: str, features: str) -> list[str]:
    return [f"{root}/plates/{name}/profiles/{features}.normalised.parquet" for name in campaign.plate_names]


def _weights(root: str, model: str) -> list[str]:
    return [f"{root}/campaign/embedding/{model}/{file}" for file in ("weights.safetensors", "model.json")]


def _scaled(campaign: Campaign) -> bool:
    """Whether an embedding needs each plate's brightness."""
    return any(normalisation(embedding) == "plate" for embedding in campaign.config.embeddings.values())


def _training_crops(campaign: Campaign, root: str, model: str) -> list[str]:
    plates = training_plates(campaign, model)
    return [f"{root}/plates/{plate.row['plate']}/crops/{block}.zarr" for plate in plates for block in plate.blocks]


def _needed_crops(campaign: Campaign, root: str) -> set[str]:
    """Return the crops that anything is made from."""
    embeddings = campaign.config.embeddings
    needed = {path for model in embeddings for path in _training_crops(campaign, root, model)}
    if (embeddings and campaign.config.crops.keep == "all") or _scaled(campaign):
        needed.update(path for plate in campaign.plates.values() for path in _crops(root, plate))
    return needed
