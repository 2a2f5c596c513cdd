"""Pages from templates: everything inside, everything escaped, nothing fetched."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from platewise.files import whole_file
from platewise.report import numbers

_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")


@functools.cache
def environment() -> Environment:
    """Return the templates of the package: autoescape always on, an undefined name is an error."""
    templates = Environment(
        loader=PackageLoader("platewise.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=keep_direction,
    )
    for name in ("count", "significant", "fixed", "p_value", "percent", "plural"):
        templates.filters[name] = getattr(numbers, name)
    return templates


def keep_direction(value: object) -> object:
    """Close in text that turns the direction of writing, lest it turn what follows it on the page.

    Names may hold such characters (U+202E makes ``fdp.exe`` of ``exe.pdf``); the isolate ends what they began.
    """
    if isinstance(value, str) and _TURNING.search(value):
        # Markup stays what it is: text is escaped after this.
        return type(value)("\u2068") + value + type(value)("\u2069")
    return value


def render_page(
    template: str,
    figures: Mapping[str, Mapping[str, Any]] | None = None,
    data: Mapping[str, Any] | None = None,
    scripts: Sequence[str] = (),
    **values: Any,
) -> str:
    """Render a template of the package to a page that loads nothing.

    Parameters
    ----------
    template
        Name in ``templates/``.
    figures
        Id of a ``<div>`` to the plotly figure (``data`` and ``layout``) drawn in it. With figures, plotly.js goes into
        the page, once.
    data, scripts
        What scripts of the page's own read (JSON in the element ``data``), and their names in ``templates/``.
    values
        What the template needs; strings are escaped on output.
    """
    embedded = {"figures": embed_json(figures)} if figures else {}
    if data is not None:
        embedded["data"] = embed_json(data)
    sources = [*(_scripts() if figures else []), *map(_source, scripts)]
    return (
        environment()
        .get_template(template)
        .render(
            style=Markup(_source("style.css")),  # noqa: S704 (our own file)
            policy=content_policy(sources),
            scripts=[Markup(script) for script in sources],  # noqa: S704 (plotly.js and our own files)
            embedded=embedded,
            **values,
        )
    )


def content_policy(scripts: list[str]) -> str:
    """Content Security Policy of a page: nothing from the network, and no script but ``scripts``, by their hash.

    A name that slipped through escaping could still not run.
    """
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes) or "'none'"
    return f"default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src {allowed}; base-uri 'none'"


def embed_json(value: Any) -> Markup:
    """Return ``value`` as JSON that can stand inside a ``<script>`` element: no ``<``, ``>`` or ``&`` in it."""
    text = json.dumps(value, allow_nan=False, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704


def write_page(page: str, target: str | Path) -> None:
    """Write a page whole or not at all."""
    with whole_file(target) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")


@functools.cache
def _scripts() -> list[str]:
    from plotly.offline import get_plotlyjs

    # The parser reads carriage returns as line feeds; the hash must be of what it reads.
    return [script.replace("\r\n", "\n").replace("\r", "\n") for script in (get_plotlyjs(), _source("figures.js"))]


def _source(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")
