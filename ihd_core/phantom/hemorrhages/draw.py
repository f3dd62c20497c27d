"""Draw the hemorrhages of one head: one alone, or several as they occur together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ihd_core.labels import Label
from ihd_core.phantom.hemorrhages import subarachnoid, subdural
from ihd_core.phantom.hemorrhages.bleed import side_of
from ihd_core.phantom.hemorrhages.contusion import draw_contusion, draw_infarct_bleed, draw_petechiae
from ihd_core.phantom.hemorrhages.epidural import draw_epidural
from ihd_core.phantom.hemorrhages.intraparenchymal import DEEP, LOBAR, draw_hematoma, draw_intraparenchymal
from ihd_core.phantom.hemorrhages.intraventricular import (
    draw_cast,
    draw_intraventricular,
    draw_levels,
    draw_lump,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ihd_core.phantom.hemorrhages.bleed import Hemorrhage


def draw_hemorrhage(label: Label, rng: np.random.Generator, size: float = 1.0) -> Hemorrhage:
    """Draw a hemorrhage of one subtype.

    Args:
        label: a subtype, not ANY.
        rng: where the numbers come from.
        size: 1 is as clinical ones vary; above 1.2 it is acute, in the middle of the head and the larger the greater
            size is, where it must be seen.
    """
    if label is Label.INTRAPARENCHYMAL and size <= 1.2:
        kind = float(rng.random())
        if kind < 0.3:
            return draw_contusion(rng, side_of(rng))
        if kind < 0.4:
            return draw_petechiae(rng)
    draw: dict[Label, Callable[[np.random.Generator, float], Hemorrhage]] = {
        Label.EPIDURAL: draw_epidural,
        Label.SUBDURAL: subdural.draw_subdural,
        Label.SUBARACHNOID: subarachnoid.draw_subarachnoid,
        Label.INTRAPARENCHYMAL: draw_intraparenchymal,
        Label.INTRAVENTRICULAR: draw_intraventricular,
    }
    return draw[label](rng, size)


def draw_hemorrhages(rng: np.random.Generator) -> tuple[Hemorrhage, ...]:
    """Draw the hemorrhages of a bleeding head, at least one, several where they have one cause.

    Epidural and intraventricular ones are more frequent than in hospitals, so that a network meets enough of them.
    """
    pattern = _PATTERNS[int(rng.choice(len(_PATTERNS), p=_ODDS))]
    return tuple(pattern(rng))


def _epidural_trauma(rng: np.random.Generator) -> list[Hemorrhage]:
    """A blow: an epidural hemorrhage, and often more on the other side."""
    lesions: list[Hemorrhage] = [draw_epidural(rng)]
    if rng.random() < 0.16:
        lesions.append(draw_epidural(rng))
    side = side_of(rng)
    if rng.random() < 0.3:
        lesions.append(draw_contusion(rng, side))
    if rng.random() < 0.22:
        lesions.append(subdural.draw_crescent(rng, side, "acute", 0.7))
    if rng.random() < 0.3:
        lesions.append(subarachnoid.draw_sulcal(rng, side))
    if rng.random() < 0.25:
        lesions.append(draw_levels(rng))
    return lesions


def _subdural_trauma(rng: np.random.Generator) -> list[Hemorrhage]:
    """A fall: an acute subdural hemorrhage over one hemisphere, often on falx and tentorium too."""
    side = side_of(rng)
    age = str(rng.choice(["acute", "active", "layered"], p=[0.75, 0.2, 0.05]))
    lesions: list[Hemorrhage] = [subdural.draw_crescent(rng, side, age)]
    if rng.random() < 0.4:
        lesions.append(subdural.draw_falx(rng, side))
    if rng.random() < 0.35:
        lesions.append(subdural.draw_tentorial(rng, side))
    if rng.random() < 0.15:
        lesions.append(subdural.draw_crescent(rng, -side, "acute", 0.6))
    if rng.random() < 0.35:
        lesions.append(subarachnoid.draw_sulcal(rng, side))
    if rng.random() < 0.25:
        lesions.append(draw_contusion(rng, side_of(rng)))
    if rng.random() < 0.15:
        lesions.append(draw_levels(rng))
    return lesions


def _contusions(rng: np.random.Generator) -> list[Hemorrhage]:
    """A deceleration: contusions of several poles, blood in sulci and occipital horns."""
    lesions: list[Hemorrhage] = [draw_contusion(rng, side_of(rng)) for _ in range(int(rng.integers(1, 5)))]
    if rng.random() < 0.6:
        lesions.append(subarachnoid.draw_sulcal(rng, side_of(rng)))
    if rng.random() < 0.25:
        lesions.append(subarachnoid.draw_sylvian(rng, side_of(rng)))
    if rng.random() < 0.4:
        lesions.append(subdural.draw_subdural(rng, 0.7))
    if rng.random() < 0.3:
        lesions.append(draw_levels(rng))
    if rng.random() < 0.2:
        lesions.append(draw_petechiae(rng))
    return lesions


def _shear(rng: np.random.Generator) -> list[Hemorrhage]:
    lesions: list[Hemorrhage] = [draw_petechiae(rng)]
    if rng.random() < 0.4:
        lesions.append(draw_levels(rng))
    if rng.random() < 0.4:
        lesions.append(subarachnoid.draw_sulcal(rng, side_of(rng)))
    return lesions


def _hypertensive(rng: np.random.Generator) -> list[Hemorrhage]:
    """A clot in basal ganglia, thalamus, brain stem or cerebellum, which breaks into the ventricles."""
    side = side_of(rng)
    place = str(rng.choice([*DEEP, "pons", "cerebellum"]))
    clot = draw_hematoma(rng, place, side)
    lesions: list[Hemorrhage] = [clot]
    near = {"thalamus": 0.9, "caudate": 0.95, "cerebellum": 0.65, "pons": 0.5}.get(place, 0.6)
    if rng.random() < near * min(1.0, 0.6 + clot.volume_ml / 15):
        grade = float(np.clip(rng.beta(1.2, 1.4) * (0.6 + clot.volume_ml / 30), 0.1, 1))
        lesions.append(draw_cast(rng, side, grade) if rng.random() < 0.6 else draw_levels(rng))
    if rng.random() < 0.05:
        lesions.append(subarachnoid.draw_sulcal(rng, side))
    return lesions


def _aneurysm(rng: np.random.Generator) -> list[Hemorrhage]:
    side, grade = side_of(rng), float(rng.beta(1.6, 1.3))
    lesions: list[Hemorrhage] = [subarachnoid.draw_aneurysmal(rng, side, grade)]
    kind = float(rng.random())
    if kind < 0.4:
        lesions.append(draw_levels(rng))
    elif kind < 0.6:
        lesions.append(draw_cast(rng, side, grade))
    elif kind < 0.66:
        lesions.append(draw_lump(rng))
    if rng.random() < 0.16:
        lesions.append(draw_hematoma(rng, "rectus" if rng.random() < 0.5 else "temporal", side))
    if rng.random() < 0.05:
        lesions.append(subdural.draw_crescent(rng, side, "acute", 0.6))
    return lesions


def _perimesencephalic(rng: np.random.Generator) -> list[Hemorrhage]:
    lesions: list[Hemorrhage] = [subarachnoid.draw_perimesencephalic(rng)]
    if rng.random() < 0.2:
        lesions.append(draw_levels(rng))
    return lesions


def _lobar(rng: np.random.Generator) -> list[Hemorrhage]:
    """Amyloid: a clot in a lobe, often with blood in sulci beside it."""
    side = side_of(rng)
    place = str(rng.choice([*LOBAR, "callosum"], p=[0.26, 0.26, 0.22, 0.2, 0.06]))
    clot = draw_hematoma(rng, place, side)
    lesions: list[Hemorrhage] = [clot]
    if rng.random() < 0.35:
        beside = (clot.lobes[0][0][0] * 1.3, clot.lobes[0][0][1] * 1.2, clot.lobes[0][0][2] + 6)
        lesions.append(subarachnoid.draw_sulcal(rng, side, beside))
    if rng.random() < 0.12:
        lesions.append(draw_hematoma(rng, str(rng.choice(LOBAR)), side_of(rng), 0.5))
    if rng.random() < 0.22:
        lesions.append(draw_levels(rng) if rng.random() < 0.6 else draw_cast(rng, side, 0.4))
    if rng.random() < 0.1:
        lesions.append(subdural.draw_crescent(rng, side, "acute", 0.7))
    return lesions


def _old_subdural(rng: np.random.Generator) -> list[Hemorrhage]:
    """Chronic, mixed or layered, at both sides in every third head."""
    side = side_of(rng)
    ages = ["chronic", "mixed", "layered", "subacute"]
    odds = [0.35, 0.25, 0.2, 0.2]
    lesions: list[Hemorrhage] = [subdural.draw_crescent(rng, side, str(rng.choice(ages, p=odds)))]
    if rng.random() < 0.33:
        lesions.append(subdural.draw_crescent(rng, -side, str(rng.choice(ages, p=odds)), 0.8))
    return lesions


def _thin_subdural(rng: np.random.Generator) -> list[Hemorrhage]:
    """Only a thin one, beside the falx, on the tentorium or over the convexity."""
    kind, side = float(rng.random()), side_of(rng)
    if kind < 0.35:
        return [subdural.draw_falx(rng, side)]
    if kind < 0.65:
        return [subdural.draw_tentorial(rng, side)]
    return [subdural.draw_crescent(rng, side, "acute", 0.55)]


def _infarct(rng: np.random.Generator) -> list[Hemorrhage]:
    return [draw_infarct_bleed(rng, side_of(rng))]


def _ventricles_only(rng: np.random.Generator) -> list[Hemorrhage]:
    return [draw_intraventricular(rng)]


def _alone(rng: np.random.Generator) -> list[Hemorrhage]:
    """One of any subtype, mostly small."""
    labels = (
        Label.EPIDURAL,
        Label.SUBDURAL,
        Label.SUBARACHNOID,
        Label.INTRAPARENCHYMAL,
        Label.INTRAVENTRICULAR,
    )
    label = labels[int(rng.choice(5, p=[0.3, 0.1, 0.2, 0.15, 0.25]))]
    return [draw_hemorrhage(label, rng, float(rng.uniform(0.4, 1)))]


_PATTERNS: tuple[Callable[[np.random.Generator], list[Hemorrhage]], ...] = (
    _epidural_trauma,
    _subdural_trauma,
    _contusions,
    _shear,
    _hypertensive,
    _aneurysm,
    _perimesencephalic,
    _lobar,
    _old_subdural,
    _thin_subdural,
    _infarct,
    _ventricles_only,
    _alone,
)
_ODDS = (0.33, 0.05, 0.07, 0.02, 0.17, 0.14, 0.01, 0.05, 0.02, 0.02, 0.01, 0.07, 0.04)
