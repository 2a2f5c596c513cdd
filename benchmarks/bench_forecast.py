"""Forecasts of finished campaigns beside what they took: processor time, storage and files.

    python benchmarks/bench_forecast.py config/demo/config.yaml config/jump/config.yaml
    python benchmarks/measure_rates.py results/demo --output demo.tsv    # how far do rates carry to other images?
    python benchmarks/bench_forecast.py config/jump/config.yaml --rates demo.tsv

Prints one figure a line: name, value, unit. A ratio of 2 means that twice as much was forecast as was used.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "lib"))

from platewise.commands.arguments import read_campaign  # noqa: E402
from platewise.preflight.check import image_workload, known_rates, table_part  # noqa: E402
from platewise.preflight.dry_run import dry_run  # noqa: E402
from platewise.preflight.forecast import BLOCK_BYTES, forecast  # noqa: E402
from platewise.preflight.images import check_plate  # noqa: E402
from platewise.preflight.measured import measured_jobs, walk  # noqa: E402
from platewise.preflight.rates import read_rates  # noqa: E402
from platewise.preflight.work import finished_work  # noqa: E402


def used(results: Path) -> tuple[float, float, int]:
    """Return processor seconds, bytes on disk and files of a finished campaign."""
    cpu = sum(job.cpu for job in measured_jobs(results, finished_work(results)))
    entries = list(walk(results))
    blocks = sum(1 if is_folder else -(-size // BLOCK_BYTES) for _, size, is_folder in entries)
    return cpu, blocks * BLOCK_BYTES, sum(not is_folder for _, _, is_folder in entries)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="+", type=Path)
    parser.add_argument("--like", type=Path, metavar="FOLDER", help="take the rates from this campaign")
    parser.add_argument("--rates", type=Path, metavar="FILE", help="another table of rates (measure_rates.py --output)")
    parser.add_argument("--rules", action="store_true", help="also each rule's processor seconds")
    options = parser.parse_args()
    rates = known_rates(options.like).rates if options.rates is None else read_rates(options.rates)
    for path in options.configs:
        campaign = read_campaign(path)
        if campaign.from_images:
            plates = [check_plate(plate, campaign.config.images, 1, 0, 2) for plate in campaign.plates.values()]
            workload = image_workload(campaign, plates, rates)
        else:
            workload = table_part(campaign)[1]
        jobs = dry_run(path, Path.cwd(), everything=True).jobs
        made = forecast(jobs, workload, rates, campaign.config.embeddings, stored_images=campaign.config.store.images)
        name = campaign.config.campaign
        cpu, disk, files = used(campaign.folder)
        total = made.total
        for what, forecasted, measured, unit in (
            ("cpu", total.cpu, cpu, "s"),
            ("disk", total.disk, disk, "B"),
            ("files", total.files, files, "files"),
        ):
            print(f"forecast_{name}_{what} {forecasted:.0f} {unit}")
            print(f"forecast_{name}_{what}_used {measured:.0f} {unit}")
            print(f"forecast_{name}_{what}_ratio {forecasted / measured:.2f} times")
        if options.rules:
            took = measured_jobs(campaign.folder, finished_work(campaign.folder))
            for rule in made.rules:
                own = sum(job.cpu for job in took if job.name.partition(":")[0] == rule.rule)
                print(f"forecast_{name}_{rule.rule} {rule.cost.cpu:.1f} s, used {own:.1f} s")


if __name__ == "__main__":
    main()
