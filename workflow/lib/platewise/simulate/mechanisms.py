"""What a compound can do to a cell, and which of it each mechanism of action (MOA) does.

An effect is a vector over :class:`Mechanism`; zero is an untreated cell and one is a strong effect that a cell
survives. A MOA is a direction in that space: several mechanisms at once, because real compounds that share a target
share a syndrome and not one feature.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Mechanism(IntEnum):
    """The axes along which a phenotype moves; the sign gives more or less of it."""

    CELL_COUNT = 0
    POLYPLOIDY = 1
    G1_ARREST = 2
    G2_ARREST = 3
    MITOTIC_ARREST = 4
    DEATH = 5
    NUCLEAR_SIZE = 6
    NUCLEAR_ELONGATION = 7
    NUCLEAR_LOBES = 8
    CHROMATIN_TEXTURE = 9
    NUCLEOLAR_NUMBER = 10
    NUCLEOLAR_RNA = 11
    RNA_AMOUNT = 12
    ER_AMOUNT = 13
    ER_SPREAD = 14
    VACUOLES = 15
    MITO_AMOUNT = 16
    MITO_SPREAD = 17
    MITO_LENGTH = 18
    GOLGI_AMOUNT = 19
    GOLGI_SPREAD = 20
    ACTIN_FIBRES = 21
    ACTIN_EDGE = 22
    CELL_SIZE = 23
    CELL_ELONGATION = 24
    PROTRUSIONS = 25


M = Mechanism  # short, for the tables of effects

MOAS: dict[str, dict[Mechanism, float]] = {
    # Cytokinesis fails, cells enter the next cycle with doubled DNA and lobed nuclei.
    "Aurora kinase inhibitor": {
        M.POLYPLOIDY: 1.0,
        M.NUCLEAR_LOBES: 0.8,
        M.CELL_SIZE: 0.6,
        M.NUCLEOLAR_NUMBER: 0.4,
        M.CELL_COUNT: -0.45,
    },
    # No spindle: cells round up in mitosis or slip out of it; Golgi and mitochondria lose their tracks.
    "Tubulin polymerization inhibitor": {
        M.MITOTIC_ARREST: 0.8,
        M.NUCLEAR_LOBES: 0.7,
        M.GOLGI_SPREAD: 0.9,
        M.MITO_SPREAD: -0.8,
        M.CELL_ELONGATION: -0.6,
        M.PROTRUSIONS: -0.6,
        M.DEATH: 0.3,
        M.CELL_COUNT: -0.4,
    },
    # Open chromatin, flat large nuclei, elongated cells full of stress fibres.
    "HDAC inhibitor": {
        M.NUCLEAR_SIZE: 0.7,
        M.CHROMATIN_TEXTURE: -0.8,
        M.CELL_SIZE: 0.5,
        M.CELL_ELONGATION: 0.9,
        M.ACTIN_FIBRES: 1.0,
        M.G1_ARREST: 0.4,
        M.CELL_COUNT: -0.35,
    },
    # Nucleoli shrink and merge, ribosomes are no longer made.
    "RNA polymerase I inhibitor": {
        M.NUCLEOLAR_NUMBER: -1.0,
        M.NUCLEOLAR_RNA: -0.9,
        M.RNA_AMOUNT: -0.6,
        M.NUCLEAR_SIZE: -0.25,
        M.CELL_COUNT: -0.2,
    },
    # Lost membrane potential: pale, fragmented mitochondria.
    "Mitochondrial uncoupler": {
        M.MITO_LENGTH: -1.0,
        M.MITO_AMOUNT: -0.6,
        M.MITO_SPREAD: 0.5,
        M.ER_AMOUNT: -0.2,
        M.CELL_COUNT: -0.15,
    },
    # The Golgi falls apart into the ER.
    "Golgi transport inhibitor": {
        M.GOLGI_SPREAD: 1.2,
        M.GOLGI_AMOUNT: -0.5,
        M.ER_AMOUNT: 0.4,
        M.ER_SPREAD: 0.7,
        M.CELL_COUNT: -0.2,
    },
    # Fibres dissolve, cells retract and leave thin arms behind.
    "Actin polymerization inhibitor": {
        M.ACTIN_FIBRES: -1.0,
        M.ACTIN_EDGE: 0.9,
        M.CELL_SIZE: -0.6,
        M.PROTRUSIONS: 1.1,
        M.NUCLEAR_SIZE: -0.2,
        M.CELL_COUNT: -0.15,
    },
    "Proteasome inhibitor": {
        M.DEATH: 0.7,
        M.VACUOLES: 0.6,
        M.ER_SPREAD: -0.5,
        M.NUCLEAR_SIZE: -0.35,
        M.RNA_AMOUNT: 0.35,
        M.CELL_COUNT: -0.5,
    },
    "Topoisomerase inhibitor": {
        M.G2_ARREST: 1.0,
        M.NUCLEAR_SIZE: 0.7,
        M.CHROMATIN_TEXTURE: 0.7,
        M.NUCLEOLAR_NUMBER: -0.6,
        M.CELL_SIZE: 0.4,
        M.CELL_COUNT: -0.45,
    },
    "CDK inhibitor": {
        M.G1_ARREST: 1.0,
        M.NUCLEOLAR_RNA: -0.5,
        M.NUCLEAR_SIZE: -0.2,
        M.ER_SPREAD: 0.5,
        M.ACTIN_EDGE: -0.5,
        M.CELL_COUNT: -0.45,
    },
    "mTOR inhibitor": {
        M.CELL_SIZE: -0.5,
        M.RNA_AMOUNT: -0.4,
        M.NUCLEOLAR_RNA: -0.3,
        M.MITO_LENGTH: 0.8,
        M.MITO_AMOUNT: 0.5,
        M.CELL_COUNT: -0.25,
    },
    "V-ATPase inhibitor": {
        M.VACUOLES: 1.1,
        M.GOLGI_AMOUNT: 0.7,
        M.GOLGI_SPREAD: 0.4,
        M.MITO_SPREAD: -0.3,
        M.CELL_COUNT: -0.2,
    },
}


def direction(moa: str) -> np.ndarray:
    """Return the effect of full strength of a MOA.

    Parameters
    ----------
    moa
        A key of ``MOAS``.

    Returns
    -------
    ndarray
        Float, shape (number of mechanisms,).

    Raises
    ------
    KeyError
        If the MOA is not known.
    """
    vector = np.zeros(len(Mechanism))
    for mechanism, amount in MOAS[moa].items():
        vector[mechanism] = amount
    return vector
