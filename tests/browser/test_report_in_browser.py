"""The pages in a real browser, from file://: figures are drawn, nothing is fetched, no name runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from browser import BROWSER, NO_BROWSER, browse
from html_pages import Page
from small_campaign import CHANNELS, HOSTILE, PRESET, make_campaign, read_image, read_labels
from small_evaluation import write_evaluation

from platewise.config.report import ReportConfig
from platewise.report.campaign_page import report_campaign
from platewise.report.plate_page import report_plate

FILES = {"campaign": "index.html", "plate": "plates/BR001.html", "segmentation": "segmentation.html"}
pytestmark = pytest.mark.skipif(BROWSER is None, reason=NO_BROWSER)


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    campaign = make_campaign(tmp_path_factory.mktemp("small"))
    report = campaign.root / "report"
    report_campaign(
        report / "index.html",
        campaign="small",
        preset=PRESET,
        tables=campaign.tables,
        settings=ReportConfig(),
        plate_format=96,
    )
    report_plate(
        report / "plates" / "BR001.html",
        campaign="small",
        plate="BR001",
        plate_format=96,
        channels=CHANNELS,
        qc_wells=campaign.tables.qc_wells["BR001"],
        qc_fields=campaign.tables.qc_fields["BR001"],
        settings=ReportConfig(),
        rerun_command="platewise run",
        read_image=read_image,
        read_labels=read_labels,
    )
    write_evaluation(report / "segmentation.html")
    return {name: report / file for name, file in FILES.items()}


@pytest.mark.parametrize("name", FILES)
def test_the_console_stays_silent(pages, name, tmp_path):
    _, said = browse(pages[name], tmp_path / "profile")

    assert said == ""


def test_every_figure_is_drawn_and_names_are_texts(pages, tmp_path):
    dom, _ = browse(pages["campaign"], tmp_path / "profile")

    for figure in Page(pages["campaign"]).figures():
        drawn = dom.split(f'<div id="{figure}"', 1)[1][:4000]
        assert 'class="main-svg"' in drawn, figure
    texts = re.findall(r">([^<>]*)</text>", dom)
    assert any(text.startswith("&lt;script&gt;alert(") for text in texts)
    assert HOSTILE not in dom.split('type="application/json"')[0]


def test_the_policy_stops_a_script_that_is_not_ours(pages, tmp_path):
    source = pages["plate"].read_text(encoding="utf-8")
    spoiled = tmp_path / "spoiled.html"
    spoiled.write_text(source.replace("</h1>", "</h1><script>document.title = 'owned'</script>"), encoding="utf-8")
    dom, said = browse(spoiled, tmp_path / "profile")

    assert "<title>owned</title>" not in dom
    assert "Content Security Policy" in said
