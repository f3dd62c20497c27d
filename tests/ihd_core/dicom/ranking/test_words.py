import pytest
from hypothesis import given
from hypothesis import strategies as st

from ihd_core.dicom.ranking.words import Words, names_no_agent, read

WITHOUT = """
    KOPF_NATIV_5.0_H31s | 3,0 mm Kopf nativ | Schädel ohne KM 5mm | Schaedel o. KM | CCT -KM 5.0 | Kopf ohne K.M.
    CCT vor KM | NATIV Schädel-CT | HEAD W/O 5mm | HEAD WO CONTRAST | Head C- 5mm | HEAD -C | NON CON HEAD | NCCT HEAD
    Head non-contrast | noncontrast head | Brain Unenhanced | PLAIN HEAD | HEAD NO CONTRAST | Head w/o IV contrast
    CRANE SANS IV | crâne sans injection | Crâne sans produit de contraste | CRANE SPC | cérébral non injecté
    crâne IV-
    Cráneo sin contraste | CRANEO SIMPLE | craneo s/c | CRANEO S/CTE | crânio sem contraste | Cranio senza mdc
    CRANIO BASALE | cranio senza m.d.c. | Hersenen blanco | Schedel zonder contrast | Głowa bez kontrastu
    GLOWA NATYWNIE
    Beyin kontrastsız | KONTRASTSIZ KAFA | Huvud utan kontrast | Hjärna utan iv k | Mozek nativní | Hlava bez KL
    mozek bez kontrastu | голова без контраста | нативная фаза | Голова без в/в контрастирования | 頭部単純 5mm
    CRANIO S/ CONTRASTE | cranio s.m.d.c. | Cranio pre mdc | hjerne u/kontrast | HEAD NC | Head w.o. contrast
    CT PRE CONTRAST 5MM STD | CT PLAIN THIN | Crâne avant injection | mozek před KL | HeadWOContrast | KopfOhneKM
    頭部 造影なし | 头颅平扫 | 頭顱平掃 | 두부 비조영 | 뇌 조영 전 | Head (C-) | HEAD_WO_5MM | HeadNative5mm
"""
WITH = """
    Kopf mit KM | CCT +KM | Schädel nach KM | Kopf KM 5.0 | HEAD C+ | HEAD WITH CONTRAST | Head Post Contrast
    CECT head
    Head CE | HEAD (C+) | Contrast Head 5mm | Delayed head | crâne avec injection | CRANE INJECTE | crâne IV+
    craneo con contraste | CRANEO C/C | crânio com contraste | cranio con mdc | hersenen met contrast
    głowa po kontraście
    beyin kontrastlı | huvud med kontrast | mozek s KL | mozek po k.l. | голова с контрастом
    頭部造影 | 头颅增强 | 두부 조영
    CRANIO C/ CONTRASTE | CT POST CONTRAST THIN | Brain 5.0 CE | hjerne m/kontrast | Cranio post mdc | PostKM Kopf
    venous phase | portalvenös | Arterial head
"""
SILENT = """
    Head 5mm | Schädel 5.0 H31s | C-Spine 2mm | C-spine ax bone | HEAD C-SPINE | CCT | 頭部 5mm | | 5.0 | Kopf - C-Bogen
    Axial | position 2 | sobotka | sinus | Sans titre | kmart | HEAD O 5
"""
BOTH = """
    HEAD W/WO | WITH/WITHOUT | HEAD W&WO | w/wo | Kopf mit und ohne KM | Head with and without contrast
    crâne avec et sans | Kopf nativ + KM
"""


def each(listed):
    return [part.strip() for part in listed.replace("\n", "|").split("|")]


def some(listed):
    return [text for text in each(listed) if text]


@pytest.mark.parametrize(
    ("text", "contrast"),
    [
        *((text, "without") for text in some(WITHOUT)),
        *((text, "with") for text in some(WITH)),
        *((text, "") for text in (*some(SILENT), "")),
        *((text, "both") for text in some(BOTH)),
    ],
)
def test_contrast_and_its_absence_are_told_apart_in_every_language(text, contrast):
    assert read(text).contrast == contrast


@pytest.mark.parametrize("text", [text for text in (*some(WITHOUT), *some(WITH), *some(BOTH)) if text.islower()])
def test_capitals_and_underscores_change_nothing(text):
    assert read(text.upper()) == read(text)
    assert read(text.replace(" ", "_")) == read(text)
    assert read(f"CT_{text}_5.0_H31s").contrast == read(text).contrast


