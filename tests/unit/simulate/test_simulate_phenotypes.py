"""Each mechanism moves the part of the cell it claims to, and more at a higher dose."""

import numpy as np
import pytest

from platewise.simulate.compounds import Compound, activity, effect, hill_response, make_library
from platewise.simulate.mechanisms import MOAS, Mechanism, direction
from platewise.simulate.noise import smooth_noise, splat, walk
from platewise.simulate.population import DYING, MITOTIC, POLYPLOID, sample_cells
from platewise.simulate.shapes import outline
from platewise.simulate.stains import CHANNELS, stain

M = Mechanism


def _cells(mechanism=None, amount=0.0, shape=(2000, 2000), expected=400, seed=5):
    vector = np.zeros(len(Mechanism))
    if mechanism is not None:
        vector[mechanism] = amount
    return sample_cells(shape, expected, vector, np.random.default_rng(seed))


def _share(cells, phase):
    return (cells.phase == phase).mean()


@pytest.mark.parametrize(
    ("mechanism", "measure", "sign"),
    [
        (M.CELL_COUNT, len, 1),
        (M.POLYPLOIDY, lambda cells: _share(cells, POLYPLOID), 1),
        (M.MITOTIC_ARREST, lambda cells: _share(cells, MITOTIC), 1),
        (M.DEATH, lambda cells: _share(cells, DYING), 1),
        (M.G1_ARREST, lambda cells: (cells.content == 2).mean(), 1),
        (M.G2_ARREST, lambda cells: (cells.content == 4).mean(), 1),
        (M.NUCLEAR_SIZE, lambda cells: np.median(cells.major * cells.minor), 1),
        (M.NUCLEAR_ELONGATION, lambda cells: np.median(cells.major / cells.minor), 1),
        (M.CELL_SIZE, lambda cells: np.median(cells.reach), 1),
        (M.CELL_ELONGATION, lambda cells: np.median(cells.stretch), 1),
    ],
)
def test_population_mechanisms_are_graded(mechanism, measure, sign):
    none, half, full = (measure(_cells(mechanism, amount)) for amount in (0.0, 0.5, 1.0))
    assert sign * none < sign * half < sign * full


def test_content_follows_phase():
    cells = _cells()
    assert set(cells.content[cells.phase == 0]) == {2.0}
    replicating = cells.content[cells.phase == 1]
    assert 2 <= replicating.min() < replicating.max() <= 4
    assert (cells.content[cells.phase == POLYPLOID] >= 4).all()


def test_larger_content_has_a_larger_nucleus():
    cells = _cells()
    area = np.pi * cells.major * cells.minor
    g1, g2 = area[cells.phase == 0], area[cells.phase == 2]
    assert np.median(g2) / np.median(g1) == pytest.approx(2**0.68, rel=0.1)


def test_cells_differ_in_how_they_respond():
    response = _cells(M.NUCLEAR_SIZE, 1.0).response
    assert response.mean() == pytest.approx(0.95, abs=0.1)
    assert response.std() > 0.25
    assert 0.02 < (response < 0.3).mean() < 0.2


def _light(mechanism=None, amount=0.0):
    """Return light, outlines and cells of one canvas: same places and shapes whatever the stain mechanism."""
    shape = (500, 500)
    cells = _cells(mechanism, amount, shape, 28)
    shapes = outline(cells, shape, np.random.default_rng(1))
    light = dict(zip(CHANNELS, stain(cells, shapes, np.random.default_rng(2)), strict=True))
    flat = ~cells.rounded[np.maximum(shapes.cells - 1, 0)]
    return light, shapes, (shapes.cells > 0) & flat & (shapes.nuclei == 0), (shapes.nuclei > 0) & flat


def _mean_outside(light, shapes, cytoplasm, channel, near):
    """Return the light far from the nucleus over that near it."""
    close = cytoplasm & (shapes.outside < near)
    far = cytoplasm & (shapes.outside > 2 * near)
    return light[channel][far].mean() / light[channel][close].mean()


def _roughness(image, mask):
    gradient = np.hypot(*np.gradient(image))
    return gradient[mask].mean() / image[mask].mean()


