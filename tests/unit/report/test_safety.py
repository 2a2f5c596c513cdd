"""Names are data: whatever a plate map says, pages stay pages, and nothing is fetched."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
from markupsafe import Markup
from small_campaign import HOSTILE, IMAGE

from platewise.report.figures import label
from platewise.report.html import embed_json, environment, write_page
from platewise.report.network_page import SCRIPTS

FETCHING = {"src", "srcset", "href", "data", "action", "poster", "background", "formaction", "xlink:href"}
ALLOWED_TAGS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "a",
        "header",
        "main",
        "footer",
        "section",
        "nav",
        "div",
        "span",
    ),
    *(
        "p",
        "h1",
        "h2",
        "h3",
        "ul",
        "ol",
        "li",
        "sup",
        "b",
        "small",
        "pre",
        "code",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
    ),
    *(
        "td",
        "figure",
        "figcaption",
        "img",
        "svg",
        "g",
        "rect",
        "path",
        "text",
        "details",
        "summary",
        "script",
        "noscript",
        "label",
        "input",
        "select",
        "option",
        "button",
        "canvas",
    ),
}


@pytest.fixture(params=["plate_page", "campaign_page", "segmentation_page", "network_page"])
def page(request):
    return request.getfixturevalue(request.param)


def test_nothing_comes_from_outside(page):
    for element in page.root.walk():
        for name in FETCHING & set(element.attributes):
            value = element.attributes[name]
            assert not value.startswith(("http:", "https:", "//", "javascript:", "file:", "/")), (element.tag, value)
        assert element.tag not in {"link", "iframe", "object", "embed", "base"}
    assert "@import" not in page.find("style")[0].text()
    assert "url(" not in page.find("style")[0].text()


def test_hostile_names_are_texts(page):
    assert {element.tag for element in page.root.walk()} <= ALLOWED_TAGS
    assert not [name for element in page.root.walk() for name in element.attributes if name.startswith("on")]
    embedded = " ".join(json.dumps(json.loads(raw(one)), ensure_ascii=False) for one in data_of(page))
    assert HOSTILE in page.root.text() or json.dumps(HOSTILE) in embedded
    assert HOSTILE not in page.source
    assert IMAGE not in page.source


def test_scripts_are_ours_and_the_policy_allows_no_other(page):
    policy = page.one("meta", **{"http-equiv": "Content-Security-Policy"}).attributes["content"]
    scripts = [script for script in page.find("script") if script.attributes.get("type") != "application/json"]
    hashes = [base64.b64encode(hashlib.sha256(raw(script).encode()).digest()).decode() for script in scripts]

    assert "default-src 'none'" in policy
    assert "connect-src" not in policy
    expected = " ".join(f"'sha256-{digest}'" for digest in hashes) or "'none'"
    assert f"script-src {expected};" in policy
    assert len(scripts) in (0, 2, len(SCRIPTS))


def data_of(page):
    return page.find("script", type="application/json")


def raw(script) -> str:
    (text,) = script.children
    return text


def test_figures_escape_names_for_plotly(campaign_page):
    texts = json.dumps(campaign_page.figures(), ensure_ascii=False)

    assert "<script" not in texts
    assert "<img" not in texts
    assert "&lt;script&gt;alert(" in texts
    assert "パクリタキセル" in texts
    assert label("a<b>&'\"") == "a&lt;b&gt;&amp;'\""


def test_plotly_offers_no_upload(campaign_page):
    own = raw(campaign_page.find("script")[-1])

    assert "modeBarButtons: [[" in own
    assert "sendDataToCloud" not in own


def test_what_turns_the_direction_of_writing_ends_with_its_text():
    template = environment().from_string("<b>{{ name }}</b> after {{ number }} {{ mark }}")
    turned = "\u202e<fdp>.exe"
    page = template.render(name=turned, number=3, mark=Markup("<i>\u2067x</i>"))

    assert page == "<b>\u2068\u202e&lt;fdp&gt;.exe\u2069</b> after 3 \u2068<i>\u2067x</i>\u2069"
    assert template.render(name="plain", number=3, mark="שלום") == "<b>plain</b> after 3 שלום"


def test_embedded_json_cannot_end_its_element():
    value = {"name": "</script><!--", "more": "& é"}
    text = embed_json(value)

    assert "<" not in text
    assert "&" not in text
    assert json.loads(str(text)) == value


def test_json_with_nan_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        embed_json({"x": float("nan")})


def test_every_template_escapes():
    templates = environment()
    assert templates.autoescape is True
    for name in templates.list_templates(extensions=["j2"]):
        source, _, _ = templates.loader.get_source(templates, name)
        assert "|safe" not in source.replace(" ", "")
        assert "autoescape" not in source


def test_a_failed_write_leaves_the_old_page(tmp_path, monkeypatch):
    target = tmp_path / "page.html"
    write_page("old", target)
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_page("new", target)

    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_pages_can_be_walked_without_sight(page):
    assert page.one("html").attributes["lang"] == "en"
    assert len(page.find("h1")) == 1
    assert all(image.attributes.get("alt") for image in page.find("img"))
    for table in page.find("table"):
        assert table.find("caption")
        assert all(cell.attributes.get("scope") for cell in table.find("th"))
    ids = [element.attributes["id"] for element in page.root.walk() if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    targets = [link.attributes["href"] for link in page.find("a") if link.attributes["href"].startswith("#")]
    assert {target[1:] for target in targets} <= set(ids)