HEADS = """
    HEAD | Head 5mm | BRAIN W/O | SKULL | Cranium | Intracranial | NCCT | Neuro | Kopf | KOPF_NATIV | Schädel
    Schaedel-CT
    SCHÄDELHIRN | Hirn 4mm | Neurocranium | CCT 5.0 | crâne | CRANE | Cérébral | cerveau | Tête | Encéphale | cráneo
    Cerebro | cabeza | ENCEFALO | crânio | Cabeça | testa | Cranio | hoofd | Hersenen | Schedel | głowa | Głowy | Mózg
    Mózgowie | czaszka | beyin | KAFA | Kranial BT | huvud | Hjärna | Skalle | hlava | Mozek | mozku | Lebka | голова
    Головной мозг | ЧЕРЕПА | ГМ | koponya | 頭部 | 頭部CT5mm | 脳 | 头颅 | 颅脑平扫 | 두부 | 뇌CT | HeadRoutine
    Kopfhals
    SCHAEDELBASIS | Glava | Pää | Aivojen TT | HEAD_5.0MM | 5mmHEAD | HEAD5MM
"""


@pytest.mark.parametrize("text", some(HEADS))
def test_the_head_is_known_in_every_language(text):
    assert read(text) == Words(head=True, contrast=read(text).contrast)


REGIONS = {
    "spine": "HWS 2.0 | C-Spine | CSPINE | Cervical Spine | rachis cervical | columna cervical | coluna cervical | LWS"
    "| colonna cervicale | CWK | kręgosłup szyjny | Halsrygg | páteř | шейные позвонки | 頸椎 | 颈椎 | 경추"
    "| Wirbelsäule",
    "sinuses": "NNH | Nasennebenhöhlen | SINUS | Paranasal Sinuses | senos paranasales | seni paranasali | SPN | zatoki"
    "| bihålor | VDN | пазухи носа | ППН | 副鼻腔 | 鼻窦 | 부비동 | seios da face | neusbijholten",
    "temporal bone": "Felsenbein re | FELSENBEINE | Temporal bones | petrous | IAC"
    "| rocher gauche | peñascos | rotsbeen"
    "| rocche petrose | kości skroniowe | skalní kosti | височные кости | 側頭骨 | 颞骨 | 측두골 | os temporal"
    "| mastoid",
    "orbits": "Orbita | ORBITS | oczodoły | očnice | глазницы | 眼窩 | 眼眶 | orbites | Orbitae",
    "face": "Mittelgesicht | facial bones | massif facial | macizo facial | mandible | Unterkiefer | twarzoczaszka",
    "neck": "NECK | Hals | cou | cuello | collo | pescoço | szyja | boyun | krk | шея | 頸部 | 颈部 | 경부",
    "chest": "THORAX | Chest | Torax | tórax | torace | klatka piersiowa | göğüs | hrudník"
    "| грудная клетка | 胸部 | 흉부",
    "abdomen": "ABDOMEN | Abd/Pelvis | TAP | Bauch | Becken | brzuch | břicho | 腹部 | 복부 | живот",
    "limb": "SHOULDER | Knie | WRIST",
    "trunk": "Ganzkörper | WHOLE BODY",
}


@pytest.mark.parametrize(
    ("region", "text"), [(region, text) for region, listed in REGIONS.items() for text in some(listed)]
)
def test_other_regions_are_known_and_are_neither_head_nor_bone(region, text):
    found = read(text)
    assert region in found.elsewhere
    assert not found.head
    assert found.kernel == ""


@pytest.mark.parametrize(
    "text", ["Schädel/HWS", "HEAD NECK", "tête et cou", "Kopf und Hals", "HeadNeck", "голова и шея", "头颅颈部"]
)
def test_a_head_with_its_neck_is_still_a_head(text):
    found = read(text)
    assert found.head
    assert found.elsewhere


@pytest.mark.parametrize(
    ("body_part", "head", "elsewhere"),
    [
        *[(part, True, ()) for part in ("HEAD", "BRAIN", "SKULL", "CEREBRUM", "HEADNECK", "SKULLBASE")],
        *[(part, False, ("spine",)) for part in ("CSPINE", "TSPINE", "LSPINE", "CTSPINE", "SPINE")],
        *[(part, False, ("chest",)) for part in ("CHEST", "THORAX", "CHESTABDPELVIS", "LUNG", "HEART")],
        *[(part, False, ("abdomen",)) for part in ("ABDOMEN", "ABDOMENPELVIS", "PELVIS")],
        *[(part, False, ("neck",)) for part in ("NECK", "NECKCHEST")],
        *[(part, False, ("face",)) for part in ("FACE", "JAW", "MAXILLA", "MANDIBLE", "ZYGOMA", "TMJ")],
        *[(part, False, ("temporal bone",)) for part in ("IAC", "EAR", "MASTOID")],
        *[(part, False, ("sinuses",)) for part in ("SINUS", "PARANASALSINUS")],
        ("EYE", False, ("orbits",)),
        ("WHOLEBODY", False, ("trunk",)),
        ("EXTREMITY", False, ("limb",)),
    ],
)
def test_the_defined_terms_for_the_body_part_are_known(body_part, head, elsewhere):
    assert read(body_part) == Words(head=head, elsewhere=elsewhere)


