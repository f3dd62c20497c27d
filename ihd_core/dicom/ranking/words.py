"""What the free text of a series says, in many languages: its region, contrast agent, window and kind of picture."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache

from ihd_core.dicom.ranking import vocabulary

_LETTERS = str.maketrans({"ł": "l", "ø": "o", "ı": "i", "đ": "d", "æ": "ae", "œ": "oe"})
_COMBINING = re.compile("[\u0300-\u036f]")
_TOKEN = re.compile(r"[a-z]+|\d+|[^\W\d_a-z]+")
_LANGUAGE = re.compile(r"^\s*[a-z]{2}:", re.MULTILINE)
_FIRST_CJK = "\u2e80"

_AGENT = r"(?:ce|ci|c|km|k\.m\.|kl|kv|iv|ic|inj|mdc|pdc)"
_SHORT = r"(?:c(?:t?te)?|c\.?i\.?v|iv|mdc|km?|[ck]ontr[^\W\d_]*)"
_START, _END = r"(?<![^\W\d_])", r"(?![^\W\d_])"
_NO_SPINE = r"(?!\s*(?:sp|ws|bo|arm))"
_SIGNS = tuple(
    (re.compile(pattern), f" {meaning} ")
    for pattern, meaning in (
        # Signs that carry the meaning and would be lost with the other punctuation: w/wo, w/o, s/c, C+, -KM.
        (rf"{_START}w\s?/\s?(?:and\s)?wo?{_END}(?:\s?/\s?o)?|\+/-|-/\+|±", "bothcontrast"),
        (rf"{_START}w(?:[/\\]\s?o|\.o\.){_END}", "without"),
        (rf"{_START}[osu]/\s?{_SHORT}{_END}", "nocontrast"),
        (rf"{_START}[cm]/\s?{_SHORT}{_END}", "withcontrast"),
        (rf"{_START}{_AGENT}\s?\(?\+|\+\s?{_AGENT}{_END}", "withcontrast"),
        (rf"{_START}{_AGENT}(?:\s?\(-|-(?!\w)){_NO_SPINE}|(?<=[\s(_])-{_AGENT}(?![\w-])", "nocontrast"),
    )
)

_ORAL = frozenset(("oral", "orally", "po", "per", "os", "rectal", "water", "wasser", "eau", "and", "only"))
_NONE = frozenset(
    ("none", "no", "na", "n", "a", "nil", "null", "0", "kein", "keine", "keines", "non", "nein", "not", "нет", "无")
)
_BESIDE_NONE = frozenset(("given", "applicable", "contrast", "agent", "used", "administered"))


@dataclass(frozen=True, slots=True)
class Words:
    """What a text says; empty or False where it says nothing of it.

    Attributes:
        head: the head is named.
        elsewhere: other regions that are named, in English.
        kernel: "bone" or "soft".
        contrast: "with", "without", or "both" where it says both, as the description of a whole study may.
        angiography: vessels are the purpose.
        perfusion: images of one place over time, or what is computed from them.
        bolus: made to watch the contrast agent arrive.
        projection: several slices in one picture, or a surface.
        computed: not what the detector saw: dual-energy maps, virtual non-contrast, subtraction.
        reformatted: another plane, or a multiplanar reformat.
        localizer: made to plan the scan.
        planning: made for stereotaxy, navigation or radiotherapy.
    """

    head: bool = False
    elsewhere: tuple[str, ...] = ()
    kernel: str = ""
    contrast: str = ""
    angiography: bool = False
    perfusion: bool = False
    bolus: bool = False
    projection: bool = False
    computed: bool = False
    reformatted: bool = False
    localizer: bool = False
    planning: bool = False


@lru_cache(maxsize=1024)
def read(text: str) -> Words:
    """What a description says, whatever its language, case and punctuation."""
    plain = _plain(text)
    elsewhere, rest = [], plain
    for region, listed in vocabulary.ELSEWHERE.items():
        rest, found = _taken(rest, listed)
        if found:
            elsewhere.append(region)
    bone, soft = _has(rest, vocabulary.BONE), _has(rest, vocabulary.SOFT)
    measured, computed = _taken(plain, vocabulary.COMPUTED)
    return Words(
        head=_has(rest, vocabulary.HEAD),
        elsewhere=tuple(elsewhere),
        kernel="" if bone == soft else "bone" if bone else "soft",
        contrast=_contrast(measured),
        angiography=_has(plain, vocabulary.ANGIOGRAPHY),
        perfusion=_has(plain, vocabulary.PERFUSION),
        bolus=_has(plain, vocabulary.BOLUS),
        projection=_has(plain, vocabulary.PROJECTION),
        computed=computed,
        reformatted=_has(plain, vocabulary.REFORMATTED),
        localizer=_has(plain, vocabulary.LOCALIZER),
        planning=_has(plain, vocabulary.PLANNING),
    )


def names_no_agent(agent: str) -> bool:
    """Whether a value of ContrastBolusAgent (0018,0010) means that none was given into a vein."""
    tokens = set(_plain(agent).split())
    said = tokens - _BESIDE_NONE
    return not tokens or (bool(said) and (said <= _NONE or said <= _ORAL)) or _contrast(_plain(agent)) == "without"


@cache
def _needles(listed: str) -> tuple[str, ...]:
    """Words as they are looked for in `_spaced` text, the longest first."""
    needles = []
    for word in re.split(r"[,\n]", _LANGUAGE.sub("", listed)):
        text = _spaced(word)
        if text.strip() and text[1] >= _FIRST_CJK:
            needles.append(text.strip())  # written without spaces between words
        elif text.strip():
            text = text.rstrip() if word.rstrip().endswith("*") else text
            needles.append(text.lstrip() if word.lstrip().startswith("*") else text)
    return tuple(sorted(needles, key=len, reverse=True))


def _plain(text: str) -> str:
    """The text as it is written, and once more with HeadCTAngio taken apart as Head CT Angio."""
    apart = re.sub(r"(?<=[a-zß-ÿ])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})", " ", text)
    return _spaced(text) if apart == text else f"{_spaced(text)}{_spaced(apart)}"


def _spaced(text: str) -> str:
    """Lower case without accents, words and numbers apart, a space on either side of each."""
    text = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    text = unicodedata.normalize("NFC", _COMBINING.sub("", text))
    for sign, meaning in _SIGNS:
        text = sign.sub(meaning, text)
    return f" {' '.join(_TOKEN.findall(text))} "


def _has(text: str, listed: str) -> bool:
    return any(needle in text for needle in _needles(listed))


def _taken(text: str, listed: str) -> tuple[str, bool]:
    """The text without these words, and whether there were any."""
    found = False
    for needle in _needles(listed):
        if needle in text:
            text, found = text.replace(needle, " "), True
    return text, found


def _contrast(plain: str) -> str:
    rest, both = _taken(plain, vocabulary.BOTH)
    rest, unenhanced = _taken(rest, vocabulary.UNENHANCED)
    rest, negated = _without_negated(rest)
    given, without = _has(rest, vocabulary.CONTRAST), unenhanced or negated
    if both or (given and without):
        return "both"
    return "with" if given else "without" if without else ""


def _without_negated(text: str) -> tuple[str, bool]:
    """The text without every "ohne KM" in any language, and whether there was one."""
    alone, *_ = (_needles(line) for line in vocabulary.NEGATIONS.strip().splitlines())
    kept: list[str] = [""]
    found = negating = False
    for token in (*text.split(), ""):
        padded = f" {token} "
        if negating and (padded in _needles(vocabulary.AGENT) or _has(padded, vocabulary.CONTRAST)):
            found = True
            continue
        # "KOPF OHNE" and "OHNE 5 mm" leave the agent unsaid.
        found = found or (negating and f" {kept[-1]} " in alone and not token.isalpha())
        negating = padded in _needles(vocabulary.NEGATIONS)
        kept.append(token)
    return f" {' '.join(kept)} ", found
