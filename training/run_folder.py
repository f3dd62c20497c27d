"""A run on disk: what it was asked for, what it was made with, and the folder of every step."""

from __future__ import annotations

import csv
import json
import logging
import os
import platform
import subprocess
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ihd_core.errors import FileError
from ihd_core.files import file_errors, make_folder, sha256, write_atomically
from training.config import RunConfig, as_dict, from_file

if TYPE_CHECKING:
    from collections.abc import Mapping

DONE, CONFIG, FACTS, LOG, MARK = "done.json", "config.json", "run.json", "log.txt", "digest.txt"

log = logging.getLogger("training")


@dataclass(frozen=True, slots=True)
class Step:
    """What a step depends on: earlier steps, and sections of the configuration."""

    after: tuple[str, ...]
    sections: tuple[str, ...]


STEPS = {
    "synthetic": Step((), ("synthetic",)),
    "index": Step((), ()),
    "split": Step(("index",), ("split",)),
    "slices": Step(("index",), ("prepare",)),
    "cnn": Step(("split", "slices"), ("cnn", "localised")),
    "embeddings": Step(("cnn",), ("features",)),
    "reduction": Step(("embeddings",), ("reduction",)),
    "sequence": Step(("reduction",), ("sequence",)),
}
"""Steps with results of their own, in order. The stage prepare makes the slices; features the embeddings and the
reduction."""

_OF_CNN = ("embeddings", "reduction", "sequence")
"""Steps whose results mean nothing with another CNN."""

STAGE_OF = {"slices": "prepare", "embeddings": "features", "reduction": "features"}
"""The stage to run for a step, where it is not called the same."""


