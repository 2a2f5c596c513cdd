"""The small campaign that several tests run."""

import pytest
from project import CHANNELS


@pytest.fixture(scope="session")
def rendered(tmp_path_factory):
    """A rendered campaign of two plates of six wells; every worker renders the same."""
    from platewise.simulate.campaign import render_campaign

    folder = tmp_path_factory.mktemp("rendered") / "small"
    render_campaign("small", folder, seed=0)
    return folder


@pytest.fixture(scope="session")
def small_config(rendered):
    """The whole chain, with a network that is trained for a moment."""
    return {
        "campaign": "small",
        "plates": str(rendered / "plates.tsv"),
        "plate_format": 6,
        "metadata": {
            "key": "perturbation",
            "dose": "dose_um",
            "table": str(rendered / "metadata/external_metadata.tsv"),
            "moa": "moa",
            "control_type": "control_type",
        },
        "images": {"channels": CHANNELS, "pixel_size": 0.598},
        "segmentation": {"nuclei": {"engine": "classical"}},
        "blocks": {"wells_per_block": 3},
        "store": {"images": True},
        "embeddings": {"deep": {"kind": "weak", "epochs": 2, "steps_per_epoch": 4, "width": 8, "features": 16}},
        "correction": {
            "methods": {"none": {"method": "none"}, "sphering": {"method": "sphering", "when_refused": "leave"}},
            "preset": "sphering",
        },
        "evaluation": {"permutations": 50, "shuffles": 20, "bootstraps": 50},
    }
