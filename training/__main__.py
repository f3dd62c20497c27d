"""python -m training STAGE --run FOLDER: one stage of a run; each says what to run next."""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Never

from ihd_core.errors import Cancelled, IhdError
from training.arguments import ALL, STAGES, parser
from training.presets import PRESETS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from ihd_core.progress import Report
    from training.config import RunConfig
    from training.run_folder import RunFolder

STOPPED = 130
"""Exit status after Ctrl-C, as shells have it."""


def _synthetic(run: RunFolder, _options: argparse.Namespace, report: Report) -> None:
    from training.data.synthetic import write_synthetic

    write_synthetic(run, report=report)


def _index(run: RunFolder, options: argparse.Namespace, report: Report) -> None:
    from training.data.index import make_index
    from training.data.sources import Sources
    from training.data.synthetic import sources_of

    if options.images is None:
        if not run.is_done("synthetic"):
            raise IhdError("index: --images is missing, and the run has no phantoms (stage synthetic)")
        given = (options.labels, options.sample_submission, options.masks, options.boxes)
        if options.layout != "rsna" or any(path is not None for path in given):
            raise IhdError("index: --images is missing; the run's own phantoms have their own labels and masks")
        sources = sources_of(run)
    else:
        sources = Sources(
            options.layout,
            tuple(options.images),
            options.labels,
            masks=options.masks,
            boxes=options.boxes,
            sample_submission=options.sample_submission,
        )
    make_index(run, sources, problems=options.problems, report=report)
    print((run.folder("index") / "report.txt").read_text(encoding="utf-8"))


def _split(run: RunFolder, _options: argparse.Namespace, _report: Report) -> None:
    from training.data.split import make_split

    make_split(run)
    print((run.folder("split") / "table1.md").read_text(encoding="utf-8"))


def _prepare(run: RunFolder, options: argparse.Namespace, report: Report) -> None:
    from training.data.prepare import prepare

    prepare(run, damaged=options.damaged, report=report)


def _cnn(run: RunFolder, _options: argparse.Namespace, report: Report) -> None:
    from training.fitting.cnn import train_cnn

    train_cnn(run, report=report)


def _features(run: RunFolder, _options: argparse.Namespace, report: Report) -> None:
    from training.fitting.features import extract
    from training.fitting.reduction import fit_reduction

    extract(run, report=report)
    fit_reduction(run)


def _sequence(run: RunFolder, _options: argparse.Namespace, report: Report) -> None:
    from training.fitting.sequence import train_sequence

    train_sequence(run, report=report)


def _evaluate(run: RunFolder, options: argparse.Namespace, report: Report) -> None:
    from training.judging.evaluate import evaluate

    evaluate(run, report=report)
    print((run.path / "evaluate" / "table3.md").read_text(encoding="utf-8"))
    if options.table2 or options.stage == "demo":
        from training.judging import claims
        from training.judging.table2 import table2

        found = table2(run, other_start=options.other_start, report=report)
        print(found.as_markdown())
        print(claims.as_markdown(claims.claims(found)))
    if options.beyond:
        from training.judging.parts import beyond_parts

        print(beyond_parts(run, report=report).as_markdown())


def _ablate(run: RunFolder, options: argparse.Namespace, report: Report) -> None:
    from training.judging.ablation import ablate

    print(ablate(run, options.only, seeds=options.seeds, each=options.each, report=report).as_markdown())


def _submission(run: RunFolder, options: argparse.Namespace, _report: Report) -> None:
    from training.submission import submit

    out = submit(run, options.out or run.path / "submission.csv", fill=options.fill)
    print(f"submission: {out}")


def _bundle(run: RunFolder, _options: argparse.Namespace, _report: Report) -> None:
    from training.bundle import bundle

    print(f"model folder: {bundle(run)}")


WORK: dict[str, Callable[[RunFolder, argparse.Namespace, Report], None]] = {
    "synthetic": _synthetic,
    "index": _index,
    "split": _split,
    "prepare": _prepare,
    "cnn": _cnn,
    "features": _features,
    "sequence": _sequence,
    "evaluate": _evaluate,
    "ablate": _ablate,
    "submission": _submission,
    "bundle": _bundle,
}


