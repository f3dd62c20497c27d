"""The protocol as a TOML file that a person can read; everything is checked on reading."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from ihd_core.errors import StudyError
from ihd_core.files import sha256
from ihd_core.json_values import count, number, one_of, only, switch, text, texts
from ihd_core.labels import DISPLAY_ORDER, Label
from ihd_core.study.design import (
    ENDPOINTS,
    HEMORRHAGE,
    MISSING,
    ORDER,
    READINGS,
    SCALE,
    Analysis,
    Case,
    Design,
    Phase,
    RatingPlan,
    Reader,
    Role,
)
from ihd_core.study.protocol import Protocol
from ihd_core.study.toml_text import toml_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMAT = "intracranial hemorrhage reader study"
FORMAT_VERSION = 1
_FIXED = {"format": FORMAT, "format_version": FORMAT_VERSION, "scale": SCALE, "order": ORDER}
"""What this program does and no protocol can change; written so that a person knows."""
_KEYS = {*_FIXED, *(one.name for one in fields(Protocol))}


def to_toml(protocol: Protocol) -> bytes:
    """The file's content; equal protocols give equal bytes."""
    values = asdict(protocol)
    head = {name: values.pop(name) for name in ("study", "version", "amends", "reason")}
    tail = {name: values.pop(name) for name in ("analysis", "rating", "operating_points", "readers", "cases")}
    tail["operating_points"] = {
        level: {str(label): float(points[label]) for label in DISPLAY_ORDER if label in points}
        for level, points in protocol.operating_points.items()
    }
    values["washout_weeks"] = float(protocol.washout_weeks)
    analysis, readers = tail["analysis"], tail["readers"]
    for name in ("margin", "alpha"):
        analysis[name] = float(analysis[name])
    for reader in readers:
        for name in ("years", "head_cts"):
            reader[name] = None if reader[name] is None else float(reader[name])
    return toml_text({**_FIXED, **head, **values, **tail}).encode()


def protocol_hash(content: bytes) -> str:
    """What rows of the record name the protocol by: SHA-256 of its file, 64 hexadecimal digits."""
    return sha256(content)


def read_protocol(path: Path) -> tuple[Protocol, str]:
    """Read a protocol and its hash.

    Raises:
        StudyError: the file cannot be read, is no protocol, or a value is missing, unknown or out of range.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror or error})") from error
    return from_toml(path, content), protocol_hash(content)


def from_toml(path: Path, content: bytes) -> Protocol:
    """A file's content as a value.

    Args:
        path: of the file, for messages.
        content: what it holds.

    Raises:
        StudyError: it is no protocol, or a value is missing, unknown or out of range; one line.
    """
    try:
        return _protocol(tomllib.loads(content.decode()))
    except KeyError as error:
        raise StudyError(f"{path}: {error.args[0]} is missing") from error
    except (TypeError, ValueError, AttributeError, StudyError) as error:
        raise StudyError(f"{path}: {' '.join(str(error).split())}") from error


def _protocol(said: dict[str, Any]) -> Protocol:
    for name, fixed in _FIXED.items():
        if said.get(name) != fixed:
            raise ValueError(f"{name} is {said.get(name)!r}, this program reads {fixed!r}")
    only(said, _KEYS, "the protocol")
    return Protocol(
        study=text(said, "study"),
        version=count(said, "version", least=1),
        amends=text(said, "amends"),
        reason=text(said, "reason"),
        design=Design(one_of(said, "design", tuple(Design))),
        phases=tuple(Phase(_word(phase, tuple(Phase), "phases")) for phase in texts(said, "phases")),
        labels=_labels(said, "labels"),
        seed=count(said, "seed", most=2**63 - 1),
        model=text(said, "model"),
        model_sha256=text(said, "model_sha256"),
        setting=text(said, "setting"),
        operating_points=_points(said.get("operating_points", {})),
        washout_weeks=number(said["washout_weeks"], "washout_weeks"),
        repeats=count(said, "repeats"),
        adjudication_concordant=count(said, "adjudication_concordant"),
        clinical_information=text(said, "clinical_information"),
        overlap_allowed=switch(said, "overlap_allowed"),
        analysis=_analysis(said["analysis"]),
        rating=_rating(said["rating"]),
        readers=tuple(_reader(one) for one in _tables(said, "readers")),
        cases=tuple(_case(one) for one in _tables(said, "cases")),
    )


def _analysis(said: Any) -> Analysis:
    only(said, {one.name for one in fields(Analysis)}, "analysis")
    return Analysis(
        hypothesis=text(said, "hypothesis"),
        endpoint=one_of(said, "endpoint", ENDPOINTS),
        label=Label(one_of(said, "label", tuple(DISPLAY_ORDER))),
        margin=number(said["margin"], "margin"),
        alpha=number(said["alpha"], "alpha"),
        family=_labels(said, "family"),
        missing=one_of(said, "missing", MISSING),
    )


def _rating(said: Any) -> RatingPlan:
    only(said, {one.name for one in fields(RatingPlan)}, "rating")
    return RatingPlan(
        hemorrhage=one_of(said, "hemorrhage", HEMORRHAGE),
        concordant=count(said, "concordant"),
        reading=one_of(said, "reading", READINGS),
        method=text(said, "method"),
    )


def _reader(said: Any) -> Reader:
    only(said, {one.name for one in fields(Reader)}, "a reader")
    return Reader(
        name=text(said, "name"),
        role=Role(one_of(said, "role", tuple(Role))),
        specialty=text(said, "specialty"),
        years=number(said["years"], "years") if "years" in said else None,
        head_cts=number(said["head_cts"], "head_cts") if "head_cts" in said else None,
        trained=switch(said, "trained"),
    )


def _case(said: Any) -> Case:
    only(said, {one.name for one in fields(Case)}, "a case")
    return Case(
        name=text(said, "name"),
        pixels=text(said, "pixels"),
        scan_uid=text(said, "scan_uid"),
        slices=count(said, "slices"),
        training=switch(said, "training"),
        overlap=text(said, "overlap"),
    )


def _points(said: Any) -> Mapping[str, Mapping[Label, float]]:
    only(said, {"scan", "slice"}, "operating_points")
    for level, points in said.items():
        only(points, set(DISPLAY_ORDER), f"operating_points.{level}")
    return {
        level: {Label(name): number(value, f"operating_points.{level}.{name}") for name, value in points.items()}
        for level, points in said.items()
    }


def _labels(said: Mapping[str, Any], name: str) -> tuple[Label, ...]:
    return tuple(Label(_word(word, tuple(DISPLAY_ORDER), name)) for word in texts(said, name))


def _word(word: str, known: tuple[str, ...], name: str) -> str:
    if word not in known:
        raise ValueError(f"{name} holds {word!r}, must be of {', '.join(known)}")
    return word


def _tables(said: Mapping[str, Any], name: str) -> list[Any]:
    value = said[name]
    if not isinstance(value, list):
        raise TypeError(f"{name} is {value!r}, must be tables")
    return value
