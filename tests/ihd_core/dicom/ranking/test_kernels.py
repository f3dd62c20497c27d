import pytest

from ihd_core.dicom.ranking.kernels import kernel, kernel_in_text

SIEMENS, GE, PHILIPS = "SIEMENS SOMATOM Definition AS", "GE MEDICAL SYSTEMS Revolution CT", "Philips iCT 256"
TOSHIBA, CANON, UIH = "TOSHIBA Aquilion ONE", "CANON_MEC Aquilion Prime SP", "UIH uCT 760"

KINDS = {
    (SIEMENS, "soft"): "H10s H20f H30s H31s H32s H37s H40s H41s H42s H45s J30s J37s J40s J45s C20s C30s B20f B30s B31f "
    "B35s B40f B41s I26f I30f I31s I40f D30f D26f Hr36f Hr38s Hr40f Hr40u Hc36 Hc40f Hf38 Hv36 Br36d Br40f Br44 "
    "Bf32d Bv36 Bv40 Qr36 Qr40d Qr44 Sa36f AH40 AB40",
    (SIEMENS, "medium"): "H47s H48s H50s J49s B46f B50f B50s I49f I50f Br49 Br54 Qr54 AH50 Hr49",
    (SIEMENS, "bone"): "H60s H60f H70h H70s J70h B60f B60s B70f B80f B90s I70f U70u U75u U90u Ur77u Hr59 Hr60h Hr64 "
    "Hr68h Br59d Br60 Br64 Br69 Qr59 Qr69 C60s S80s AH82s",
    (SIEMENS, "lung"): "Bl57d Bl64 Bl60f",
    (SIEMENS, "unknown"): "X30 FC30 UB H6 B",
    (GE, "soft"): "STANDARD STD STD+ STND SOFT SOFT+ CHST BRAIN",
    (GE, "medium"): "DETAIL DETAIL+",
    (GE, "bone"): "BONE BONE+ BONEPLUS EDGE EDGE+ ULTRA",
    (GE, "lung"): "LUNG LUNG+",
    (GE, "unknown"): "B UB H30s FC26 TOPO C2 Q",
    (PHILIPS, "soft"): "A B C UA UB UC SA SB",
    (PHILIPS, "medium"): "Y-DETAIL",
    (PHILIPS, "bone"): "D E YB YC YD YE Y-SHARP",
    (PHILIPS, "lung"): "L",
    (PHILIPS, "unknown"): "EA EB EC YA CB XCB H30s",
    (
        TOSHIBA,
        "soft",
    ): "FC01 FC03 FC08 FC08-H FC10 FC13 FC13-H FC15 FC20 FC21 FC23 FC24 FC25 FC26 FC27 FC62 FC64 FC67 FC68",
    (CANON, "soft"): "FC02 FC11 FC26 FC64",
    (TOSHIBA, "bone"): "FC30 FC31 FC35 FC80 FC81",
    (CANON, "bone"): "FC30 FC81",
    (TOSHIBA, "lung"): "FC50 FC51 FC52 FC56",
    (TOSHIBA, "unknown"): "FC41 FC43 FC70 B H30s",
    (UIH, "soft"): "H_SOFT_A H_SOFT_B H_SOFT_C H_VSOFT_B B_SOFT_B B_VSOFT_C H_STANDARD_C",
    (UIH, "bone"): "H_SHARP_C B_SHARP_C H_BONE_D",
    (UIH, "lung"): "LUNG_SHARP",
    ("", "soft"): "H30s Hr40f STANDARD UB B FC26 H_SOFT_C J40s",
    ("", "bone"): "H60s Hr68 BONEPLUS D YC FC30 FC81 H_SHARP_C",
    ("", "unknown"): "22 31H F20 SB10 XYZ Hx CB",
    ("Hitachi Medical Corporation SCENARIA", "unknown"): "22 31 42",
    ("NMS NeuViz 16", "unknown"): "F20 F50",
}


@pytest.mark.parametrize(
    ("scanner", "name", "kind"),
    [(scanner, name, kind) for (scanner, kind), names in KINDS.items() for name in names.split()],
)
def test_the_kernels_of_every_maker_are_known_and_others_are_not_guessed(scanner, name, kind):
    assert kernel(name, scanner).kind == kind


@pytest.mark.parametrize(
    ("scanner", "name", "kind"),
    [
        # Names with spaces, in several values, in other case.
        (SIEMENS, "Hr36f 3", "soft"),
        (SIEMENS, "Hr40f\\3", "soft"),
        (SIEMENS, "['J70h', '2']", "bone"),
        (SIEMENS, "h31s", "soft"),
        (GE, "HD STND", "soft"),
        (GE, "HD Bone Plus", "bone"),
        (GE, "HD DETAIL", "medium"),
        (GE, "HD LUNG", "lung"),
        (PHILIPS, "BRAIN SHARP", "soft"),
        (PHILIPS, "IMR1,Brain Routine", "soft"),
        (PHILIPS, "Brain Standard", "soft"),
        (CANON, "AiCE BRAIN", "soft"),
        (CANON, "AiCE INNER EAR", "bone"),
        (CANON, "AiCE LUNG", "lung"),
        ("GENERAL ELECTRIC LightSpeed", "BONE", "bone"),
        ("", "", "unknown"),
        (SIEMENS, "", "unknown"),
    ],
)
def test_a_name_is_read_however_it_is_written(scanner, name, kind):
    assert kernel(name, scanner).kind == kind


@pytest.mark.parametrize(
    ("name", "region"),
    [
        *[
            (name, "head")
            for name in ("H30s", "J40s", "Hr40f", "Hc40", "C20s", "UB", "FC21", "FC30", "FC64", "H_SOFT_C")
        ],
        *[
            (name, "body")
            for name in ("B31f", "I30f", "Br40f", "Bv36", "FC08", "FC13", "FC51", "B_SOFT_B", "LUNG", "CHST")
        ],
        *[(name, "") for name in ("STANDARD", "BONEPLUS", "Qr40", "D30f", "U90u", "FC81", "B", "XYZ", "")],
    ],
)
def test_some_kernels_are_made_for_heads_and_some_for_bodies(name, region):
    assert kernel(name).region == region


def test_kernels_for_vessels_are_told_from_others():
    assert [kernel(name).vascular for name in ("Hv36", "Bv40f", "Hr40", "B26f", "STANDARD")] == [
        *(True, True),
        *(False, False, False),
    ]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("KOPF_NATIV_5.0_H31s", "H31S"),
        ("Schaedel 1.0 J70h", "J70H"),
        ("HEAD 5.0 Hr40", "HR40"),
        ("Axial 5.0 FC26", "FC26"),
        ("DE_Kopf 4.0 Qr40d", "QR40D"),
        ("CCT 3.0 Hr38 3", "HR38"),
        ("CCT 5.0 mm", ""),
        ("B12 PROTOCOL", ""),
        ("H1N1", ""),
        ("", ""),
    ],
)
def test_the_name_of_a_kernel_is_found_within_a_description(text, name):
    assert kernel_in_text(text) == name