def main(arguments: list[str] | None = None) -> int:
    """Run one stage, or several; 0 done, 2 the call is at fault, 130 stopped."""
    # Read when torch is first imported: threads that spin while they wait make each other slow on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files and patients may be of any script
            stream.reconfigure(errors="backslashreplace")
    options, rest = parser().parse_known_args(arguments)
    try:
        if options.stage == "bench":
            from training.bench import main as bench

            return bench(rest)
        if rest:
            parser().error(f"unrecognized arguments: {' '.join(rest)}")
        with _stop_at_next_step() as stop:
            return _prove(options, stop) if options.stage == "prove" else _run(options, stop)
    except Cancelled:
        place = options.cache if options.stage == "prove" else options.run
        print(f"training: stopped; the same command goes on from here ({place})", file=sys.stderr)
        return STOPPED
    except IhdError as error:
        print(f"training: {error}", file=sys.stderr)
        return 2


def _prove(options: argparse.Namespace, stop: Callable[[], bool]) -> int:
    from training.proving.proof import MARKDOWN, Asked, into_card, prove

    logging.basicConfig(format="%(message)s", stream=sys.stdout)
    logging.getLogger("training").setLevel(logging.INFO)
    asked = Asked(
        options.model,
        options.cache,
        options.out,
        options.real,
        options.scans,
        options.heads,
        options.each,
        options.methods,
        options.size,
        options.processes,
    )
    proof = prove(asked, report=_report("prove", stop))
    if options.card:
        into_card(options.model, proof)
    print((options.out / MARKDOWN).read_text(encoding="utf-8"))
    return 0


def _run(options: argparse.Namespace, stop: Callable[[], bool]) -> int:
    from training.run_folder import RunFolder

    is_first = os.environ.get("RANK", "0") == "0"
    logging.basicConfig(format="%(message)s", stream=sys.stdout)
    logging.getLogger("training").setLevel(logging.INFO if is_first else logging.ERROR)
    if options.stage == "demo" and options.images:
        raise IhdError("demo: is made from its own phantoms; run the stage all with --images")
    if options.stage != "cnn" and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise IhdError(f"{options.stage}: only the stage cnn runs under torchrun")
    base = RunFolder(options.base) if options.base else None
    run = RunFolder(options.run, _config(options, base), base=base)
    if is_first:
        run.write_facts()
    for name in stages_of(options, run.config):
        if not is_first:
            WORK[name](run, options, _stopping(stop))
            continue
        run.note(f"{name}: begun")
        began = time.monotonic()
        try:
            WORK[name](run, options, _report(name, stop))
        finally:
            run.add_seconds(name, time.monotonic() - began)
        run.note(f"{name}: done{next_command(name, options)}")
    if is_first:
        run.write_facts()
    return 0


def _config(options: argparse.Namespace, base: RunFolder | None) -> RunConfig | None:
    """The configuration asked for; None where the folder's own holds. A new run has the numbers of its base."""
    from training.config import changed, from_file

    there = options.run / "config.json"
    if options.preset is None and there.exists():
        return changed(from_file(there), options.set) if options.set else None
    if options.preset is None and base is not None:
        return changed(base.config, options.set)
    preset = options.preset or ("demo" if options.stage in ("demo", "synthetic") else "paper")
    return changed(PRESETS[preset], options.set)


def stages_of(options: argparse.Namespace, config: RunConfig) -> list[str]:
    """The stages that a word stands for, in order."""
    if options.stage == "demo":
        return list(STAGES)
    if options.stage == "all":
        return [*(["synthetic"] if config.synthetic.scans and not options.images else []), *ALL]
    return [options.stage]


def next_command(name: str, options: argparse.Namespace) -> str:
    """What to run after a stage that was run by itself, to be put behind it; empty after the last."""
    if options.stage != name or name not in ALL or name == ALL[-1]:
        return ""
    base = f" --base {options.base}" if options.base else ""
    return f"; next: python -m training {ALL[ALL.index(name) + 1]} --run {options.run}{base}"


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
    """A progress bar with rate and time left where there is a terminal; ends the work when it is asked to."""
    stopping = _stopping(stop)
    if not sys.stderr.isatty():
        return stopping
    from tqdm import tqdm

    bar: tqdm[Never] | None = None

    def report(done: int, total: int) -> None:
        nonlocal bar
        shown = bar if bar is not None and done >= bar.n else tqdm(desc=name, total=total, initial=done)
        shown.total = total
        shown.update(done - shown.n)
        bar = shown
        if done >= total:
            shown.close()
            bar = None
        stopping(done, total)

    return report


if __name__ == "__main__":
    sys.exit(main())
