"""Whole studies as hospitals of several countries send them, and the order in which a radiologist looks at them."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.dicom.geometry import Stack, stack

if TYPE_CHECKING:
    from ihd_core.dicom.headers import Header

ORIGINAL, MPR = ("ORIGINAL", "PRIMARY", "AXIAL"), ("DERIVED", "SECONDARY", "MPR")
MIP = ("DERIVED", "SECONDARY", "MIP")

AXES = {
    "axial": ((1, 0, 0), (0, 1, 0)),
    "coronal": ((1, 0, 0), (0, 0, -1)),
    "sagittal": ((0, 1, 0), (0, 0, -1)),
}


@dataclass(frozen=True)
class Given:
    """One series as its headers tell of it; field is the field of view, images the images of every place."""

    description: str = ""
    kernel: str = ""
    mm: float = 5.0
    slices: int = 30
    gap: float = 0.0
    field: float = 240.0
    plane: str = "axial"
    body: str = "HEAD"
    agent: str = ""
    image_type: tuple[str, ...] = ORIGINAL
    images: int = 1
    scanner: str = "SIEMENS"
    study: str = ""
    matrix: int = 512
    tilt: float = 0.0


def stack_of(header: Header, given: Given) -> Stack:
    """The stack that such headers make; the header is any that is valid, for what is not given."""
    row, column = (np.array(axis, float) for axis in AXES[given.plane])
    angle = np.radians(given.tilt)
    column = column * np.cos(angle) + np.array([0, 0, -1.0]) * np.sin(angle) if given.tilt else column
    along = np.abs(np.cross(row, column)) if not given.tilt else np.array([0, 0, 1.0])
    details = replace(
        header.details,
        series_description=given.description,
        study_description=given.study,
        kernel=given.kernel,
        thickness_mm=given.mm,
        contrast_agent=given.agent,
        scanner=given.scanner,
    )
    shared = replace(
        header,
        rows=given.matrix,
        columns=given.matrix,
        pixel_mm=(given.field / given.matrix,) * 2,
        orientation=(*row, *column),
        image_type=given.image_type,
        body_part=given.body,
        details=details,
    )

    def at(height: float, number: int) -> Header:
        one = copy(shared)
        for name, value in (("position", tuple(along * height)), ("sop_uid", f"1.2.3.{number}")):
            object.__setattr__(one, name, value)  # replace() takes ten times as long
        return one

    heights = [i * (given.gap or given.mm) for i in range(given.slices) for _ in range(given.images)]
    return stack([at(height, number) for number, height in enumerate(heights)])


def wordless(given: Given) -> Given:
    return replace(given, description="", body="", study="")


def kernelless(given: Given) -> Given:
    return replace(given, kernel="")


@dataclass(frozen=True)
class Study:
    """Series by a short name, and groups of names from best to worst, each better than all that follow.

    Attributes:
        blind: which of them may come first when nothing but geometry and kernel is known.
    """

    name: str
    series: dict[str, Given]
    order: tuple[str, ...]
    blind: str = ""


GE, PHILIPS, TOSHIBA, CANON, UIH = "GE MEDICAL SYSTEMS", "Philips", "TOSHIBA", "CANON_MEC", "UIH"

STUDIES = (
    Study(
        "trauma with cervical spine, German",
        {
            "brain": Given("Schädel nativ 5.0 H31s", "H31s"),
            "thin": Given("Schädel nativ 1.0 H31s", "H31s", 1, 215, 0.7),
            "bone": Given("Schädel Knochen 1.0 H60s", "H60s", 1, 215, 0.7),
            "cor": Given("Schädel cor 3.0", "H31s", 3, 60, plane="coronal", image_type=MPR),
            "sag": Given("Schädel sag 3.0", "H31s", 3, 55, plane="sagittal", image_type=MPR),
            "spine": Given("HWS nativ 2.0 B31s", "B31s", 2, 110, field=150, body="CSPINE"),
            "spine bone": Given("HWS Knochen 2.0 B60s", "B60s", 2, 110, field=150, body="CSPINE"),
            "spine sag": Given(
                "HWS sag 2.0", "B60s", 2, 40, field=200, plane="sagittal", image_type=MPR, body="CSPINE"
            ),
        },
        ("brain", "thin", "bone", "spine", "spine bone", "cor sag spine sag"),
    ),
    Study(
        "stroke with angiography and perfusion, English",
        {
            "brain": Given("NON CON HEAD 5MM", "STANDARD", scanner=GE),
            "thin": Given("AX THIN 0.625", "STANDARD", 0.625, 260, scanner=GE),
            "bone": Given("BONE HEAD", "BONEPLUS", 1.25, 130, scanner=GE),
            "cta": Given("CTA HEAD NECK", "STANDARD", 0.625, 560, agent="OMNIPAQUE 350", scanner=GE),
            "mip": Given("AX MIP 10X3", "STANDARD", 10, 110, 3, agent="OMNIPAQUE 350", image_type=MIP, scanner=GE),
            "perfusion": Given("CTP 5MM", "STANDARD", 5, 16, agent="OMNIPAQUE 350", images=25, scanner=GE),
            "bolus": Given("SmartPrep Series", "STANDARD", 5, 1, agent="OMNIPAQUE 350", images=14, scanner=GE),
        },
        ("brain", "thin", "bone", "cta", "mip", "perfusion", "bolus"),
    ),
    Study(
        "stroke, tags of contrast in every series, German",
        {
            "brain": Given("Kopf nativ 4.0 J40s", "J40s 3", 4, 36, agent="Ultravist"),
            "cta": Given("CTA Kopf-Hals 0.75 I26f", "I26f 3", 0.75, 700, 0.5, agent="Ultravist"),
            "late": Given("Kopf nach KM 4.0", "J40s 3", 4, 36, agent="Ultravist"),
            "perfusion": Given("Perfusion 10.0 H20f", "H20f", 10, 10, agent="Ultravist", images=30),
        },
        ("brain", "late", "cta", "perfusion"),
        blind="brain late",
    ),
    Study(
        "polytrauma, French",
        {
            "brain": Given("CRANE SANS IV", "UB", 4, 40, field=230, scanner=PHILIPS, body=""),
            "bone": Given("CRANE OS", "D", 0.9, 200, 0.8, field=230, scanner=PHILIPS, body=""),
            "spine": Given("RACHIS CERVICAL", "B", 2, 120, field=160, scanner=PHILIPS, body=""),
            "trunk": Given("TAP ARTERIEL", "B", 2, 340, field=420, agent="Xenetix 350", scanner=PHILIPS, body=""),
            "lung": Given("TAP POUMON", "L", 1, 700, field=420, agent="Xenetix 350", scanner=PHILIPS, body=""),
            "pelvis": Given("BASSIN OS", "D", 1, 280, field=420, scanner=PHILIPS, body=""),
        },
        ("brain", "bone", "spine", "trunk", "lung"),
    ),
    Study(
        "sinuses alone, German",
        {
            "soft": Given("NNH axial 3.0 H30s", "H30s", 3, 35, field=150),
            "bone": Given("NNH axial 0.75 H60s", "H60s", 0.75, 160, field=150),
            "cor": Given("NNH cor 2.0 H60s", "H60s", 2, 60, field=150, plane="coronal", image_type=MPR),
        },
        ("soft", "bone", "cor"),
    ),
    Study(
        "follow-up after surgery, Spanish",
        {
            "brain": Given("CRANEO SIMPLE", "FC64", scanner=TOSHIBA),
            "contrast": Given("CRANEO CON CONTRASTE", "FC64", agent="IOPAMIDOL", scanner=TOSHIBA),
            "bone": Given("CRANEO HUESO", "FC30", 1, 160, scanner=TOSHIBA),
            "thin": Given("CRANEO VOL 0.5", "FC64", 0.5, 320, scanner=TOSHIBA),
            "sag": Given("CRANEO SAG", "FC64", 3, 60, plane="sagittal", image_type=MPR, scanner=TOSHIBA),
        },
        ("brain", "thin", "contrast", "bone", "sag"),
    ),
    Study(
        "infant, Italian",
        {
            "brain": Given("CRANIO BASALE 3MM", "SOFT", 3, 40, field=160, scanner=GE),
            "bone": Given("CRANIO OSSO", "BONE", 0.625, 190, field=160, scanner=GE),
            "surface": Given("CRANIO VRT", "SOFT", 0.625, 190, field=160, image_type=(*MPR[:2], "VRT"), scanner=GE),
            "cor": Given("CRANIO COR", "SOFT", 3, 50, field=160, plane="coronal", image_type=MPR, scanner=GE),
        },
        ("brain", "bone", "surface", "cor"),
    ),
    Study(
        "aneurysm, Japanese",
        {
            "brain": Given("頭部単純 5mm", "FC21", scanner=CANON),
            "bone": Given("頭部骨 1mm", "FC30", 1, 150, scanner=CANON),
            "contrast": Given("頭部造影 5mm", "FC21", scanner=CANON, agent="イオパミロン"),
            "cta": Given("脳血管 3DCTA 0.5", "FC43", 0.5, 320, scanner=CANON, agent="イオパミロン"),
        },
        ("brain", "contrast", "bone", "cta"),
    ),
    Study(
        "stroke, Chinese",
        {
            "brain": Given("头颅平扫", "H_SOFT_C", 5, 30, scanner=UIH),
            "bone": Given("头颅骨窗", "H_SHARP_C", 5, 30, scanner=UIH),
            "cta": Given("头颈血管", "B_SOFT_B", 0.5, 700, scanner=UIH, agent="碘"),
            "perfusion": Given("灌注", "H_SOFT_B", 5, 16, scanner=UIH, agent="碘", images=20),
        },
        ("brain", "bone", "cta", "perfusion"),
    ),
    Study(
        "tumour, Polish",
        {
            "brain": Given("Głowa bez kontrastu 5.0", "H30s"),
            "contrast": Given("Głowa po kontraście 5.0", "H30s"),
            "bone": Given("Głowa kości 1.0", "H70h", 1, 150),
            "angio": Given("Angio mózg 0.75", "H20f", 0.75, 250),
        },
        ("brain", "contrast", "bone", "angio"),
        blind="brain contrast",
    ),
    Study(
        "trauma, Russian, no body part",
        {
            "brain": Given("Голова 5.0", "Hr40f", body=""),
            "bone": Given("Кости черепа 1.0", "Hr64", 1, 150, body=""),
            "spine": Given("Шейный отдел позвоночника 1.5", "Br40", 1.5, 140, field=150, body=""),
            "cor": Given("Голова корон 3.0", "Hr40f", 3, 60, plane="coronal", body="", image_type=MPR),
        },
        ("brain", "bone", "spine", "cor"),
    ),
    Study(
        "headache, Portuguese, body part wrong",
        {
            "brain": Given("CRANIO SEM CONTRASTE", "STANDARD", body="NECK", scanner=GE),
            "contrast": Given("CRANIO COM CONTRASTE", "STANDARD", body="NECK", scanner=GE, agent="SIM"),
            "neck": Given("PESCOCO", "STANDARD", 2.5, 90, field=220, body="NECK", scanner=GE, agent="SIM"),
        },
        ("brain", "contrast", "neck"),
    ),
    Study(
        "bleeding, Turkish",
        {
            "brain": Given("BEYİN KONTRASTSIZ", "UC", scanner=PHILIPS),
            "bone": Given("BEYİN KEMİK", "YC", 1, 150, scanner=PHILIPS),
            "angio": Given("BT ANJİYO", "B", 0.9, 300, agent="Omnipol", scanner=PHILIPS),
        },
        ("brain", "bone", "angio"),
    ),
    Study(
        "fall, Dutch",
        {
            "brain": Given("Hersenen blanco 5mm", "FC26", scanner=TOSHIBA),
            "bone": Given("Schedel bot 1mm", "FC81", 1, 150, scanner=TOSHIBA),
            "spine": Given("CWK 2mm", "FC13", 2, 110, field=160, scanner=TOSHIBA, body="SPINE"),
            "face": Given("Aangezicht 1mm", "FC81", 1, 180, field=170, scanner=TOSHIBA, body="HEAD"),
        },
        ("brain", "bone", "spine", "face"),
    ),
    Study(
        "fall, Swedish",
        {
            "brain": Given("Hjärna utan iv k 4mm", "Hr38", 4, 40),
            "bone": Given("Skalle skelett 1mm", "Hr60", 1, 180),
            "spine": Given("Halsrygg 2mm", "Br38", 2, 110, field=160, body=""),
        },
        ("brain", "bone", "spine"),
    ),
    Study(
        "fall, Czech",
        {
            "brain": Given("Mozek nativní 5mm", "H40s"),
            "bone": Given("Hlava kostní okno 1mm", "H60s", 1, 180),
            "sinuses": Given("VDN 3mm", "H40s", 3, 30, field=150, body=""),
        },
        ("brain", "bone", "sinuses"),
    ),
    Study(
        "stroke, Korean",
        {
            "brain": Given("두부 비조영 5mm", "Hr40", 5, 32),
            "contrast": Given("두부 조영 5mm", "Hr40", 5, 32, agent="조영제"),
            "angio": Given("뇌혈관 0.75", "Hv36", 0.75, 400, 0.5, agent="조영제"),
        },
        ("brain", "contrast", "angio"),
    ),
    Study(
        "two energies, German",
        {
            "brain": Given("DE Kopf nativ 4.0 Q34s F_0.5", "Q34s", 4, 36),
            "vnc": Given("Kopf VNC 4.0", "Q34s", 4, 36, image_type=("DERIVED", "SECONDARY", "VNC")),
            "iodine": Given("Kopf Iodine 4.0", "Q34s", 4, 36, image_type=("DERIVED", "SECONDARY", "IODINE")),
            "mono": Given("Kopf Mono+ 65 keV", "Q34s", 4, 36, image_type=("DERIVED", "SECONDARY", "MONOENERGETIC")),
        },
        ("brain", "vnc iodine mono"),
    ),
    Study(
        "sequence in two parts, old scanner",
        {
            "cerebrum": Given("HEAD 7MM", "STANDARD", 7, 14, scanner=GE),
            "fossa": Given("POST FOSSA", "STANDARD", 3, 14, scanner=GE),
            "fossa bone": Given("POST FOSSA BONE", "BONE", 3, 14, scanner=GE),
        },
        ("cerebrum", "fossa", "fossa bone"),
    ),
    Study(
        "navigation before surgery, English",
        {
            "brain": Given("AX HEAD WO", "UB", 5, 30, scanner=PHILIPS),
            "navigation": Given("STEALTH", "UB", 2.5, 64, scanner=PHILIPS),
            "thin navigation": Given("STEALTH THIN", "UB", 1, 200, scanner=PHILIPS),
        },
        ("brain", "navigation", "thin navigation"),
        blind="brain navigation",
    ),
    Study(
        "temporal bones and head, English",
        {
            "brain": Given("HEAD STD", "STANDARD", 2.5, 60, scanner=GE),
            "left": Given("LEFT IAC", "BONEPLUS", 0.625, 140, field=100, scanner=GE),
            "right": Given("RIGHT IAC", "BONEPLUS", 0.625, 140, field=100, scanner=GE),
            "cor": Given("COR IAC", "BONEPLUS", 0.625, 90, field=100, plane="coronal", scanner=GE),
        },
        ("brain", "left right", "cor"),
    ),
    Study(
        "positron emission, whole body with a head of its own",
        {
            "brain": Given("CT HEAD 3.0", "H31s", 3, 60, body=""),
            "body": Given("CT WB 3.0", "B31f", 3, 330, field=500, body="WHOLEBODY"),
            "lung": Given("CT Lung", "B70f", 3, 120, field=500, body="CHEST"),
        },
        ("brain", "body", "lung"),
    ),
)
