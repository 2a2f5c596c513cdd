"""Every mistake in a sheet is told with its place, the value, what is allowed and the remedy."""

import math
from pathlib import Path

import pytest

from platewise.config.blocks import BlocksConfig
from platewise.config.metadata import AnnotationConfig, MetadataConfig
from platewise.errors import ConfigError
from platewise.plan.plates import PlateRow, read_plate, read_plates

BLOCKS = BlocksConfig()
METADATA = MetadataConfig(key="compound", dose="dose", negcon=("DMSO",))


@pytest.fixture
def sheets(tmp_path):
    """A correct campaign of one plate, as a function that writes it with changes."""
    (tmp_path / "images").mkdir()

    def write(platemap="A01\tDMSO\t\nA02\taspirin\t1.5\n", row=None, header=None):
        (tmp_path / "map.txt").write_text("well_position\tcompound\tdose\n" + platemap)
        cells = {"plate": "P1", "batch": "b1", "reader": "phenix", "images": f"{tmp_path}/images"}
        cells |= {"platemap": f"{tmp_path}/map.txt"} | (row or {})
        sheet = tmp_path / "plates.tsv"
        sheet.write_text("\t".join(header or cells) + "\n" + "\t".join(cells.values()) + "\n")
        return str(sheet)

    return write


def read(sheet, metadata=METADATA, blocks=BLOCKS):
    problems = []
    plates = read_plates(sheet, 96, ["phenix"], metadata, blocks, problems)
    return plates, problems


def only_problem(sheet, **options):
    _, problems = read(sheet, **options)
    assert len(problems) == 1, problems
    return str(problems[0])


def test_a_correct_sheet(sheets):
    plates, problems = read(sheets())
    assert problems == []
    control, treated = plates["P1"].treatments
    assert (control.well, control.perturbation, control.control_type) == ("A01", "DMSO", "negcon")
    assert math.isnan(control.dose)
    assert (treated.well, treated.perturbation, treated.dose, treated.control_type) == ("A02", "aspirin", 1.5, "")


def test_a_row_goes_through_params_unchanged(sheets):
    row = read(sheets(row={"wells": "A02 a1", "fields_per_well": "3"}))[0]["P1"].row
    assert PlateRow.from_param(row.as_param()) == row
    assert row.wells == ("A01", "A02")
    assert [t.well for t in read_plate(row, METADATA).treatments] == ["A01", "A02"]


def test_only_the_imaged_wells_are_planned(sheets):
    plates, problems = read(sheets("A01\tDMSO\t\nA02\tx\t1\nA03\ty\t1\n", row={"wells": "A01 A03"}))
    assert problems == []
    assert [t.well for t in plates["P1"].treatments] == ["A01", "A03"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"platemap": "A01\tDMSO\t\nC99\tx\t1\n"},
            ["row 3, column well_position", "'C99'", "A01 to H12", "plate_format"],
        ),
        ({"platemap": "A01\tDMSO\t\nI01\tx\t1\n"}, ["row 3, column well_position", "'I01'", "A01 to H12"]),
        ({"platemap": "A01\tDMSO\t\nwell\tx\t1\n"}, ["row 3", "'well'", "such as A01"]),
        (
            {"platemap": "A01\tDMSO\t\na1\tx\t1\n"},
            ["row 3, column well_position", "A01 a second time", "each well once"],
        ),
        ({"platemap": "A01\tDMSO\t\nA02\tx\tlots\n"}, ["row 3, column dose", "'lots'", "a number from 0 up"]),
        ({"platemap": "A01\tDMSO\t\nA02\tx\t-1\n"}, ["row 3, column dose", "'-1'"]),
        ({"platemap": "A01\tDMSO\t\nA02\t\t1\n"}, ["row 3, column compound", "an empty cell", "metadata.empty"]),
        ({"platemap": "A01\tDMSO\t\nA02\tNull\t1\n"}, ["'Null', which reads as an empty cell", "such as GENE-Null"]),
        ({"platemap": "A01\tx\t1\nA02\ty\t1\n"}, ["no negative control", "metadata.negcon"]),
        ({"row": {"plate": "../P1"}}, ["row 2, column plate", "'../P1'", "letters, digits"]),
        ({"row": {"batch": ""}}, ["row 2, column batch", "''"]),
        ({"row": {"reader": "zeiss"}}, ["row 2, column reader", "'zeiss'", "phenix"]),
        ({"row": {"images": "/nowhere/at/all"}}, ["row 2, column images", "'/nowhere/at/all'", "a folder that exists"]),
        ({"row": {"platemap": "/nowhere.txt"}}, ["plate P1, column platemap", "'/nowhere.txt'", "a file that exists"]),
        ({"row": {"format": "95"}}, ["row 2, column format", "'95'", "96"]),
        ({"row": {"fields_per_well": "0"}}, ["row 2, column fields_per_well", "'0'"]),
        ({"row": {"wells": "A01 zz"}}, ["row 2, column wells", "'zz'"]),
        ({"row": {"wells": "A01 B07"}}, ["column wells", "B07", "map.txt lists"]),
        ({"row": {"images": "${PLATEWISE_NO_SUCH}/x"}}, ["column images", "PLATEWISE_NO_SUCH to be set", "export"]),
        ({"header": ["plate", "batch", "reader", "folder", "platemap"]}, ["header", "also images", "add the column"]),
    ],
)
def test_each_mistake_is_told(sheets, change, said):
    message = only_problem(sheets(**change))
    for part in said:
        assert part in message


