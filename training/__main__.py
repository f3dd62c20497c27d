"""python -m training STAGE --run FOLDER: one stage of a run; each says what to run next."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ihd_core.errors import Cancelled, IhdError
from training.presets import PRESETS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ihd_core.progress import Report
    from training.config import RunConfig
    from training.run_folder import RunFolder

STOPPED = 130
"""Exit status after Ctrl-C, as shells have it."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One word of the command line.

    Attributes:
        text: what it does.
        work: does it, and prints what a person wants to see.
    """

    text: str
    work: Callable[[RunFolder, argparse.Namespace, Report], None]


def _synthetic(run: RunFolder, _options: argparse.Namespace, report: Report) -> None:
    from training.synthetic import write_synthetic

    write_synthetic(run, report=report)


def _index(run: RunFolder, options: argparse.Namespace, report: Report) -> None:
    from training.index import make_index
    from training.recipe import sources_from, tables_of_index

    make_index(run, sources_from(run, options), problems=options.problems, report=report)
    print(tables_of_index(run))


def _split(run: RunFolder, _options: argparse.Namespace, _report: Report) -> None:
    from training.split import make_split

    make_split(run)


def _prepare(run: RunFolder, options: argparse.Namespace, report: Report) -> None:
    from training.prepare import prepare

    prepare(run, damaged=options.damaged, report=report)


def _cnn(run: RunFolder, _options: argparse.Namespace, report: Report) -> None:
    from training.cnn import train_cnn

    train_cnn(run, report=report)


def _features(run: RunFolder, _options: argparse.Namespace, report: Report) -> None:
    from training.features import extract
    from training.reduction import fit_reduction

    extract(run, report=report)
    fit_reduction(run)


def _sequence(run: RunFolder, _options: argparse.Namespace, report: Report) -> None:
    from training.sequence import train_sequence

    train_sequence(run, report=report)


def _evaluate(run: RunFolder, options: argparse.Namespace, report: Report) -> None:
    from training.recipe import evaluation_text

    print(evaluation_text(run, table2=options.table2, beyond=options.beyond, report=report))


def _submission(run: RunFolder, options: argparse.Namespace, _report: Report) -> None:
    from training.recipe import submit

    print(f"submission: {submit(run, options.out, fill=options.fill)}")


def _bundle(run: RunFolder, _options: argparse.Namespace, _report: Report) -> None:
    from training.bundle import bundle

    print(f"model folder: {bundle(run)}")


STAGES = {
    "synthetic": Stage("write phantoms in RSNA 2019's format, to try the other stages on", _synthetic),
    "index": Stage("read headers and labels; say what is missing, unreadable, unlabelled; Table 1", _index),
    "split": Stage("by patient, stratified: who is fitted, who chooses, who judges", _split),
    "prepare": Stage("slices as pictures in memory-mapped shards", _prepare),
    "cnn": Stage("fit the slice network (also under torchrun)", _cnn),
    "features": Stage("run it over every slice, and fit the reduction", _features),
    "sequence": Stage("fit the BiLSTM", _sequence),
    "evaluate": Stage("log loss, Table 3, calibration, operating points, plots", _evaluate),
    "submission": Stage("the challenge's CSV", _submission),
    "bundle": Stage("write the model folder that the program opens", _bundle),
}
TRAINING = ("index", "split", "prepare", "cnn", "features", "sequence", "evaluate", "bundle")
"""What `all` runs; after synthetic, where the configuration has phantoms."""


def main(arguments: list[str] | None = None) -> int:
    """Run one stage, or several; 0 done, 1 a claim to prove was not computed, 2 the call is at fault, 130 stopped."""
    # Read when torch is first imported: threads that spin while they wait make each other slow on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    options = _parser().parse_args(arguments)
    try:
        if options.stage == "bench":
            from training.bench import main as bench

            return bench(options.rest)
        with _stop_at_next_step() as stop:
            return _run(options, stop)
    except Cancelled:
        print(f"training: stopped; the same command goes on from here ({options.run})", file=sys.stderr)
        return STOPPED
    except IhdError as error:
        print(f"training: {error}", file=sys.stderr)
        return 2


def _run(options: argparse.Namespace, stop: Callable[[], bool]) -> int:
    from training.run_folder import RunFolder

    is_first = os.environ.get("RANK", "0") == "0"
    logging.basicConfig(format="%(message)s", stream=sys.stdout)
    logging.getLogger("training").setLevel(logging.INFO if is_first else logging.ERROR)
    if options.stage != "cnn" and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise IhdError(f"{options.stage}: only the stage cnn runs under torchrun")
    base = RunFolder(options.base) if options.base else None
    run = RunFolder(options.run, _config(options), base=base)
    if is_first:
        run.write_facts()
    if options.stage == "demo":
        from training.demo import demo

        demo(run, report_of=lambda name: _report(name, stop))
        return 0
    names = [options.stage]
    if options.stage == "all":
        names = [*(["synthetic"] if run.config.synthetic.scans else []), *TRAINING]
    for name in names:
        run.note(f"{name}: begun")
        STAGES[name].work(run, options, _report(name, stop) if is_first else _stopping(stop))
        run.note(f"{name}: done{_next(name, options)}")
    run.write_facts()
    return 0


def _config(options: argparse.Namespace) -> RunConfig | None:
    """The configuration asked for; None where the folder's own holds."""
    from training.config import changed, from_file

    there = options.run / "config.json"
    if options.preset is None and there.exists():
        return changed(from_file(there), options.set) if options.set else None
    preset = options.preset or ("demo" if options.stage in ("demo", "synthetic") else "paper")
    return changed(PRESETS[preset], options.set)


