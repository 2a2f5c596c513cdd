"""The small campaign and its pages, made once."""

from __future__ import annotations

import sys
from pathlib import Path

# The fixture modules beside this file, under their own names.
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import pytest
from html_pages import Page
from small_campaign import (
    CHANNELS,
    COMMAND,
    HOSTILE,
    PRESET,
    SmallCampaign,
    make_campaign,
    network_tables,
    read_image,
    read_labels,
)
from small_evaluation import write_evaluation

from platewise.config.report import ReferenceConfig, ReportConfig
from platewise.report.campaign_page import report_campaign
from platewise.report.network_page import report_network
from platewise.report.plate_page import report_plate

SETTINGS = ReportConfig(references=(ReferenceConfig(metric="nsc", value=0.94, source="Ljosa 2013 & others"),))


@pytest.fixture(scope="session")
def campaign(tmp_path_factory) -> SmallCampaign:
    return make_campaign(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def write_plate(campaign):
    """Write the page of BR001; keywords replace the arguments."""

    def write(target: Path, **changes) -> Page:
        flat = np.linspace(0.7, 1.2, 200 * 240, dtype=np.float32).reshape(200, 240)
        arguments = {
            "campaign": "small & <brave>",
            "plate": "BR001",
            "plate_format": 96,
            "channels": CHANNELS,
            "qc_wells": campaign.tables.qc_wells["BR001"],
            "qc_fields": campaign.tables.qc_fields["BR001"],
            "settings": SETTINGS,
            "rerun_command": COMMAND,
            "inventory": [campaign.inventory["BR001"]],
            "read_image": read_image,
            "read_labels": read_labels,
            "nuclei_channel": "DNA",
            "illumination": dict.fromkeys(CHANNELS, flat),
        }
        report_plate(target, **{**arguments, **changes})
        return Page(target)

    return write


@pytest.fixture(scope="session")
def write_campaign(campaign):
    """Write the page of the campaign; keywords replace the arguments."""

    def write(target: Path, **changes) -> Page:
        arguments = {
            "campaign": "small",
            "preset": PRESET,
            "tables": campaign.tables,
            "settings": SETTINGS,
            "plate_format": 96,
            "rerun_command": COMMAND,
            "config": {"campaign": "small", "note": HOSTILE},
            "versions": {"platewise": "0.1.0"},
        }
        report_campaign(target, **{**arguments, **changes})
        return Page(target)

    return write


@pytest.fixture(scope="session")
def plate_page(write_plate, tmp_path_factory) -> Page:
    return write_plate(tmp_path_factory.mktemp("page") / "R" / "report" / "plates" / "BR001.html")


@pytest.fixture(scope="session")
def campaign_page(write_campaign, campaign) -> Page:
    return write_campaign(campaign.root / "report" / "index.html")


@pytest.fixture(scope="session")
def network_page(campaign, tmp_path_factory) -> Page:
    target = tmp_path_factory.mktemp("network") / "network.html"
    tables = network_tables(campaign.tables)
    report_network(
        target, campaign="small", preset=PRESET, tables=tables, max_nodes=2000, channels=CHANNELS, plate_pages=["BR001"]
    )
    return Page(target)


@pytest.fixture(scope="session")
def segmentation_page(tmp_path_factory) -> Page:
    target = tmp_path_factory.mktemp("evaluation") / "segmentation.html"
    write_evaluation(target)
    return Page(target)