@pytest.mark.parametrize(
    ("platemap", "said"),
    [
        ('A01\tDMSO\t\nA02\t"q\t\nA03\tz\t\n', "quotation mark"),
        ('A01\tDMSO\t\nA02\t"q\t\nA03\tz"\t\n', "quotation mark"),
        ("A01\tDMSO\t\nA02\tx\t1\t2\n", "row 3"),
        (
            "A01\tDMSO\t\nA02\tx\x00y\t\n",
            "a cell that runs over several, or a control character",
        ),
    ],
)
def test_a_stray_mark_swallows_no_row(sheets, platemap, said):
    assert said in "".join(map(str, read(sheets(platemap))[1]))


def test_windows_line_ends_a_mark_of_order_and_odd_letters(sheets, tmp_path):
    sheet = sheets()
    text = "well_position\tcompound\tdose\r\nA01\tDMSO\t\r\na2\tβ-x\u0085y\t1\r\n"
    (tmp_path / "map.txt").write_bytes(b"\xef\xbb\xbf" + text.encode())
    plates, problems = read(sheet)
    assert problems == []
    assert [(t.well, t.perturbation) for t in plates["P1"].treatments] == [("A01", "DMSO"), ("A02", "β-x\x85y")]


def test_a_column_that_stands_twice(sheets, tmp_path):
    sheet = sheets()
    (tmp_path / "map.txt").write_text("well_position\tcompound\tcompound\tdose\nA01\tDMSO\tx\t1\n")
    assert "'compound' twice" in "".join(map(str, read(sheet)[1]))


def test_a_plate_that_stands_twice(sheets, tmp_path):
    sheet = tmp_path / sheets()
    sheet.write_text(sheet.read_text() + sheet.read_text().splitlines()[1] + "\n")
    assert "'P1' a second time" in only_problem(str(sheet))


def test_a_sheet_that_is_not_there():
    assert "a file that exists" in only_problem("/nowhere/plates.tsv")


def test_a_sheet_without_plates(sheets, tmp_path):
    sheet = tmp_path / sheets()
    sheet.write_text(sheet.read_text().splitlines()[0] + "\n")
    assert "at least one row" in only_problem(str(sheet))


def test_all_mistakes_are_told_at_once(sheets):
    _, problems = read(sheets("A01\tDMSO\t\nC99\tx\t1\nA02\ty\tno\n", row={"wells": ""}))
    assert len(problems) == 2


def test_blocks_of_fields_need_the_number_of_fields(sheets):
    blocks = BlocksConfig(unit="field")
    assert "fields_per_well" in only_problem(sheets(), blocks=blocks)
    plates, problems = read(sheets(row={"fields_per_well": "2"}), blocks=blocks)
    assert problems == []
    assert list(plates["P1"].blocks) == ["A01-f01", "A01-f02", "A02-f01", "A02-f02"]
    assert plates["P1"].blocks["A02-f01"] == [("A02", 1)]


