# The short way to everything. `make help` lists the targets.
SHELL := bash
.DEFAULT_GOAL := help
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
CORES ?= all
# Real data for the campaigns jump, nf1 and bbbc021; docs/tutorial.md says where to get them.
PLATEWISE_DATA ?= $(abspath ../shared/data)
export PLATEWISE_DATA
export PATH := $(abspath $(BIN)):$(PATH)
# For what runs outside of jobs; in a job, Snakemake gives the rule's number of threads.
export OMP_NUM_THREADS ?= 1

.PHONY: help setup demo demo-large demo-batches jump nf1 bbbc021 test test-unit test-slurm test-faults lint format config-reference lock bench-plan bench-noop bench-start bench-demo bench-measure bench-adversary bench-segmentation bench-segment bench-annotation bench-decode bench-evaluation bench-bbbc021 bench-network demo-doses bench-profiles clean

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

setup: $(VENV)/.ready ## Make the environment in .venv

$(VENV)/.ready: envs/lock.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
# torch first and exactly: anything that merely depends on it would take a larger build.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^torch==' envs/lock.txt)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r envs/lock.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: setup ## Render a small campaign and run it, images to report
	platewise simulate rendered/demo --design demo
	platewise run --cores $(CORES) --configfile config/demo/config.yaml
	@echo "The report is at $(abspath results/demo/report/index.html)"

demo-large: setup ## The same with 6 plates of 96 wells and 3 doses
	platewise simulate rendered/demo-large --design demo-large
	platewise run --cores $(CORES) --configfile config/demo-large/config.yaml
	@echo "The report is at $(abspath results/demo-large/report/index.html)"

demo-batches: setup ## 4 batches far apart: an adversary against corrections
	platewise simulate rendered/batches --design batches
	platewise run --cores $(CORES) --configfile config/batches/config.yaml
	@echo "The report is at $(abspath results/batches/report/index.html)"

demo-doses: setup ## Dose series with known EC50s, and positive controls
	platewise simulate rendered/doses --design doses
	platewise run --cores $(CORES) --configfile config/doses/config.yaml
	@echo "The report is at $(abspath results/doses/report/index.html)"

jump: setup ## Run the real JUMP Cell Painting fields in PLATEWISE_DATA
	platewise run --cores $(CORES) --configfile config/jump/config.yaml
	@echo "The report is at $(abspath results/jump/report/index.html)"

nf1: setup ## Run the real NF1 Schwann cells in PLATEWISE_DATA: variants, wild type against mutant
	platewise run --cores $(CORES) --configfile config/nf1/config.yaml
	@echo "The report is at $(abspath results/nf1/report/index.html)"

bbbc021: setup ## Run the real BBBC021 well profiles in PLATEWISE_DATA and print NSC and NSCB
	platewise run --cores $(CORES) --configfile config/bbbc021/config.yaml
	@echo "The report is at $(abspath results/bbbc021/report/index.html)"
	@platewise scores config/bbbc021/config.yaml

test: setup ## Run all tests that need no cluster
	$(BIN)/python -m pytest -n 2 --dist loadfile --ignore tests/slurm tests

test-unit: setup ## Run the quick tests only
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/unit

# As root: the tests bring up a SLURM of their own, with Debian's packages (tests/slurm/install.sh).
test-slurm: setup ## Run the tests on a real SLURM, but for the costliest faults
	$(BIN)/python -m pytest -m "not costly" tests/slurm

test-faults: setup ## Run all tests on a real SLURM, and date the README's table of faults
	$(BIN)/python -m pytest --write-faults tests/slurm

lint: setup ## Check the code's form: ruff, snakefmt, snakemake --lint
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow/rules
	snakemake --lint

format: setup ## Bring the code into form
	ruff check --fix .
	ruff format .
	snakefmt Snakefile workflow/rules

config-reference: setup ## Write the key table and the schema in config/ anew
	platewise config-reference

lock: ## Make envs/lock.txt and the conda files anew from envs/requirements.in
	$(PYTHON) envs/lock.py

bench-plan: setup ## Measure planning: 25 plates x 384 wells x 9 fields
	$(BIN)/python benchmarks/bench_plan.py

bench-noop: setup ## Measure planning the same campaign when everything is done
	$(BIN)/python benchmarks/bench_plan.py --finished

bench-start: setup ## Measure what a SLURM job of that campaign costs before its first image is read
	$(BIN)/python benchmarks/bench_start.py

bench-demo: setup ## Hold a finished demo against the budget of each stage
	$(BIN)/python benchmarks/bench_demo.py

bench-measure: setup .venv-peers/.ready ## Measure the measurement of a field, group by group, beside cp_measure
	$(BIN)/python benchmarks/bench_measure.py --peer .venv-peers/bin/python

.venv-peers/.ready: benchmarks/peers.txt
	test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/peers.txt
	touch $@

bench-adversary: setup ## Train the networks of a finished `make demo-batches` four times more: what an adversary does, and what is chance
	$(BIN)/python benchmarks/bench_adversary.py --seeds 4 --cores $(CORES)

bench-segmentation: setup ## Train and compare all ways to find nuclei on DSB 2018: hours on a CPU
	platewise run --cores $(CORES) --configfile config/dsb2018/config.yaml
	@echo "The comparison is at $(abspath results/dsb2018/report/segmentation.html)"

bench-profiles: setup ## Measure memory and CPU from cells to consensus: 600,000 cells, 25 plates x 384 wells
	$(BIN)/python benchmarks/bench_profiles.py --peer

bench-decode: setup ## Measure how objects are read from a network's maps, beside a naive peer
	$(BIN)/python benchmarks/bench_decode.py

bench-evaluation: setup ## Measure mean average precision beside copairs
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/bench_evaluation.py

bench-network: setup ## Measure all pairs and the network of 16,600 perturbations, all pairs of 100,000, and the network's page
	$(BIN)/python benchmarks/bench_network.py
	$(BIN)/python benchmarks/bench_network.py --nodes 100000 --pairs
	$(BIN)/python benchmarks/bench_network_page.py

bench-annotation: setup ## Simulate annotation on DSB 2018: images in ranked order against random order
	$(BIN)/python benchmarks/simulate_annotation.py

bench-bbbc021: setup ## Choose a correction for BBBC021 by its replicates, then score all that were tried
	$(BIN)/python benchmarks/bench_bbbc021.py --scores

bench-segment: setup ## Measure finding the nuclei of a field with a network, stage by stage
	$(BIN)/python benchmarks/bench_segment.py

clean: ## Remove results and rendered campaigns, keep the environment
	rm -rf results rendered .snakemake
