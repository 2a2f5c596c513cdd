"""Section ``table``: a campaign that starts from a table of well profiles instead of images."""

from __future__ import annotations

from pydantic import Field

from platewise.config.base import Section


class TableColumns(Section):
    """How the user's table spells what platewise calls plate, well, batch, perturbation, dose, MOA and control."""

    plate: str = Field("Metadata_Plate", description="Column with the plate's name.")
    well: str = Field("Metadata_Well", description="Column with the well, such as A01 or a1.")
    perturbation: str = Field(
        "Metadata_Perturbation", description="Column with what the well was given: a compound, gene or variant."
    )
    batch: str | None = Field(
        None, description="Column with the batch (week, run). Without it all plates are one batch."
    )
    dose: str | None = Field(None, description="Column with the dose, a number; empty for none.")
    moa: str | None = Field(None, description="Column with the mechanism of action; several are separated by `|`.")
    control_type: str | None = Field(
        None, description="Column with `negcon`, `poscon` or nothing. Without it, name the controls in `negcon`."
    )
    wild_type: str | None = Field(
        None,
        description="Column that names, for a well with a variant, the perturbation that is its wild type; empty for "
        "none. Or name a column of `metadata.table` in `metadata.wild_type`. Without either, no variants are scored.",
    )
    cell_count: str | None = Field(
        None,
        description="Column with the number of cells behind the profile. Without it nothing is scored by cell count.",
    )


class TableConfig(Section):
    """Tables of well profiles made elsewhere, one row a well."""

    paths: tuple[str, ...] = Field(
        min_length=1,
        description="Parquet (`.parquet`), CSV (`.csv`, `.csv.gz`) or TSV files, stacked; `${NAME}` is an environment "
        "variable. Names are taken from CSV and TSV as they are written: `007` is not `7`.",
    )
    columns: TableColumns = Field(default_factory=TableColumns, description="The names of the columns in these files.")
    negcon: tuple[str, ...] = Field((), description="Perturbations that are negative controls, such as DMSO.")
    poscon: tuple[str, ...] = Field((), description="Perturbations that are positive controls.")
    features: tuple[str, ...] = Field(
        ("Nuclei_*", "Cells_*", "Cytoplasm_*", "Deep_*"),
        min_length=1,
        description="Which columns are features, as patterns with `*`. A feature whose name does not "
        "begin with `Nuclei_`, "
        "`Cells_`, `Cytoplasm_` or `Deep_` is stored as `Deep_<name>`. Location, Center and Number never are.",
    )
    exclude: tuple[str, ...] = Field((), description="Features to leave out, as patterns with `*`.")