class TestCompoundTable:
    @pytest.fixture
    def metadata(self, tmp_path):
        def write(rows, **options):
            (tmp_path / "compounds.tsv").write_text("compound\tname\tmoa\tkind\n" + rows)
            columns = {"perturbation": "name", "moa": "moa", "control_type": "kind"}
            return MetadataConfig(key="compound", table=f"{tmp_path}/compounds.tsv", **columns, **options)

        return write

    def test_names_mechanisms_and_controls_come_from_it(self, sheets, metadata):
        table = metadata("d\tDMSO\tignored\tnegcon\nx\taspirin\tCOX inhibitor\tNA\np\tpoison\ta|b\tposcon_cp\n")
        plates, problems = read(sheets("A01\td\t\nA02\tx\t\nA03\tp\t\n"), metadata=table)
        assert problems == []
        found = [(t.perturbation, t.moa, t.control_type) for t in plates["P1"].treatments]
        assert found == [("DMSO", "", "negcon"), ("aspirin", "COX inhibitor", ""), ("poison", "a|b", "poscon")]

    def test_a_compound_that_it_lacks(self, sheets, metadata):
        message = only_problem(sheets("A01\td\t\nA02\tnew\t\n"), metadata=metadata("d\tDMSO\t\tnegcon\n"))
        for part in ("row 3, column compound", "'new'", "compounds.tsv", "add a row"):
            assert part in message

    def test_a_compound_with_two_rows_that_differ(self, sheets, metadata):
        table = metadata("d\tDMSO\t\tnegcon\nx\ta\tm\t\nx\tb\tm\t\n")
        assert "a second time with other values" in only_problem(sheets("A01\td\t\nA02\tx\t\n"), metadata=table)

    def test_an_empty_cell_can_mean_the_solvent(self, sheets, metadata):
        table = metadata("x\taspirin\tm\t\n", empty="DMSO", negcon=("DMSO",))
        plates, problems = read(sheets("A01\t\t\nA02\tx\t\n"), metadata=table)
        assert problems == []
        assert plates["P1"].treatments[0].perturbation == "DMSO"
        assert plates["P1"].treatments[0].control_type == "negcon"

    def test_a_further_table_gives_mechanisms(self, sheets, metadata, tmp_path):
        (tmp_path / "moa.csv").write_text("name,moa\naspirin,COX inhibitor\naspirin,analgesic\n")
        annotations = AnnotationConfig(table=f"{tmp_path}/moa.csv", key="name", moa="moa")
        table = metadata("d\tDMSO\t\tnegcon\nx\taspirin\t\t\n", annotations=annotations)
        plates, problems = read(sheets("A01\td\t\nA02\tx\t\n"), metadata=table)
        assert problems == []
        assert plates["P1"].treatments[1].moa == "COX inhibitor|analgesic"


def test_inside_a_job_mistakes_are_an_error(sheets, tmp_path):
    row = read(sheets())[0]["P1"].row
    (tmp_path / "map.txt").write_text("well_position\tcompound\tdose\n")
    with pytest.raises(ConfigError, match="no negative control"):
        read_plate(row, METADATA)


class TestSharedPlateMaps:
    """Replicate plates share a plate map."""

    @pytest.fixture
    def shared(self, sheets, tmp_path):
        def write(platemap, wells=("", "")):
            sheet = sheets(platemap, row={"wells": wells[0]})
            cells = ["P2", "b1", "phenix", f"{tmp_path}/images", f"{tmp_path}/map.txt", wells[1]]
            with Path(sheet).open("a") as handle:
                handle.write("\t".join(cells) + "\n")
            return sheet

        return write

    def test_it_is_read_once_and_shared(self, shared, monkeypatch):
        opened = []
        read_text = Path.read_text
        monkeypatch.setattr(
            Path, "read_text", lambda path, *a, **k: opened.append(path.name) or read_text(path, *a, **k)
        )
        plates, problems = read(shared("A01\tDMSO\t\nA02\tx\t1\n"))
        assert problems == []
        assert opened.count("map.txt") == 1
        assert plates["P1"].treatments is plates["P2"].treatments
        assert plates["P1"].blocks is plates["P2"].blocks

    def test_what_is_wrong_in_it_is_told_once(self, shared):
        _, problems = read(shared("A01\tDMSO\t\nA02\tx\tlots\n"))
        assert len(problems) == 1
        assert "'lots'" in str(problems[0])

    def test_plates_of_other_wells_are_told_of_the_map_once_and_of_their_wells_each(self, shared):
        platemap = "A01\tDMSO\t\nA02\tx\t1\nA03\ty\tlots\n"
        plates, problems = read(shared(platemap, wells=("A01 A02", "A01 A03")))
        assert [t.well for t in plates["P1"].treatments] == ["A01", "A02"]
        assert len(problems) == 1
        assert "'lots'" in str(problems[0])

    def test_an_unreadable_one_is_told_once(self, shared, tmp_path):
        sheet = shared("A01\tDMSO\t\n", wells=("", "A01"))
        (tmp_path / "map.txt").write_text("well\tcompound\n")
        _, problems = read(sheet)
        assert len(problems) == 1
        assert "also well_position, dose" in str(problems[0])