MEASURES = {
    M.CHROMATIN_TEXTURE: lambda light, shapes, cytoplasm, nuclear: light["DNA"][nuclear & (shapes.radial < 0.7)].std(),
    M.NUCLEOLAR_NUMBER: lambda light, shapes, cytoplasm, nuclear: light["RNA"][nuclear].std(),
    M.NUCLEOLAR_RNA: lambda light, shapes, cytoplasm, nuclear: np.quantile(light["RNA"][nuclear], 0.97),
    M.RNA_AMOUNT: lambda light, shapes, cytoplasm, nuclear: light["RNA"][cytoplasm].mean(),
    M.ER_AMOUNT: lambda light, shapes, cytoplasm, nuclear: light["ER"][cytoplasm].mean(),
    M.ER_SPREAD: lambda light, shapes, cytoplasm, nuclear: _mean_outside(light, shapes, cytoplasm, "ER", 8),
    M.VACUOLES: lambda light, shapes, cytoplasm, nuclear: _roughness(light["ER"], cytoplasm),
    M.MITO_AMOUNT: lambda light, shapes, cytoplasm, nuclear: light["Mito"][cytoplasm].mean(),
    M.MITO_SPREAD: lambda light, shapes, cytoplasm, nuclear: _mean_outside(light, shapes, cytoplasm, "Mito", 6),
    M.GOLGI_AMOUNT: lambda light, shapes, cytoplasm, nuclear: light["AGP"][cytoplasm & (shapes.outside < 8)].mean(),
    M.GOLGI_SPREAD: lambda light, shapes, cytoplasm, nuclear: _mean_outside(light, shapes, cytoplasm, "AGP", 6),
    M.ACTIN_FIBRES: lambda light, shapes, cytoplasm, nuclear: _roughness(
        light["AGP"], cytoplasm & (shapes.outside > 18)
    ),
    M.ACTIN_EDGE: lambda light, shapes, cytoplasm, nuclear: light["AGP"][cytoplasm & (shapes.edge < 3)].mean(),
}


@pytest.mark.parametrize("mechanism", MEASURES)
def test_stain_mechanisms_move_their_stain_both_ways(mechanism):
    low, none, high = (MEASURES[mechanism](*_light(mechanism, amount)) for amount in (-0.9, 0.0, 0.9))
    assert none < high
    # Vacuoles cannot be fewer than none.
    assert low < none or mechanism == M.VACUOLES


def test_shorter_mitochondria_are_rounder_spots():
    def rough(amount):
        light, shapes, cytoplasm, _ = _light(M.MITO_LENGTH, amount)
        image = light["Mito"]
        return _coherence(image, cytoplasm & (shapes.outside < 14))

    assert rough(-1.0) < rough(0.0) < rough(1.0)


def _coherence(image, mask):
    """Return how line-like an image is: the coherence of its structure tensor, weighted by its gradient."""
    from skimage.feature import structure_tensor, structure_tensor_eigenvalues

    large, small = structure_tensor_eigenvalues(structure_tensor(image, sigma=2.0))
    energy = large + small
    return ((large - small)[mask]).sum() / energy[mask].sum()


def test_lobed_nuclei_fill_less_of_their_hull():
    from skimage.measure import regionprops

    def solidity(amount):
        shape = (500, 500)
        cells = _cells(M.NUCLEAR_LOBES, amount, shape, 28)
        return np.mean([p.solidity for p in regionprops(outline(cells, shape, np.random.default_rng(1)).nuclei)])

    assert solidity(1.0) < solidity(0.0) - 0.02


def test_protrusions_make_cells_fill_less_of_their_hull():
    from skimage.measure import regionprops

    def solidity(amount):
        shape = (500, 500)
        cells = _cells(M.PROTRUSIONS, amount, shape, 12)
        return np.mean([p.solidity for p in regionprops(outline(cells, shape, np.random.default_rng(1)).cells)])

    assert solidity(1.0) < solidity(0.0) < solidity(-1.0)


def test_every_moa_moves_several_mechanisms_and_none_is_cell_count_alone():
    for name in MOAS:
        vector = direction(name)
        assert (np.abs(vector) > 0.1).sum() >= 4
        # The rest of the phenotype outweighs the loss of cells.
        assert np.linalg.norm(np.delete(vector, M.CELL_COUNT)) > 1.5 * abs(vector[M.CELL_COUNT])


def test_no_two_moas_point_the_same_way():
    vectors = np.stack([direction(name) / np.linalg.norm(direction(name)) for name in MOAS])
    cosine = vectors @ vectors.T
    assert np.abs(cosine[np.triu_indices(len(vectors), 1)]).max() < 0.75


