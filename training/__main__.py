"""python -m training STAGE --run FOLDER: one stage of a run; each says what to run next."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ihd_core.errors import IhdError
from training.config import PRESETS
from training.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable

    from ihd_core.progress import Report
    from training.config import RunConfig


def _synthetic(run: RunFolder, config: RunConfig, report: Report) -> None:
    from training.synthetic import render

    render(run, config, report=report)


def _cnn(run: RunFolder, config: RunConfig, report: Report) -> None:
    from training.cnn import train_cnn

    train_cnn(run, config, report=report)


def _focus(run: RunFolder, config: RunConfig, report: Report) -> None:
    from training.focus import focus_cnn

    focus_cnn(run, config, report=report)


def _features(run: RunFolder, config: RunConfig, report: Report) -> None:
    from training.cnn import load_cnn
    from training.features import extract

    extract(run, load_cnn(run, config), report=report)


def _sequence(run: RunFolder, config: RunConfig, report: Report) -> None:
    from training.sequence import train_sequence

    train_sequence(run, config, report=report)


def _evaluate(run: RunFolder, config: RunConfig, report: Report) -> None:
    from training.bundle import results

    print(results(run, config).as_text())


def _bundle(run: RunFolder, config: RunConfig, report: Report) -> None:
    from training.bundle import bundle

    print(f"model folder: {bundle(run, config)}")


STAGES: dict[str, tuple[str, Callable[[RunFolder, RunConfig, Report], None]]] = {
    "synthetic": ("render phantoms into shards of slices", _synthetic),
    "cnn": ("fit the slice network", _cnn),
    "focus": ("go on with it so that its evidence stays on the hemorrhage", _focus),
    "features": ("run the slice network over every split", _features),
    "sequence": ("fit the reduction and the BiLSTM", _sequence),
    "evaluate": ("accuracy on the test scans, with intervals", _evaluate),
    "bundle": ("write the model folder that the program opens", _bundle),
}


def main(arguments: list[str] | None = None) -> int:
    """Run one stage, or all of them in order; 0 done, 2 the call is at fault."""
    # Read when torch is first imported: threads that spin while they wait make each other slow on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    stages = "\n".join(f"  {name:10} {text}" for name, (text, _) in STAGES.items())
    parser = argparse.ArgumentParser(
        "python -m training",
        description=f"Stages, in order:\n{stages}\n  all        every stage in order",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("stage", choices=[*STAGES, "all"], metavar="STAGE")
    parser.add_argument("--run", type=Path, required=True, help="folder that the stages share")
    parser.add_argument("--preset", choices=PRESETS, default="demo", help="the numbers of the run")
    options = parser.parse_args(arguments)
    try:
        config, run = PRESETS[options.preset], RunFolder(options.run)
        run.write_config(config)
        names = list(STAGES)
        for name in names if options.stage == "all" else [options.stage]:
            STAGES[name][1](run, config, _report(name))
            following = names[names.index(name) + 1 : names.index(name) + 2]
            print(
                f"{name}: done"
                + (f"; next: python -m training {following[0]} --run {options.run}" if following else "")
            )
    except IhdError as error:
        print(f"training: {error}", file=sys.stderr)
        return 2
    return 0


def _report(name: str) -> Report:
    """A progress bar on the terminal."""
    from tqdm import tqdm

    bar = tqdm(desc=name, disable=not sys.stderr.isatty())

    def report(done: int, total: int) -> None:
        bar.total, bar.n = total, done
        bar.refresh()
        if done == total:
            bar.close()

    return report


if __name__ == "__main__":
    sys.exit(main())