def _next(name: str, options: argparse.Namespace) -> str:
    if options.stage == "all" or name not in TRAINING or name == TRAINING[-1]:
        return ""
    return f"; next: python -m training {TRAINING[TRAINING.index(name) + 1]} --run {options.run}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m training", description="Train the system of the paper, and beyond.")
    stages = parser.add_subparsers(dest="stage", metavar="STAGE", required=True)
    for name, stage in STAGES.items():
        _add_options(stages.add_parser(name, help=stage.text, description=stage.text), name)
    _add_options(stages.add_parser("all", help=f"{' '.join(TRAINING)}, one after the other"), "all")
    _add_options(
        stages.add_parser("demo", help="every stage on phantoms; Tables 1, 2 and 3; the paper's claims"), "demo"
    )
    bench = stages.add_parser("bench", help="images per second of loader and model", add_help=False)
    bench.add_argument("rest", nargs=argparse.REMAINDER)
    return parser


def _add_options(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument("--run", type=Path, required=True, metavar="FOLDER", help="that the stages share")
    parser.add_argument("--preset", choices=PRESETS, help="numbers of a new run; default: paper, for phantoms demo")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.NAME=VALUE", help="change one number")
    parser.add_argument("--base", type=Path, metavar="FOLDER", help="another run, whose equal steps are taken from it")
    if name in ("index", "all"):
        parser.add_argument("--layout", choices=("rsna", "cq500", "csv"), default="rsna", help="of folders and labels")
        parser.add_argument("--images", type=Path, action="append", metavar="FOLDER", help="may be given several times")
        parser.add_argument("--labels", type=Path, metavar="CSV")
        parser.add_argument("--sample-submission", type=Path, metavar="CSV", help="the challenge's test slices")
        parser.add_argument("--masks", type=Path, metavar="FOLDER", help="ID.png, bit i for the i-th subtype")
        parser.add_argument("--boxes", type=Path, metavar="CSV", help="id,label,top,left,bottom,right")
        parser.add_argument("--problems", choices=("leave-out", "refuse"), default="leave-out")
    if name in ("prepare", "all"):
        parser.add_argument("--damaged", choices=("leave-out", "refuse"), default="leave-out", help="unreadable slices")
    if name in ("evaluate", "all"):
        parser.add_argument("--table2", action="store_true", help="train and measure the paper's twelve rows")
        parser.add_argument("--beyond", action="store_true", help="train and measure each part of beyond alone")
    if name == "submission":
        parser.add_argument("--out", type=Path, metavar="CSV", help="default: submission.csv in the run")
        parser.add_argument("--fill", action="store_true", help="slices that could not be read get the prevalence")


@contextmanager
def _stop_at_next_step() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and a polite kill are noticed at the next step; a second Ctrl-C ends at once."""
    asked: list[int] = []

    def ask(number: int, _frame: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stopping(stop: Callable[[], bool]) -> Report:
    def report(_done: int, _total: int) -> None:
        if stop():
            raise Cancelled("stopped")

    return report


def _report(name: str, stop: Callable[[], bool]) -> Report:
    """A progress bar with rate and time left, that ends the work when it is asked to."""
    from tqdm import tqdm

    bar: tqdm[None] | None = None
    stopping = _stopping(stop)

    def report(done: int, total: int) -> None:
        nonlocal bar
        if bar is None or done < bar.n:
            bar = tqdm(desc=name, total=total, initial=done, disable=not sys.stderr.isatty())
        bar.total = total
        bar.update(done - bar.n)
        if done >= total:
            bar.close()
            bar = None
        stopping(done, total)

    return report


if __name__ == "__main__":
    sys.exit(main())
