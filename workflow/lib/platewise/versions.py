"""Versions of platewise and of the libraries that its numbers depend on."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from platewise import __version__

_LIBRARIES = (
    "snakemake",
    "numpy",
    "scipy",
    "scikit-image",
    "scikit-learn",
    "numba",
    "torch",
    "zarr",
    "dask",
    "pandas",
    "pyarrow",
    "anndata",
    "scanpy",
    "pycytominer",
    "copairs",
    "harmonypy",
)


def library_versions() -> dict[str, str]:
    """Return the version of platewise and of each library that is installed, by name."""
    found = {"platewise": __version__}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
