"""A page as a reader of HTML sees it: elements, texts and tables."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "img", "link", "br", "hr", "input"}


@dataclass
class Element:
    """An element with its children; strings are texts."""

    tag: str
    attributes: dict[str, str]
    children: list = field(default_factory=list)

    def text(self) -> str:
        """Return all text below, blanks put together."""
        parts = [child if isinstance(child, str) else child.text() for child in self.children]
        return " ".join(" ".join(parts).split())

    def find(self, tag: str, **attributes: str) -> list[Element]:
        """Return the elements below with that tag and these attributes, in the order of the page."""
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        found = []
        for child in self.children:
            if isinstance(child, Element):
                if child.tag == tag and all(child.attributes.get(name) == value for name, value in wanted.items()):
                    found.append(child)
                found += child.find(tag, **attributes)
        return found

    def walk(self):
        """Yield every element below."""
        for child in self.children:
            if isinstance(child, Element):
                yield child
                yield from child.walk()


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("root", {})
        self.open = [self.root]

    def handle_starttag(self, tag, attrs):
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data):
        self.open[-1].children.append(data)


class Page:
    """A written page."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.source = path.read_text(encoding="utf-8")
        builder = _Builder()
        builder.feed(self.source)
        builder.close()
        assert [element.tag for element in builder.open] == ["root"], "elements are left open"
        self.root = builder.root

    def find(self, tag: str, **attributes: str) -> list[Element]:
        return self.root.find(tag, **attributes)

    def one(self, tag: str, **attributes: str) -> Element:
        found = self.find(tag, **attributes)
        assert len(found) == 1, f"{len(found)} x <{tag}> {attributes}"
        return found[0]

    def rows(self, caption: str) -> list[dict[str, str]]:
        """Return the body rows of the table whose caption starts so: header text to cell text."""
        tables = [table for table in self.find("table") if table.find("caption")[0].text().startswith(caption)]
        assert len(tables) == 1, f"{len(tables)} tables are called {caption!r}"
        names = [cell.text() for cell in tables[0].find("thead")[0].find("th")]
        rows = []
        for row in [row for body in tables[0].find("tbody") for row in body.find("tr")]:
            cells = [child.text() for child in row.children if isinstance(child, Element)]
            if len(cells) == len(names):
                rows.append(dict(zip(names, cells, strict=True)))
        return rows

    def figures(self) -> dict:
        """Return the plotly figures by the id of their element."""
        return json.loads(self.one("script", id="figures").text())
