"""What a table says of itself without being read."""

import pandas as pd
import pytest

from platewise.errors import DataError
from platewise.tables import read_columns, read_provenance, write_table


def test_columns_and_provenance_are_read_alone(tmp_path):
    path = tmp_path / "table.parquet"
    write_table(pd.DataFrame({"b": [1], "a": [2.0]}), path, {"stage": "measure"})
    assert read_columns(path) == ["b", "a"]
    assert read_provenance(path)["stage"] == "measure"


@pytest.mark.parametrize("read", [read_columns, read_provenance])
def test_a_cut_table_is_an_error_that_names_it(tmp_path, read):
    path = tmp_path / "table.parquet"
    write_table(pd.DataFrame({"a": [1]}), path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"table\.parquet: cannot be read as Parquet .* Hint: "):
        read(path)
    with pytest.raises(DataError, match="none"):
        read(tmp_path / "none.parquet")
