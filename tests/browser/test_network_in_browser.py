"""The network's page as a person uses it: search, click, follow an address, ask why."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from urllib.parse import quote

import pytest
import small_tables as small
from browser import BROWSER, NO_BROWSER, add_script, browse
from small_tables import HOSTILE

from platewise.report.network_page import NetworkTables, report_network
from platewise.tables import write_table

pytestmark = pytest.mark.skipif(BROWSER is None, reason=NO_BROWSER)

# What a script of a test finds at the page: the texts of what is asked for.
HELPERS = """
"use strict";
const told = {};
const wait = () => new Promise((done) => setTimeout(done, 50));
const field = document.getElementById("search");
const heading = () => document.getElementById("shown").textContent;
const texts = (where) => [...document.querySelectorAll(where)].map((element) => element.textContent);
function type(text) { field.focus(); field.value = text; field.dispatchEvent(new Event("input")); }
function press(key) { field.dispatchEvent(new KeyboardEvent("keydown", { key, cancelable: true })); }
function point(kind, x, y) {
  const box = drawing.canvas.getBoundingClientRect();
  drawing.canvas.setPointerCapture = () => {};
  drawing.canvas.dispatchEvent(new PointerEvent(kind, { pointerId: 1, clientX: box.left + x, clientY: box.top + y }));
}
(async () => {
  await wait();
  try { %s } catch (error) { told.error = String(error); }
  const said = document.createElement("pre");
  said.id = "told";
  said.textContent = JSON.stringify(told);
  document.body.append(said);
})();
"""


def write_network(folder: Path, connected: bool = True, pages: tuple[str, ...] = ("P1",)) -> Path:
    """Write the page of the network of four, with more features that moved than its own tables have."""
    moved = small.movers()
    moved.loc[4, ["Effect", "QValue"]] = [-7.0, 0.001]
    moved.loc[len(moved)] = [HOSTILE, 0.5, small.DNA, -1.5, 0.7, 0.001, 0.01]
    told = small.treatments().assign(Moved=[2, 0, 2])
    network = {
        "nodes": small.nodes(),
        "edges": small.edges(int(connected)),
        "neighbours": small.neighbours(connected),
        "shortlist": small.shortlist(),
        "profiles": small.wells(),
        "activity": small.activity(),
        "treatments": told,
        "movers": moved,
    }
    facts = {"parameters": {"max_q": 0.05, "neighbours": 2, "doses": "mean", "include_negcon": True}}
    paths = {name: folder / f"{name}.parquet" for name in network}
    for name, table in network.items():
        write_table(table, paths[name], facts)
    kinds = {name: {"classical": paths.pop(name)} for name in ("treatments", "movers")}
    report_network(
        folder / "network.html",
        campaign="small <b>",
        preset=("classical", "none"),
        tables=NetworkTables(**paths, **kinds),
        max_nodes=100,
        channels=["DNA"],
        plate_pages=pages,
    )
    return folder / "network.html"


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    return write_network(tmp_path_factory.mktemp("network"))


@pytest.fixture
def act(page, tmp_path):
    """Let a script use the page; what it told, and the elements after it."""

    def run(script: str, fragment: str = "", of: Path = page) -> tuple[dict, str]:
        dom, said = browse(add_script(of, HELPERS % script, tmp_path / "used.html"), tmp_path / "profile", fragment)
        assert said == ""
        found = json.loads(html.unescape(re.search(r'<pre id="told">(.*?)</pre>', dom, re.DOTALL)[1]))
        assert "error" not in found, found
        return found, dom

    return run


def test_a_part_of_a_name_is_searched_with_the_keyboard(act):
    told, _ = act("""
        type("scr");
        told.options = texts("#suggestions li");
        told.open = field.getAttribute("aria-expanded");
        press("ArrowDown");
        told.active = document.getElementById(field.getAttribute("aria-activedescendant")).textContent;
        press("Enter");
        await wait();
        told.shown = heading();
        told.address = location.hash;
        told.field = field.value;
        told.after = field.getAttribute("aria-expanded");
    """)
    assert told["options"] == [f"{HOSTILE}actin|kinase"] == [told["active"]]
    assert (told["open"], told["after"]) == ("true", "false")
    assert told["shown"] == told["field"] == HOSTILE
    assert told["address"] == "#" + quote(HOSTILE, safe="()'!*~")


def test_a_part_of_a_mechanism_is_searched_and_escape_ends_it(act):
    told, _ = act("""
        type("KINASE");
        told.options = texts("#suggestions li").length;
        told.bright = drawing.matches.size;
        press("ArrowUp");
        told.active = field.getAttribute("aria-activedescendant");
        press("Escape");
        told.hidden = document.getElementById("suggestions").hidden;
        told.kept = field.value;
        press("Escape");
        told.emptied = field.value;
        told.matches = drawing.matches;
        type("no such thing");
        told.nothing = document.getElementById("found").textContent;
        told.shown = heading();
    """)
    assert (told["options"], told["bright"], told["active"]) == (2, 2, "suggestion-1")
    assert (told["hidden"], told["kept"], told["emptied"], told["matches"]) == (True, "KINASE", "", None)
    assert told["nothing"] == "No perturbation and no mechanism holds “no such thing”."
    assert told["shown"] == "No perturbation is chosen"


def test_an_address_opens_a_perturbation_and_its_neighbours_lead_on(act):
    told, _ = act(
        """
        told.first = heading();
        told.table = [...document.querySelectorAll("table")][0].innerText;
        document.querySelector("table tbody th a").click();
        await wait();
        told.second = heading();
        history.back();
        await wait();
        told.back = heading();
        """,
        "#a",
    )
    assert (told["first"], told["second"], told["back"]) == ("a", "γ", "a")
    rows = [re.split(r"\s*\t\s*", row) for row in told["table"].splitlines() if "why?" in row]
    assert len(rows) == 3
    assert rows[0][:2] == ["γ", "none"]
    assert rows[0][2:6] == ["0.950", "0.02", "0.06", "not told from chance"]
    assert "✓ yes" in rows[2][-2]


def test_a_hostile_name_is_text_wherever_it_stands(page, act):
    told, dom = act(
        """
        told.shown = heading();
        told.title = document.title;
        told.scripts = document.scripts.length;
        told.options = (type("script"), texts("#suggestions li"));
        """,
        "#" + quote(HOSTILE, safe=""),
    )
    assert told["shown"] == HOSTILE
    assert told["title"].startswith(HOSTILE)
    assert told["options"] == [f"{HOSTILE}actin|kinase"]
    # The page's own, the test's, and the data.
    assert told["scripts"] == page.read_text(encoding="utf-8").count("<script") + 1
    assert "<script>alert" not in dom


@pytest.mark.parametrize("fragment", ["#nobody", "#%E0%A4%A"])
def test_an_address_of_nobody_is_said(act, fragment):
    told, _ = act("told.shown = heading(); told.note = texts('#panel .note');", fragment)
    assert told["shown"] == "No perturbation is chosen"
    assert told["note"] == [f"The network has no perturbation “{fragment[1:]}”."]


def test_a_mark_of_the_drawing_is_drawn_and_can_be_clicked(act):
    told, _ = act("""
        const node = numberOf.get("γ");
        const [x, y] = drawing.place(node);
        const ratio = drawing.size[2];
        told.colour = [...drawing.canvas.getContext("2d").getImageData((x + 5) * ratio, y * ratio, 1, 1).data];
        point("pointermove", x + 2, y);
        told.tip = document.getElementById("tip").textContent;
        point("pointerdown", x + 2, y);
        point("pointerup", x + 2, y);
        await wait();
        told.shown = heading();
        const before = drawing.place(node);
        point("pointerdown", 20, 20);
        point("pointermove", 80, 50);
        point("pointerup", 80, 50);
        told.moved = drawing.place(node).map((value, place) => Math.round(value - before[place]));
        document.getElementById("zoom-in").click();
        told.zoom = drawing.view.zoom;
        document.getElementById("zoom-all").click();
        told.reset = drawing.view;
        told.still = heading();
        document.getElementById("zoom-near").click();
        const inside = ([x, y]) => x > 0 && y > 0 && x < drawing.size[0] && y < drawing.size[1];
        told.near = ["γ", "a", "DMSO"].map((name) => inside(drawing.place(numberOf.get(name))));
        told.middle = [0, 1].map((axis) => (drawing.place(node)[axis] + drawing.place(numberOf.get("a"))[axis]) / 2);
        told.centre = [drawing.size[0] / 2, drawing.size[1] / 2];
    """)
    assert told["colour"] != [255, 255, 255, 255]
    assert told["tip"] == "γ (no known mechanism)"
    assert told["shown"] == told["still"] == "γ"
    assert told["moved"] == [60, 30]
    assert told["near"] == [True, True, True]
    # γ lies at one end of what is shown and a at the other.
    assert told["middle"] == pytest.approx(told["centre"])
    assert (told["zoom"], told["reset"]) == (1.5, {"zoom": 1, "x": 0, "y": 0})


def test_why_two_are_alike_and_what_cannot_be_said(act):
    told, _ = act(
        """
        const why = (place) => document.querySelectorAll("#panel button")[place].click();
        const after = () => {
          const parts = [];
          let next = document.getElementById("pair").nextElementSibling;
          for (; next.tagName !== "H3"; next = next.nextElementSibling) parts.push(next.innerText);
          return [document.getElementById("pair").textContent, ...parts];
        };
        told.nothing = after();
        why(2);
        told.both = after();
        told.pressed = document.querySelectorAll("#panel button")[2].getAttribute("aria-pressed");
        told.focus = document.activeElement.id;
        """,
        "#a",
    )
    assert told["nothing"][0] == "What a and γ have in common"
    assert told["nothing"][-1] == (
        "Which features the two have in common cannot be said: γ has no wells with these features."
    )
    heading, _, _, counted, both, opposite, table = told["both"]
    assert heading == f"What a and {HOSTILE} have in common"
    assert counted == (
        "Of the 2 and 2 features that moved, 2 are the same: 1 moved in the same direction, 1 in opposite directions."
    )
    assert both == "Both: DNA dimmer in cells."
    assert opposite == f"Opposite: nuclei larger under a at 1, and the other way under {HOSTILE} at 0.5."
    rows = [re.split(r"\s*\t\s*", row) for row in table.splitlines()[-2:]]
    assert rows == [[small.DNA, "−3", "−1.5", "same"], [small.AREA, "+2.5", "−7", "opposite"]]
    assert (told["pressed"], told["focus"]) == ("true", "pair")


def test_facts_wells_and_what_cannot_be_known(act):
    told, _ = act(
        """
        const read = () => ({
          facts: texts("#panel dd"),
          cautions: texts("#panel .cautions li"),
          links: [...document.querySelectorAll("#panel td a")].map((link) => link.getAttribute("href")),
          wells: [...document.querySelectorAll("#panel table")].at(-1).innerText,
          words: document.getElementById("panel").innerText,
        });
        told.a = read();
        const doses = document.getElementById("dose");
        doses.value = doses.options[1].value;
        doses.dispatchEvent(new Event("change"));
        told.ten = read();
        location.hash = "#DMSO";
        await wait();
        told.control = read();
        location.hash = "#" + encodeURIComponent("γ");
        await wait();
        told.alone = read();
        """,
        "#a",
    )
    own = told["a"]
    assert own["facts"][:3] == [
        "kinase",
        "✓ active; ✓ replicates; ✓ more than its cell count",
        "number 1: active (q = 0.01)",
    ]
    assert (
        own["facts"][3] == "0.8 times those of the controls of its plates; the cell count explains 10 % of its profile"
    )
    assert own["facts"][5] == f"number 0 with 2 members (stable, found again with a Jaccard index of 0.875): {HOSTILE}"
    assert own["facts"][6] == "hub: holds its community together"
    assert own["cautions"] == ["Its 2 doses are one node (mean)."]
    # P2 has no page.
    assert [link for link in own["links"] if link.startswith("plates")] == ["plates/P1.html#wells"] * 2
    assert "3 wells; exemplars are most like the mean of all" in own["wells"]
    assert own["wells"].count("exemplar") == 3
    assert "2 of 900 features moved away from the controls (q < 0.05). In words: nuclei 1.6x larger." in own["words"]
    assert "one well: nothing can be sure. Nothing is sure; the largest effects are:" in told["ten"]["words"]
    assert "What moved under a at 10" in told["ten"]["words"]
    assert told["control"]["facts"][1:3] == ["not judged", "not judged"]
    assert told["control"]["cautions"] == [
        "A negative control: the shortlist, activity and features that moved say nothing of it.",
        "In one well position only, at each dose: what it does cannot be told from what the position does.",
    ]
    assert told["alone"]["cautions"] == [
        "No mechanism is annotated: whether a neighbour shares one cannot be said.",
        "In one well only: it cannot be told from its well.",
        "In one batch only: whether this holds in another is not known.",
    ]
    assert told["alone"]["facts"][1].startswith("✗ not shown to be active; replicates not compared")
    assert told["alone"]["facts"][5] == "on its own: connected with nothing"


def test_without_connections_neighbours_are_told_from_none(act, tmp_path):
    page = write_network(tmp_path, connected=False, pages=())
    told, dom = act(
        "told.words = document.getElementById('panel').innerText;"
        "told.rays = drawing.near().map((row) => row.connected);"
        "told.links = [...document.querySelectorAll('#panel td a')].length;",
        "#a",
        page,
    )
    assert "None of these 2 can be told from chance over all pairs (q < 0.05)" in told["words"]
    assert told["rays"] == [False, False]
    # A campaign without images has no pages of plates.
    assert told["links"] == 0
    assert "so there are no lines" in dom


def test_colours_by_community_and_the_legend(act):
    told, _ = act("""
        told.mechanisms = texts("#legend button");
        const colours = document.getElementById("colours");
        colours.value = "community";
        colours.dispatchEvent(new Event("change"));
        told.communities = texts("#legend button");
        document.querySelector("#legend button").click();
        told.bright = [...drawing.matches].map((node) => network.names[node]);
    """)
    assert told["mechanisms"] == ["actin|kinase (1)", "kinase (1)", "no known mechanism (2)"]
    assert told["communities"] == ["community 0 (2)", "on its own (2)"]
    assert told["bright"] == ["a", HOSTILE]


def test_names_of_objects_are_no_perturbations(act):
    told, _ = act("told.shown = heading(); told.known = numberOf.has('constructor');", "#constructor")
    assert told == {"shown": "No perturbation is chosen", "known": False}