class RunFolder:
    """Where the stages of a run leave their results for one another.

    A step's results are bound to everything they depend on: its digest covers the seed, its sections of the
    configuration and the digests of the steps before it. Results of other numbers are refused, never mixed.

    Args:
        path: created if it is not there.
        config: of this run; None: the one that the folder holds.
        base: a run whose finished steps are taken where their digests are those of this run, so that only what differs
            is computed again.

    Raises:
        FileError: the folder holds steps made with other numbers, or no configuration.
    """

    def __init__(self, path: Path, config: RunConfig | None = None, *, base: RunFolder | None = None) -> None:
        self.path = Path(path)
        file = self.path / CONFIG
        if config is None:
            if not file.exists():
                raise FileError(f"{file}: missing; the folder holds no run")
            config = from_file(file)
        self.config, self.base = config, base
        self._refuse_other_numbers()
        make_folder(self.path)
        if not file.exists() or from_file(file) != config:  # a base may be read-only
            write_atomically(file, (json.dumps(as_dict(config), indent=2) + "\n").encode())

    def folder(self, step: str, fold: int | None = None) -> Path:
        """Where a finished step's results are, in this run or its base.

        Raises:
            FileError: the step has not been finished; the message says what to run.
        """
        found = self._found(step)
        if found is None:
            raise FileError(f"{self.path / step}: nothing there; run the stage {STAGE_OF.get(step, step)} first")
        return found if fold is None else found / f"fold{fold}"

    def is_done(self, step: str) -> bool:
        """Whether a step's results are there, in this run or its base."""
        return self._found(step) is not None

    def begin(self, step: str, fold: int | None = None) -> Path:
        """The folder that a step writes into, there or new; it may hold what an interrupted sitting left.

        Raises:
            FileError: a step before it has not been finished, or the folder holds results of other numbers.
        """
        folder = make_folder(self.path / step)
        mark, digest, fit = folder / MARK, self.digest(step), self._fit_of_cnn(step)
        if mark.exists() and self._has_begun(step):
            begun, _, fit_then = mark.read_text().partition("\n")
            if begun != digest:
                raise FileError(f"{folder}: begun with other data or numbers; choose another run folder or remove it")
            if fit_then and fit and fit_then != fit:
                raise FileError(f"{folder}: begun with another fit of the CNN; remove it")
        write_atomically(mark, "\n".join(filter(None, [digest, fit])).encode())
        return folder if fold is None else make_folder(folder / f"fold{fold}")

    def finish(self, step: str, **facts: Any) -> None:
        """Mark a step as done; facts are kept beside it.

        The index names its own digest as data_sha256, and with masks or boxes theirs as lesions_sha256.
        """
        digest = self.digest(step) if step != "index" else ""
        content = {"digest": digest, "cnn": self._fit_of_cnn(step), **facts, "finished": time.time()}
        write_atomically(self.path / step / DONE, (json.dumps(content, indent=2) + "\n").encode())

    def facts(self, step: str) -> Mapping[str, Any]:
        """What finish() kept."""
        facts: dict[str, Any] = json.loads((self.folder(step) / DONE).read_text())
        return facts

    def digest(self, step: str) -> str:
        """Stands for everything a step's results depend on.

        Raises:
            FileError: the index has not been made.
        """
        if step == "index":
            return str(self.facts("index")["data_sha256"]) if self.is_done("index") else "not finished"
        config, wanted = as_dict(self.config), STEPS[step]
        if "index" in wanted.after and not self.is_done("index"):
            raise FileError(f"{self.path / 'index'}: nothing there; run the stage index first")
        parts = [self.digest(before) for before in wanted.after]
        own = {section: config[section] for section in wanted.sections}
        if step == "slices" and (lesions := self.facts("index").get("lesions_sha256")):
            own["lesions"] = lesions
        return sha256(json.dumps([step, self.config.seed, own, parts], sort_keys=True).encode())

    def folds(self) -> range:
        """Numbers of the folds that are fitted."""
        return range(self.config.split.folds)

    def note(self, text: str) -> None:
        """One line for the log and the person at the terminal."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        with file_errors(self.path / LOG), (self.path / LOG).open("a", encoding="utf-8") as lines:
            lines.write(f"{stamp} {text}\n")
        log.info(text)

    def write_facts(self) -> None:
        """Keep what the run was made with: seed, commit, versions, threads, data."""
        facts = {**self._facts_before(), **environment(), "seed": self.config.seed}
        if self.is_done("index"):
            facts["data_sha256"] = self.facts("index")["data_sha256"]
        write_atomically(self.path / FACTS, (json.dumps(facts, indent=2) + "\n").encode())

    def add_seconds(self, stage: str, seconds: float) -> None:
        """Count the time that a sitting spent on a stage."""
        facts = self._facts_before()
        before = facts.get("seconds", {})
        facts["seconds"] = {**before, stage: round(before.get(stage, 0.0) + seconds, 1)}
        write_atomically(self.path / FACTS, (json.dumps(facts, indent=2) + "\n").encode())

    def seconds(self) -> dict[str, float]:
        """Time spent on every stage so far, over all sittings; of the base where it was not begun here.

        Its machine is in run.json beside it: cpu, cores, gpus, threads.
        """
        of_base = self.base.seconds() if self.base is not None else {}
        return {**of_base, **self._facts_before().get("seconds", {})}

    def machine(self) -> str:
        """The machine of the last stage, in words."""
        facts = self._facts_before()
        return f"{facts.get('cores', 'unknown')} CPU cores and {', '.join(facts.get('gpus', [])) or 'no GPU'}"

    def _facts_before(self) -> dict[str, Any]:
        file = self.path / FACTS
        return dict(json.loads(file.read_text())) if file.exists() else {}

    def _found(self, step: str) -> Path | None:
        own = self.path / step / DONE
        if own.exists() and (step == "index" or json.loads(own.read_text())["digest"] == self.digest(step)):
            if not self._is_of_this_fit(own):
                raise FileError(f"{own.parent}: made with another fit of the CNN; remove it")
            return own.parent
        if self.base is None or (self.path / step).exists():
            return None
        there = self.base._found(step)
        if step == "index" or there is None:
            return there
        is_equal = self.base.digest(step) == self.digest(step) and self._is_of_this_fit(there / DONE)
        return there if is_equal else None

    def _is_of_this_fit(self, done: Path) -> bool:
        """Whether a finished step is of the CNN that is there; also where none is there, or nobody kept which."""
        fit = self._fit_of_cnn(done.parent.name)
        return fit is None or json.loads(done.read_text()).get("cnn") in (None, fit)

    def _fit_of_cnn(self, step: str) -> str | None:
        """Which fit of the CNN a step reads: two of the same numbers may differ, as on another machine.

        None for a step that reads none, or where there is none.
        """
        if step not in _OF_CNN or (there := self._found("cnn")) is None:
            return None
        return str(json.loads((there / DONE).read_text())["finished"])

    def _has_begun(self, step: str) -> bool:
        """Whether a step has left anything; one that refused its numbers has not."""
        return any(file.name != MARK and file.is_file() for file in (self.path / step).rglob("*"))

    def _refuse_other_numbers(self) -> None:
        """The configuration may change for what has not been begun."""
        file = self.path / CONFIG
        if not file.exists():
            return
        before, now = as_dict(from_file(file)), as_dict(self.config)
        for step, wanted in STEPS.items():
            if not self._has_begun(step):
                continue
            for section in ("seed", *wanted.sections):
                if before[section] != now[section]:
                    what = f"{step} was begun with another {section}"
                    raise FileError(f"{file}: {what}; choose another run folder or remove {self.path / step}")


def append_row(path: Path, row: Mapping[str, Any]) -> None:
    """Add a row to a CSV of metrics; the first row names the columns.

    Raises:
        FileError: it cannot be written.
    """
    is_new = not path.exists()
    with file_errors(path), path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(row))
        if is_new:
            writer.writeheader()
        writer.writerow(row)


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV of metrics; none where the file is not there."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def environment() -> dict[str, Any]:
    """What results can depend on beside configuration and data."""
    import torch

    packages = ("torch", "numpy", "scikit-learn", "opencv-python-headless", "pydicom", "ihd-review")
    return {
        "commit": _commit(),
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "versions": {name: metadata.version(name) for name in packages},
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
    }


def _commit() -> str:
    """The commit of the checkout, with a plus where files differ from it; empty without git."""
    here = Path(__file__).parent
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=True)
        changes = subprocess.run(
            ["git", "status", "--porcelain", "-uno"], cwd=here, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return commit.stdout.strip() + ("+" if changes.stdout.strip() else "")