BONE = """
    Head bone 5mm | BONE 1.25 | Schädel Knochen | Knochenfenster | crâne os | CRANE OSSEUX | cranio osso | HUESO | óseo
    janela óssea | hoofd bot | okno kostne | kości 1.0 | kemik pencere | skelett | benfönster | kostní okno
    костное окно | 頭部骨 | 骨窗 | 뼈 | HEAD_BONE_1MM | BONEPLUS | head sharp
"""
SOFT = """
    Head soft | Weichteil 5.0 | parties molles | partes blandas | tessuti molli | weke delen | tkanki miękkie
    yumuşak doku | mjukdelar | měkké tkáně | мягкие ткани | 軟部 | 软组织 | HEAD 5MM STD | Standard
"""
NEITHER = "Schädel nativ 5mm | position 2 | crâne sans injection | sobotka | os temporal | Mastoid bone/soft | Position"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        *((text, "bone") for text in some(BONE)),
        *((text, "soft") for text in some(SOFT)),
        *((text, "") for text in (*some(NEITHER), "")),
    ],
)
def test_bone_and_soft_tissue_are_known_in_every_language(text, kind):
    assert read(text).kernel == kind


@pytest.mark.parametrize(
    ("field", "listed"),
    [
        (
            "angiography",
            "CTA | CTA HEAD NECK | HeadCTA 0.6 | CTAngioKopf | Angio Kopf | Karotis | TSA | Angioscanner | ANGIO-TAC"
            "| angiografia | CT Angiography | Gefäße | carotids | ангиография | 脳血管 | 혈관"
            "| CTV | COW | CTA_Hals",
        ),
        (
            "perfusion",
            "CTP | Perfusion 10mm | Hirnperfusion | VPCT | perfusión | perfuzja | перфузия | 脳灌流 | 灌注 | 관류"
            "| DynMulti4D"
            "| CBF | TMAX | perfusie | Kopf_Perfusion",
        ),
        ("bolus", "PreMonitoring | Monitoring | SmartPrep Series | SureStart | Testbolus | CAREBolus | Bolus tracking"),
        ("projection", "MIP 10mm | MIP_cor | VRT | Thick MIP AX | SSD | MinIP | Volume Rendering"),
        ("computed", "VNC head | Iodine map | Mono+ 40 keV | Virtual Non Contrast | Bone Removal | Monoenergetic 65"),
        ("reformatted", "MPR cor | Kopf kor 3.0 | SAG 2mm | Coronal | Head sagittal | reformat | 冠状 | сагиттальная"),
        ("localizer", "Topogramm | SCOUT | Surview | Übersicht 120kV | Localizer | topograma | топограмма | 定位像"),
        ("planning", "STEREOTAXIS | Stealth 1mm | Neuronavigation | Navi Kopf | BRAINLAB"),
    ],
)
def test_other_kinds_of_pictures_are_known(field, listed):
    assert [text for text in some(listed) if not getattr(read(text), field)] == []
    assert [text for text in some(HEADS) if getattr(read(text), field)] == []


@given(st.text())
def test_any_text_can_be_read(text):
    assert isinstance(read(text), Words)
    assert names_no_agent(text) in {True, False}


def test_virtual_non_contrast_is_no_scan_without_contrast():
    assert read("VNC Kopf") == read("Virtual Non Contrast Kopf") == Words(head=True, computed=True)


@pytest.mark.parametrize("text", ["", " ", "5.0", "---", "1.2.840", "\x00", "???", "Series 3", "Tr 0.75 Q"])
def test_what_says_nothing_means_nothing(text):
    assert read(text) == Words()


@pytest.mark.parametrize(
    "agent",
    some(
        """
        NONE | None | no | NO CONTRAST | N/A | n.a. | 0 | without | ohne | ohne KM | keine | SANS | nativ | Not given
        no IV contrast | W/O | ORAL | oral only | PO | sin contraste | non | - | unenhanced | нет
        """
    ),
)
def test_some_contrast_agents_mean_none(agent):
    assert names_no_agent(agent)
    assert names_no_agent("")


@pytest.mark.parametrize(
    "agent",
    some("""
        OMNIPAQUE 350 | Iodine | CONTRAST | IV | IV CONTRAST | Ultravist 300 | KM | APPLIED | YES | Oral & IV | C+
        100 ml Imeron | CE | Xenetix | Visipaque IV | mit KM | 1
    """),
)
def test_any_other_contrast_agent_is_one(agent):
    assert not names_no_agent(agent)
