"""What a table says of itself without being read."""

import pandas as pd
import pytest

from platewise.errors import DataError
from platewise.tables import read_columns, read_provenance, read_table, read_tables, write_table


def test_columns_and_provenance_are_read_alone(tmp_path):
    path = tmp_path / "table.parquet"
    write_table(pd.DataFrame({"b": [1], "a": [2.0]}), path, {"stage": "measure"})
    assert read_columns(path) == ["b", "a"]
    assert read_provenance(path)["stage"] == "measure"


def test_a_column_that_is_not_there_is_an_error_that_names_it(tmp_path):
    paths = [tmp_path / "first.parquet", tmp_path / "second.parquet"]
    write_table(pd.DataFrame({"a": [1], "b": [2.0]}), paths[0])
    write_table(pd.DataFrame({"b": [3.0]}), paths[1])
    assert list(read_table(paths[0], ["b"])) == ["b"]
    with pytest.raises(DataError, match=r"first\.parquet: no column c, d\. Hint: remove the file and run again"):
        read_table(paths[0], ["d", "a", "c"])
    with pytest.raises(DataError, match=r"second\.parquet: no column a\."):
        read_tables(paths, ["a", "b"])
    with pytest.raises(DataError, match=r"no column x0, x1, x2, x3, x4 and 3 more\."):
        read_table(paths[1], [f"x{number}" for number in range(8)])


@pytest.mark.parametrize("read", [read_columns, read_provenance])
def test_a_cut_table_is_an_error_that_names_it(tmp_path, read):
    path = tmp_path / "table.parquet"
    write_table(pd.DataFrame({"a": [1]}), path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"table\.parquet: cannot be read as Parquet .* Hint: "):
        read(path)
    with pytest.raises(DataError, match="none"):
        read(tmp_path / "none.parquet")
