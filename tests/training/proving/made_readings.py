"""Readings of phantoms whose truth and probabilities are chosen."""

import numpy as np

from ihd_core.labels import LABELS, SUBTYPES, Label
from ihd_core.phantom.lesion_record import LesionRecord
from training.proving.detector import SCORES
from training.proving.held_out import FIRST_SEED
from training.proving.readings import Reading, areas


def made_readings(scans=40, slices=8, *, seed=0, noise=1.0):
    """Half of the scans bleed on some slices; probabilities are right but for noise."""
    rng = np.random.default_rng(seed)
    return [_reading(rng, number, slices, noise, bleeds=number % 2 == 0) for number in range(scans)]


def _reading(rng, number, slices, noise, *, bleeds):
    truth, faint = np.zeros((slices, len(LABELS)), bool), np.zeros((slices, len(LABELS)), bool)
    lesions = []
    for label in SUBTYPES if bleeds else ():
        for index in np.flatnonzero(rng.random(slices) < 0.25).tolist():
            area = float(rng.uniform(10, 400))
            (truth if area >= 50 else faint)[index, label.column] = True
            facts = (float(rng.normal(20, 15)), float(rng.uniform(1, 25)), float(rng.uniform(0.2, 50)))
            lesions.append(LesionRecord(label, index, area, *facts))
    truth[:, Label.ANY.column] = truth.any(axis=1)
    faint[:, Label.ANY.column] = faint.any(axis=1) & ~truth[:, Label.ANY.column]
    logits = 2.0 * truth - 1 + rng.normal(0, noise, truth.shape)
    p = (1 / (1 + np.exp(-logits))).astype(np.float32)
    return Reading(
        FIRST_SEED + number,
        p,
        p.max(axis=0),
        truth,
        faint,
        areas(lesions, slices),
        rng.uniform(0, 300, (slices, len(SCORES))),
        tuple(lesions),
        (),
    )
