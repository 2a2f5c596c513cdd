"""A rendered field is what its truth says it is."""

import numpy as np
import pytest
from scipy import ndimage as ndi

from platewise.simulate.compounds import Compound
from platewise.simulate.field import FieldRequest, render_field
from platewise.simulate.mechanisms import Mechanism
from platewise.simulate.optics import CAMERA_OFFSET, plate_optics
from platewise.simulate.stains import CHANNELS, DNA_PER_N

SIZE = 384


@pytest.fixture(scope="module")
def optics():
    return plate_optics(3, "batch1", "PW01001", SIZE)


def _request(well="B02", compound=None, dose=10.0, at_edge=False, expected=20.0):
    return FieldRequest(3, "PW01001", well, 1, compound, dose, 0.5, 0.5, at_edge, expected)


@pytest.fixture(scope="module")
def field(optics):
    return render_field(_request(), optics)


def _compound(moa, strength=1.0):
    return Compound("PW-0001", moa, strength, 1.0, 1.5, (0.0,) * len(Mechanism))


def test_images_are_sixteen_bit_counts_above_the_camera_offset(field):
    assert field.images.shape == (5, SIZE, SIZE)
    assert field.images.dtype == np.uint16
    assert field.images.min() > CAMERA_OFFSET - 50


def test_labels_are_paired_and_each_nucleus_lies_in_its_cell(field):
    numbers = np.arange(1, len(field.truth) + 1)
    np.testing.assert_array_equal(np.unique(field.nuclei)[1:], numbers)
    np.testing.assert_array_equal(np.unique(field.cells)[1:], numbers)
    inside = field.nuclei > 0
    np.testing.assert_array_equal(field.nuclei[inside], field.cells[inside])


def test_each_label_is_one_piece_unless_the_border_cuts_it(field):
    inner = field.truth.loc[~field.truth["Metadata_TouchesBorder"], "Metadata_ObjectNumber"]
    assert len(inner) > 5
    for number in inner:
        assert ndi.label(field.nuclei == number, np.ones((3, 3)))[1] == 1


def test_the_truth_table_measures_the_label_images(field):
    truth = field.truth.set_index("Metadata_ObjectNumber")
    for number in truth.index[:5]:
        rows, columns = np.nonzero(field.nuclei == number)
        assert truth.loc[number, "NucleusArea"] == len(rows)
        assert truth.loc[number, "NucleusY"] == pytest.approx(rows.mean())
        assert truth.loc[number, "NucleusX"] == pytest.approx(columns.mean())
        assert truth.loc[number, "CellArea"] == (field.cells == number).sum()
        row, column = np.nonzero(field.cells == number)
        at_border = {0, SIZE - 1} & {*row.tolist(), *column.tolist()}
        assert truth.loc[number, "Metadata_TouchesBorder"] == bool(at_border)


def test_nuclei_are_bright_in_dna_and_nucleoli_bright_in_rna(field):
    dna, rna = field.images[CHANNELS.index("DNA")].astype(float), field.images[CHANNELS.index("RNA")].astype(float)
    # Well inside and away from cells that have rounded up.
    flat = field.truth.loc[~field.truth["Phase"].isin(["M", "dying"]), "Metadata_ObjectNumber"]
    nuclear = np.isin(field.nuclei, flat)
    assert dna[nuclear].mean() > 5 * dna[field.cells == 0].mean()
    darker = []
    for number in flat:
        inner = ndi.binary_erosion(field.nuclei == number, iterations=4)
        if inner.sum() > 200:
            nucleolar = inner & (rna > np.quantile(rna[inner], 0.92))
            darker.append(dna[nucleolar].mean() / dna[inner].mean())
    assert len(darker) > 8
    assert np.median(darker) < 0.98


def _integrated(field, optics):
    """Return integrated DNA of each nucleus in N, with flat field, gain and background taken out."""
    index = CHANNELS.index("DNA")
    truth = field.truth
    flat = optics.flat[index]
    light = (field.images[index] - CAMERA_OFFSET) / flat
    light = light / truth["Gain_DNA"].iloc[0] - truth["Background_DNA"].iloc[0] / truth["Gain_DNA"].iloc[0]
    return ndi.sum(light, field.nuclei, truth["Metadata_ObjectNumber"]) / DNA_PER_N


def test_integrated_dna_is_the_content_up_to_blur(optics):
    aurora = _compound("Aurora kinase inhibitor")
    ratio, content = [], []
    for well in ("B02", "B03", "B04"):
        field = render_field(_request(well, aurora, 3.0), optics)
        apart = ~field.truth["Metadata_TouchesBorder"] & ~field.truth["Phase"].isin(["M", "dying"])
        measured = _integrated(field, optics)[apart.to_numpy()]
        stained = field.truth.loc[apart, "StainedDnaContent"].to_numpy()
        ratio.append(measured / stained)
        content.append(stained)
    ratio, content = np.concatenate(ratio), np.concatenate(content)
    assert content.max() > 7
    assert content.min() < 2.4
    # Stray light takes a few percent out of a nucleus, neighbours and cytoplasm put a few in.
    assert np.median(ratio) == pytest.approx(1.0, abs=0.08)
    assert np.corrcoef(ratio * content, content)[0, 1] > 0.97
    small, large = ratio[content < 2.5], ratio[content > 7]
    assert np.median(large) == pytest.approx(np.median(small), rel=0.1)


def test_the_same_request_gives_the_same_field_and_another_site_another(optics, field):
    again = render_field(_request(), optics)
    np.testing.assert_array_equal(again.images, field.images)
    np.testing.assert_array_equal(again.cells, field.cells)
    other = render_field(_request("B03"), optics)
    assert (other.images != field.images).mean() > 0.9


def test_an_inactive_compound_renders_the_control_field(optics, field):
    inactive = render_field(_request(compound=_compound("Aurora kinase inhibitor", strength=0.0)), optics)
    np.testing.assert_array_equal(inactive.images, field.images)
    assert set(inactive.truth["Metadata_Perturbation"]) == {"PW-0001"}


def test_edge_wells_hold_fewer_and_dimmer_cells(optics):
    inner = [render_field(_request(f"B{i:02d}"), optics) for i in range(2, 8)]
    edge = [render_field(_request(f"B{i:02d}", at_edge=True), optics) for i in range(2, 8)]
    assert sum(len(f.truth) for f in edge) < sum(len(f.truth) for f in inner)
    np.testing.assert_allclose(
        [f.truth["Gain_ER"].iloc[0] for f in edge],
        [f.truth["Gain_ER"].iloc[0] * (1 - optics.edge_loss / 3) for f in inner],
    )


def test_a_field_without_cells_has_empty_labels_and_an_empty_table(optics):
    empty = render_field(_request(expected=0.0), optics)
    assert len(empty.truth) == 0
    assert empty.nuclei.max() == empty.cells.max() == 0


def test_a_batch_effect_stretches_what_a_batch_shares_and_leaves_what_is_the_plates_own():
    none, once, twice = (plate_optics(3, "batch1", "PW01001", 64, effect) for effect in (0.0, 1.0, 2.0))
    for name in ("gain", "background", "blur"):
        logs = [np.log(getattr(optics, name)) for optics in (none, once, twice)]
        np.testing.assert_allclose(logs[2] - logs[0], 2 * (logs[1] - logs[0]), rtol=1e-9)
        assert np.ptp(logs[1] - logs[0]) > 0 or name == "blur"
    np.testing.assert_array_equal(once.slope, twice.slope)
    assert once.edge_loss == twice.edge_loss
