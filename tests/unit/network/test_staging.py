import numpy as np
import pandas as pd
import pytest

from platewise.errors import DataError
from platewise.network import staging
from platewise.network.staging import stage_profiles


@pytest.fixture
def table() -> pd.DataFrame:
    values = np.random.default_rng(0).normal(size=(23, 3)).astype(np.float32)
    features = pd.DataFrame(values, columns=["Cells_A", "Cells_B", "Cells_C"])
    return features.assign(Metadata_Well=[f"A{well:02d}" for well in range(23)])


@pytest.mark.parametrize("row_group", [1, 3, 5, 23])
@pytest.mark.parametrize("rows", [1, 4, 100])
def test_profiles_on_disk_are_those_of_the_table(table, row_group, rows, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(staging, "_ROWS", rows)
    table.to_parquet(tmp_path / "wells.parquet", row_group_size=row_group)
    metadata, values, features = stage_profiles(tmp_path / "wells.parquet", tmp_path)
    assert features == ["Cells_A", "Cells_B", "Cells_C"]
    assert metadata["Metadata_Well"].tolist() == table["Metadata_Well"].tolist()
    assert values.tolist() == table[features].to_numpy().tolist()


def test_a_table_without_rows_is_an_empty_array(table, tmp_path) -> None:
    table.head(0).to_parquet(tmp_path / "wells.parquet")
    assert stage_profiles(tmp_path / "wells.parquet", tmp_path)[1].shape == (0, 3)


def test_what_is_no_table_is_named(tmp_path) -> None:
    (tmp_path / "wells.parquet").write_bytes(b"not a table")
    with pytest.raises(DataError, match=r"wells.parquet: cannot be read as Parquet .* Hint: remove the file"):
        stage_profiles(tmp_path / "wells.parquet", tmp_path)
