import pandas as pd
import pytest

from platewise.compare.figures import features_figure


@pytest.mark.parametrize(
    ("correlations", "expected"), [([1.0, 1.0], (-0.03, 1.03)), ([0.9, -0.5, float("nan")], (-0.53, 1.03))]
)
def test_the_axis_of_correlations_ends_at_one(correlations, expected):
    table = pd.DataFrame({"Correlation": correlations}).assign(Feature="f", Group="g", Shift=0.0, Movement=0.0)
    assert features_figure(table)["layout"]["xaxis"]["range"] == pytest.approx(expected)
