"""Print what the jobs of finished campaigns took, a line a rule, as benchmarks/measured.tsv holds it.

    python benchmarks/record_measured.py config/demo/config.yaml config/jump/config.yaml

What rules ask for (`platewise.plan.demand`) is tested against that table. Sizes are those that planning knows, so that
a campaign of smaller images or fewer cells than are assumed there lies far below what is asked for.
"""

import sys
from dataclasses import asdict
from pathlib import Path

from platewise.cluster.benchmarks import read_benchmark
from platewise.commands.arguments import read_campaign
from platewise.plan.campaign import Campaign
from platewise.plan.demand import Size
from platewise.plan.engines import contender_name
from platewise.plan.jobs import Job, list_jobs
from platewise.plan.sizes import (
    size_of_annotations,
    size_of_block,
    size_of_contender,
    size_of_evaluation,
    size_of_plate,
    size_of_profiles,
    size_of_ranking,
    size_of_segmenter,
    size_of_training,
)


def size_of_job(campaign: Campaign, job: Job) -> Size:
    """Return the size of a job, as the rules see it."""
    features = next((name for name in job.wildcards if name in campaign.config.features), None)
    match job.rule:
        case "train_embedding":
            return size_of_training(campaign, job.wildcards[0])
        case "inventory_annotations":
            return size_of_annotations(campaign, job.wildcards[0])
        case "train_segmenter" | "tune_classical":
            return size_of_segmenter(campaign, job.wildcards[0])
        case "predict_held_out":
            return size_of_contender(campaign, contender_name(job.wildcards[0]))
        case "evaluate_segmentation":
            return size_of_evaluation(campaign)
        case "rank_annotations":
            return size_of_ranking(campaign)
    if job.block:
        return size_of_block(campaign, job.plate, job.block)
    return size_of_plate(campaign, job.plate, features) if job.plate else size_of_profiles(campaign, features)


def main() -> None:
    print("campaign", "rule", *asdict(Size()), "memory_mb", "elapsed_s", sep="\t")
    for name in sys.argv[1:]:
        campaign = read_campaign(Path(name))
        highest: dict[tuple[str, Size], tuple[float, float]] = {}
        for job in list_jobs(campaign):
            benchmark = read_benchmark(Path(job.benchmark))
            if benchmark is None or benchmark.memory_mb is None:
                continue
            key = (job.rule, size_of_job(campaign, job))
            memory, elapsed = highest.get(key, (0.0, 0.0))
            highest[key] = (max(memory, benchmark.memory_mb), max(elapsed, benchmark.elapsed_s))
        for (rule, size), (memory, elapsed) in highest.items():
            cells = [round(value, 1) for value in asdict(size).values()]
            print(campaign.config.campaign, rule, *cells, round(memory), round(elapsed), sep="\t")


if __name__ == "__main__":
    main()