def test_hill_response_is_half_at_the_ec50_and_grows_with_dose():
    assert hill_response(0.0, 1.0, 2.0) == 0
    assert hill_response(3.0, 3.0, 1.7) == pytest.approx(0.5)
    assert hill_response(2.0, 1.0, 2.0) == pytest.approx(0.8)


def test_effect_of_a_treatment_is_its_activity_along_moa_and_own_direction():
    own = tuple(0.01 * number for number in range(len(Mechanism)))
    compound = Compound("PW-0001", "HDAC inhibitor", 0.9, 2.0, 1.0, own)
    assert activity(compound, 2.0) == pytest.approx(0.45)
    np.testing.assert_allclose(effect(compound, 2.0), 0.45 * (direction("HDAC inhibitor") + own))
    np.testing.assert_array_equal(effect(None, 2.0), np.zeros(len(Mechanism)))


SIGNATURES = {
    "Aurora kinase inhibitor": lambda cells: (cells.content >= 8).mean(),
    "Tubulin polymerization inhibitor": lambda cells: _share(cells, MITOTIC),
    "HDAC inhibitor": lambda cells: np.median(cells.major * cells.minor),
    "Actin polymerization inhibitor": lambda cells: -np.median(cells.reach),
    "Proteasome inhibitor": lambda cells: _share(cells, DYING),
    "Topoisomerase inhibitor": lambda cells: (cells.content == 4).mean(),
    "CDK inhibitor": lambda cells: (cells.content == 2).mean(),
}


def _sample(vector, seed):
    return sample_cells((2400, 2400), 800, vector, np.random.default_rng(seed))


@pytest.mark.parametrize("moa", SIGNATURES)
def test_signature_of_a_moa_grows_with_dose(moa):
    compound = Compound("PW-0001", moa, 1.0, 1.0, 1.5, (0.0,) * len(Mechanism))

    def measured(dose):
        # Rare phases need thousands of cells: one untreated cell in seventy is dying.
        return np.mean([SIGNATURES[moa](_sample(effect(compound, dose), seed)) for seed in range(6)])

    assert measured(0.0) < measured(1.0) < measured(20.0)


def test_library_is_drawn_once_with_inactive_compounds_in_different_moas():
    moas = (("HDAC inhibitor", 3), ("mTOR inhibitor", 3), ("CDK inhibitor", 2))
    library = make_library(moas, 2, 7)
    assert library == make_library(moas, 2, 7)
    assert library != make_library(moas, 2, 8)
    assert len({compound.name for compound in library}) == 8
    assert sorted(c.moa for c in library if not c.active) == ["HDAC inhibitor", "mTOR inhibitor"]


def test_smooth_noise_is_standardised_and_smooth():
    field = smooth_noise((200, 150), 8.0, np.random.default_rng(0))
    assert field.shape == (200, 150)
    assert field.mean() == pytest.approx(0, abs=1e-4)
    assert field.std() == pytest.approx(1, abs=1e-4)
    assert np.corrcoef(field[:, 1:].ravel(), field[:, :-1].ravel())[0, 1] > 0.98


def test_splat_keeps_the_weight_and_stays_in_its_own_cell():
    labels = np.zeros((10, 10), int)
    labels[:, :5] = 1
    y, x, weight = np.array([2.25, 2.0, 4.0]), np.array([2.5, 7.0, 7.0]), np.array([4.0, 8.0, 16.0])
    image = splat((10, 10), y, x, weight, labels, np.array([1, 1, 0]))
    # The second point lies outside its cell; the third belongs to none and is drawn anywhere.
    assert image.sum() == pytest.approx(20.0)
    np.testing.assert_allclose(image[2:4, 2:4], [[1.5, 1.5], [0.5, 0.5]])
    assert image[4, 7] == 16


def test_walk_takes_unit_steps_of_the_given_number():
    ys, xs, line = walk(
        np.zeros(2), np.zeros(2), np.array([0.0, np.pi / 2]), np.array([3.0, 2.0]), 0.0, np.random.default_rng(0)
    )
    np.testing.assert_array_equal(line, [0, 0, 0, 1, 1])
    np.testing.assert_allclose(xs[:3], [1, 2, 3])
    np.testing.assert_allclose(ys[3:], [1, 2])
