"""From wells to scores, a fixed campaign must give the same numbers unless ALGORITHMS of the stage is raised.

Run this file (`python tests/unit/evaluation/test_golden_profiles.py`) to write the golden numbers anew.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

GOLDEN = Path(__file__).parents[1] / "golden" / "profiles.json"
if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[3] / "workflow" / "lib"))

from platewise.algorithms import ALGORITHMS  # noqa: E402
from platewise.columns import feature_columns  # noqa: E402
from platewise.config.correction import SpheringCorrection  # noqa: E402
from platewise.config.evaluation import EvaluationConfig  # noqa: E402
from platewise.config.network import NetworkConfig  # noqa: E402
from platewise.config.profiles import NormaliseConfig, SelectConfig  # noqa: E402
from platewise.correction.correct import correct  # noqa: E402
from platewise.evaluation.batches import score_batches  # noqa: E402
from platewise.evaluation.evaluate import evaluate  # noqa: E402
from platewise.network.build import build_network  # noqa: E402
from platewise.profiles.consensus import consensus  # noqa: E402
from platewise.profiles.frame import is_negcon, split_profiles  # noqa: E402
from platewise.profiles.normalise import fit_campaign_scale, normalise_plate  # noqa: E402
from platewise.profiles.select import apply_selection, choose_features  # noqa: E402

STAGES = ("profiles", "correction", "network", "evaluation")
REWRITE = "python tests/unit/evaluation/test_golden_profiles.py"


def golden_wells() -> list[pd.DataFrame]:
    """Four plates of two batches with 6 controls, 8 drugs of 4 mechanisms, 12 features and 2 copies of them."""
    rng = np.random.default_rng(5)
    directions, plates = rng.normal(size=(4, 12)), []
    for plate in range(4):
        drug = np.array([-1] * 6 + list(range(8)))
        values = rng.normal(size=(14, 12)) + 3 * directions[drug % 4] * (drug >= 0)[:, None] + plate // 2
        values = np.hstack([values, values[:, :2] * 2 + 0.01 * rng.normal(size=(14, 2))])
        table = pd.DataFrame(
            {
                "Metadata_Plate": f"P{plate}",
                "Metadata_Well": [f"A{well + 1:02d}" for well in rng.permutation(14)],
                "Metadata_Batch": f"B{plate // 2}",
                "Metadata_Perturbation": [f"drug{number}" if number >= 0 else "DMSO" for number in drug],
                "Metadata_Dose": np.nan,
                "Metadata_MOA": [f"moa{number % 4}" if number >= 0 else "" for number in drug],
                "Metadata_ControlType": ["" if number >= 0 else "negcon" for number in drug],
                "Metadata_CellCount": rng.integers(50, 150, 14),
            }
        )
        plates.append(pd.concat([table, pd.DataFrame(values, columns=[f"Cells_X_{i}" for i in range(14)])], axis=1))
    return plates


def golden_results() -> dict[str, dict[str, list[float]]]:
    wells = golden_wells()
    controls = [split_profiles(table)[1][is_negcon(table)] for table in wells]
    scale = fit_campaign_scale(controls, NormaliseConfig())
    normalised = pd.concat([normalise_plate(table, scale, NormaliseConfig()) for table in wells], ignore_index=True)
    plates = {plate: rows.__getitem__ for plate, rows in normalised.groupby("Metadata_Plate")}
    selected = apply_selection(normalised, choose_features(plates, feature_columns(normalised.columns), SelectConfig()))
    corrected, chosen = correct(selected, SpheringCorrection())
    treatments = consensus(corrected, "median")
    config = EvaluationConfig(permutations=100, shuffles=20, bootstraps=50, null_size=200)
    network = build_network(split_profiles(corrected), split_profiles(treatments), NetworkConfig(shuffles=50), "median")
    scores, curve = evaluate(corrected, treatments, config, NetworkConfig(), "classical", "sphering")
    batches = score_batches(corrected, treatments, config, NetworkConfig(), "classical", "sphering")
    return {
        "profiles": {
            "prior_controls": [scale.prior_controls],
            "selected": split_profiles(selected)[1][::7].ravel().tolist(),
        },
        "correction": {
            "shrinkage": [chosen.facts["shrinkage"]],
            "corrected": split_profiles(corrected)[1][::7].ravel().tolist(),
        },
        "network": {
            "similarity": network.edges["Similarity"].tolist(),
            "q": network.edges["QValue"].tolist(),
            "community": network.nodes["Community"].tolist(),
        },
        "evaluation": {
            "values": scores["Value"].tolist(),
            "p": scores["PValue"].tolist(),
            "low": scores["Low"].tolist(),
            "odds": curve["OddsRatio"].tolist(),
            "batches": batches["Value"].tolist(),
        },
    }


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, list[float]]]:
    return golden_results()


@pytest.mark.parametrize("stage", STAGES)
def test_results_have_not_changed(stage: str, found: dict[str, dict[str, list[float]]]) -> None:
    golden = json.loads(GOLDEN.read_text())
    if golden["algorithms"][stage] != ALGORITHMS[stage]:
        pytest.fail(f"ALGORITHMS[{stage!r}] was raised: write the golden numbers anew with `{REWRITE}`")
    for name, values in golden["results"][stage].items():
        expected = np.array([np.nan if value is None else value for value in values], dtype=float)
        same = len(found[stage][name]) == len(expected) and np.allclose(
            found[stage][name], expected, rtol=1e-4, atol=1e-6, equal_nan=True
        )
        if not same:
            pytest.fail(
                f"{stage}: {name} changed. If this is on purpose, raise ALGORITHMS[{stage!r}] in "
                f"platewise/algorithms.py and write the golden numbers anew with `{REWRITE}`"
            )


def rounded(value: float) -> float | None:
    return None if np.isnan(value) else float(f"{value:.6g}")


if __name__ == "__main__":
    results = {
        stage: {name: [rounded(value) for value in values] for name, values in parts.items()}
        for stage, parts in golden_results().items()
    }
    algorithms = {stage: ALGORITHMS[stage] for stage in STAGES}
    GOLDEN.write_text(json.dumps({"algorithms": algorithms, "results": results}, indent=1) + "\n")
