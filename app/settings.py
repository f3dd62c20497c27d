"""What the program remembers between runs."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from ihd_core.files import make_folder, write_atomically

if TYPE_CHECKING:
    from pathlib import Path

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything remembered; the defaults are those of the first start.

    Attributes:
        reader: pseudonym written into the record; empty until it has been asked.
        model_folder: empty for the model that comes with the program.
        mode: "second-reader" or "triage".
        operating_point: "screen", "confirm" or "paper".
        opacity: of heatmaps, 0..1.
        geometry: place of the window, base 64.
        last_folder: where the next folder dialog starts.
        last_opened: paths that were opened last.
        keys: the reader's own keys by name of the command; what key_binding.bound() takes.
    """

    reader: str = ""
    model_folder: str = ""
    mode: str = "second-reader"
    operating_point: str = "screen"
    opacity: float = 0.5
    geometry: str = ""
    last_folder: str = ""
    last_opened: list[str] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)


def read_settings(path: Path) -> Settings:
    """Read what is known and of the right type; whatever is damaged falls back to its default."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError) as error:
        _log.info("%s: settings not read (%s)", path, error)
        return Settings()
    if not isinstance(content, dict):
        _log.info("%s: settings not read (not a JSON object)", path)
        return Settings()
    types: dict[str, type] = {name: type(value) for name, value in asdict(Settings()).items()}
    known = {name: types[name](value) for name, value in content.items() if name in types and _fits(value, types[name])}
    if ignored := sorted(content.keys() - known.keys()):
        _log.info("%s: not understood and ignored: %s", path, ", ".join(ignored))
    return Settings(**known)


def write_settings(path: Path, settings: Settings) -> None:
    """Replace the file.

    Raises:
        FileError: it cannot be written.
    """
    make_folder(path.parent)
    write_atomically(path, json.dumps(asdict(settings), indent=2).encode())


def _fits(value: object, kind: type) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
    if kind is dict:
        return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
    if kind is list:
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    return isinstance(value, kind)
