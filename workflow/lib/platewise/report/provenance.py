"""Where the numbers of a page come from: the versions, parameters and digests stored inside each table."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from platewise.tables import read_provenance


@dataclass(frozen=True)
class Source:
    """A file behind the page."""

    name: str
    digest: str
    facts: str


def sources(paths: Iterable[str | Path], root: str | Path) -> list[Source]:
    """Describe tables: name under ``root``, first 16 digits of their SHA-256, what they store of themselves."""
    return [_source(Path(path), Path(root)) for path in dict.fromkeys(map(str, paths))]


def _source(path: Path, root: Path) -> Source:
    resolved, base = path.resolve(), root.resolve()
    # A file elsewhere is named by its last part alone: the page shows no folders of the machine it was made on.
    name = resolved.relative_to(base).as_posix() if resolved.is_relative_to(base) else path.name
    with path.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()[:16]
    facts = read_provenance(path)
    return Source(name, digest, json.dumps(facts, sort_keys=True, ensure_ascii=False) if facts else "none stored")


def as_yaml(config: Mapping[str, Any]) -> str:
    """Return the config as YAML, keys in their order."""
    plain = json.loads(json.dumps(config, default=str))
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=110)
