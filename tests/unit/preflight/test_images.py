"""Images are looked at before any job: every name, and a sample of files or all of them."""

import numpy as np
import pytest
import tifffile

from platewise import inventory
from platewise.plan.campaign import load_campaign
from platewise.preflight.images import bad_share, check_plate, spread
from platewise.readers.images import read_header


def image_file(folder, well, site, channel):
    return folder / f"r{'ABCDEFGH'.index(well[0]) + 1:02d}c{int(well[1:]):02d}f{site:02d}p01-ch{channel}sk1fk1fl1.tiff"


def look(campaign, sample=None, plate="P1", limit=None):
    images = campaign.config.images
    if limit is not None:
        images = images.model_copy(update={"max_bad_fields": limit})
    return check_plate(campaign.plates[plate], images, sample, seed=0, threads=2)


def test_a_sound_plate(campaign):
    found = look(campaign)
    assert found.fields == {"A01-A03": 4, "B01-B03": 4}
    assert (found.read, found.bad, found.findings) == (8, {}, ())
    assert (found.height, found.width) == (40, 50)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:200]), "DNA: the file"),
        (lambda path: path.write_bytes(b""), "DNA: the file is empty"),
        (lambda path: tifffile.imwrite(path, np.zeros((40, 50), np.uint16)), "DNA: every pixel is 0"),
        (lambda path: tifffile.imwrite(path, np.ones((40, 51), np.uint16)), "DNA: 40 x 51 pixels where most"),
        (lambda path: path.unlink(), "DNA: no image of this channel was found"),
    ],
)
def test_each_kind_of_bad_image_is_named(campaign, tmp_path, damage, reason):
    damage(image_file(tmp_path / "P1", "B01", 2, 1))
    found = look(campaign)
    assert list(found.bad) == [("B01", 2)]
    assert found.bad["B01", 2].startswith(reason)
    (finding,) = found.findings
    assert not finding.stops
    assert "1 bad field(s) among all 8 looked at: B01 site 2 (DNA: " in str(finding)


def test_pixels_that_cannot_be_decoded_are_found(campaign, tmp_path):
    path = image_file(tmp_path / "P1", "A02", 1, 2)
    tifffile.imwrite(path, np.arange(2000, dtype=np.uint16).reshape(40, 50), compression="zlib")
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[0]
        offset, count = page.dataoffsets[0], page.databytecounts[0]
    content = bytearray(path.read_bytes())
    content[offset : offset + count] = b"\xff" * count
    path.write_bytes(content)
    assert "ER: the pixels cannot be read" in look(campaign).bad["A02", 1]


def test_too_many_bad_fields_stop_the_plate(campaign, tmp_path):
    for site in (1, 2):
        image_file(tmp_path / "P1", "A01", site, 1).unlink()
    found = look(campaign, limit=0.2)
    (finding,) = found.findings
    assert finding.stops
    assert "about 25% of the fields bad" in str(finding)
    assert "at most 20% (images.max_bad_fields)" in str(finding)
    assert not look(campaign, limit=0.25).findings[0].stops


def test_a_folder_without_images_stops_the_plate(campaign, tmp_path):
    for path in (tmp_path / "P1").iterdir():
        path.unlink()
    (finding,) = look(campaign).findings
    assert finding.stops
    # As the reader says it, and not wrapped a second time.
    assert str(finding).startswith(f"ERROR: {tmp_path / 'P1'}: found no image of an Opera Phenix")
    assert [str(finding).count(word) for word in ("found", "expected", "Hint: ")] == [1, 1, 1]
    assert look(campaign, plate="P2").findings == ()


def test_a_sample_reads_few_files_but_knows_all_names(campaign, tmp_path, monkeypatch):
    image_file(tmp_path / "P1", "B02", 2, 1).unlink()
    read = []
    monkeypatch.setattr(inventory, "read_header", lambda path: read.append(path) or read_header(path))
    found = look(campaign, sample=2)
    assert found.read == 2
    assert list(found.bad) == [("B02", 2)]
    # Two channels of the two fields drawn, and the channel that is left of the bad one.
    assert len(read) == 5
    assert "among 3 of 8 looked at" in str(found.findings[0])


def test_a_sample_is_spread_over_the_plate_and_repeats():
    fields = [(f"A{well:02d}", site) for well in range(1, 13) for site in (1, 2)]
    drawn = spread(fields, 6, seed=1)
    assert drawn == spread(fields, 6, seed=1)
    assert sorted(fields.index(at) // 4 for at in drawn) == [0, 1, 2, 3, 4, 5]
    assert spread(fields, 6, seed=2) != drawn
    assert spread(fields, None, seed=1) == set(fields) == spread(fields, 24, seed=1)


def test_the_share_of_bad_fields_is_estimated_from_names_and_sample():
    # 10 of 100 are missing; of 9 others read, 3 are bad: a third of the 90.
    assert bad_share(100, 10, 9, 3) == pytest.approx(0.4)
    assert bad_share(100, 10, 0, 0) == pytest.approx(0.1)
    assert bad_share(0, 0, 0, 0) == 0


def test_a_plate_imaged_field_by_field(raw):
    campaign = load_campaign(raw | {"blocks": {"unit": "field"}})
    assert look(campaign).fields == {
        f"{well}-f{site:02d}": 1 for well in ("A01", "A02", "B01", "B02") for site in (1, 2)
    }
