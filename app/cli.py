"""`ihd`: one subcommand a job; no Qt and no torch until a job needs them."""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ihd_core.errors import Cancelled, FileError, IhdError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ihd_core.labels import Label
    from ihd_core.measure import Table
    from ihd_core.progress import Report

DONE, BUG, AT_FAULT, INTERRUPTED = 0, 1, 2, 130
"""Exit status: done; a bug; the input or the call is at fault; stopped by Ctrl+C."""

JOBS = ("open", "demo", "inspect", "predict", "phantom", "bench")
PATH_HELP = "folder (with all in it), DICOM file, DICOMDIR, ZIP or NIfTI (.nii, .nii.gz); as many as you like"
MODES = ("second-reader", "triage")


class BadCall(IhdError):
    """The command line asks for something that cannot be done."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit status."""
    # Read when torch is first imported: threads that spin while they wait make each other slow on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        with _output(), _quiet_libraries():
            options = parser().parse_args(_with_job(sys.argv[1:] if arguments is None else arguments))
            status: int = options.run(options)
            return status
    except (KeyboardInterrupt, Cancelled):
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output, `head` for one, has seen enough
        return DONE
    except IhdError as error:
        _say(str(error))
        return AT_FAULT
    except Exception:  # the edge of the program: a bug is shown in full and has a status of its own
        traceback.print_exc()
        return BUG


@contextmanager
def _output() -> Iterator[None]:
    """Write everything printed in the block before it ends, and let no terminal fail on a degree sign.

    Raises:
        FileError: standard output cannot be written, as on a full disk.
        BrokenPipeError: nobody reads it any more.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        try:
            sys.stdout.flush()
        except OSError as error:
            # What is still buffered goes nowhere, so that the end of Python does not fail on it again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if isinstance(error, BrokenPipeError):
                raise
            raise FileError(f"standard output: cannot be written ({error.strerror})") from error


def _say(text: str) -> None:
    """One line on standard error, whatever is in the text."""
    print(f"ihd: {' '.join(text.split())}", file=sys.stderr)


def _with_job(arguments: Sequence[str]) -> list[str]:
    """`ihd PATH` means `ihd open PATH`."""
    if arguments and arguments[0] in (*JOBS, "-h", "--help", "--version"):
        return list(arguments)
    return ["open", *arguments]


class _Parser(argparse.ArgumentParser):
    """Takes PATH before, between and behind options, as in `inspect A --json B`."""

    _is_between = False

    def parse_known_args(  # type: ignore[override]  # the overloads of the base class say the same
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """As the base class, which alone would refuse the second run of paths."""
        if self._is_between or self._subparsers is not None:
            return super().parse_known_args(args, namespace)
        self._is_between = True
        try:
            return super().parse_known_intermixed_args(args, namespace)
        finally:
            self._is_between = False

    def error(self, message: str) -> NoReturn:
        raise BadCall(f"{message} (see: {self.prog} --help)")


class _Version(argparse.Action):
    """`--version`, looked up only when asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from app.places import version

        print("ihd", version())
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    ihd = _Parser(
        prog="ihd",
        usage="ihd [PATH ...] | ihd COMMAND ...",
        description="Review head CT for intracranial hemorrhage with an explained second opinion (research only).",
        epilog="Without a command, PATH opens in the window. `ihd COMMAND --help` lists a command's options.",
    )
    ihd.add_argument("--version", action=_Version, nargs=0, help="show the program's version and exit")
    jobs = ihd.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser, prog="ihd")

    job = jobs.add_parser("open", help="open the window; also without this word: ihd PATH", prog="ihd [open]")
    job.add_argument("paths", metavar="PATH", nargs="*", type=Path, help=PATH_HELP)
    _add_window_options(job)
    _add_repair(job)
    job.set_defaults(run=_open)

    job = jobs.add_parser("demo", help="open the window on the demonstration study")
    _add_window_options(job)
    job.set_defaults(run=_demo)

    job = jobs.add_parser("inspect", help="say which series are in files and folders, and which one is chosen and why")
    _add_paths(job)
    series = "look at series N of the list instead of the one that is chosen"
    job.add_argument("--series", metavar="N", type=_count, help=series)
    _add_repair(job)
    job.add_argument("--json", action="store_true", help="write JSON instead of text")
    job.set_defaults(run=_inspect)

    job = jobs.add_parser("predict", help="write the model's probabilities, and heatmaps, to files")
    _add_paths(job)
    _add_model(job)
    job.add_argument("--out", metavar="FILE", type=Path, required=True, help="result, .json or .csv by its ending")
    job.add_argument("--heatmaps", metavar="DIR", type=Path, help="write DIR/SERIES/INDEX_LABEL.png for every slice")
    _add_repair(job)
    _add_quiet(job)
    job.set_defaults(run=_predict)

    job = jobs.add_parser("phantom", help="write synthetic head CT with hemorrhages whose place is known")
    job.add_argument("out", metavar="OUT", type=Path, help="folder to write to")
    job.add_argument("--scans", metavar="N", type=_count, default=1, help="how many (default: 1)")
    job.add_argument(
        "--seed", metavar="S", type=_seed, default=0, help="the same seed gives the same scans (default: 0)"
    )
    job.add_argument(
        "--labels", metavar="A,B", type=_labels, help="exactly these subtypes in every scan; none: healthy"
    )
    _add_quiet(job)
    job.set_defaults(run=_phantom)

    job = jobs.add_parser("bench", help="measure how fast the program is here, against its goals")
    _add_benches(job)
    return ihd


def _add_benches(bench: argparse.ArgumentParser) -> None:
    benches = bench.add_subparsers(metavar="JOB", required=True)
    job = benches.add_parser("predict", help="reading and explaining a scan")
    job.add_argument("path", metavar="PATH", nargs="?", type=Path, help="DICOM file or folder (default: a phantom)")
    _add_model(job)
    _add_bench_options(job)
    job.set_defaults(run=_bench_predict)

    job = benches.add_parser("read", help="reading a series, against other readers")
    job.add_argument("path", metavar="PATH", nargs="?", type=Path, help="DICOM folder (default: made for it)")
    _add_bench_options(job)
    job.set_defaults(run=_bench_read)


def _add_bench_options(job: argparse.ArgumentParser) -> None:
    job.add_argument("--rounds", metavar="N", type=_count, default=7, help="time everything so often (default: 7)")
    job.add_argument("--json", action="store_true", help="write JSON instead of text")
    _add_quiet(job)


def _add_paths(job: argparse.ArgumentParser) -> None:
    job.add_argument("paths", metavar="PATH", nargs="+", type=Path, help=PATH_HELP)


def _add_repair(job: argparse.ArgumentParser) -> None:
    about = "take the values of RSNA files as stored; otherwise their wrap-around is undone, and a warning says so"
    job.add_argument("--no-repair", action="store_false", dest="repair", help=about)


def _add_model(job: argparse.ArgumentParser) -> None:
    job.add_argument("--model", metavar="DIR", type=Path, help="model folder (default: the one that comes with ihd)")


def _add_quiet(job: argparse.ArgumentParser) -> None:
    job.add_argument("--quiet", action="store_true", help="show no progress")


def _add_window_options(job: argparse.ArgumentParser) -> None:
    _add_model(job)
    job.add_argument("--journal", metavar="FILE", type=Path, help="keep the record in this CSV")
    job.add_argument("--reader", metavar="NAME", help="the reader's pseudonym; asked for otherwise")
    job.add_argument("--mode", choices=MODES, help="when the model's results are shown (default: second-reader)")
    job.add_argument("--screenshot", metavar="FILE", type=Path, help="wait for the results, write a picture, exit")


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"{count} is less than 1")
    return count


def _seed(text: str) -> int:
    seed = int(text)
    if seed < 0:
        raise argparse.ArgumentTypeError(f"{seed} is less than 0")
    return seed


def _labels(text: str) -> tuple[Label, ...]:
    from ihd_core.labels import SUBTYPES

    names = [name.strip().lower() for name in text.split(",")]
    if names == ["none"]:
        return ()
    for name in names:
        if name not in SUBTYPES:
            raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(SUBTYPES)}, or none")
    return tuple(label for label in SUBTYPES if label in names)


def _open(options: argparse.Namespace) -> int:
    if not has_display() and not options.screenshot:
        raise BadCall("there is no display to open a window on; --screenshot FILE works without one")
    return _run_window(options, options.paths, options.mode, options.screenshot)


def _demo(options: argparse.Namespace) -> int:
    from app.demo import demonstration_study

    with _progress("demonstration study") as report:
        study = demonstration_study(report=report)
    if has_display() or options.screenshot:
        return _run_window(options, [study], options.mode, options.screenshot)
    return _demo_off_screen(options, study)


def _demo_off_screen(options: argparse.Namespace, study: Path) -> int:
    """The job of the window without a window: look at the study, predict, explain; then say where everything is."""
    from app.batch import predict_to_files
    from app.places import default_model, demo_results_folder
    from ihd_core.files import make_folder

    results = make_folder(demo_results_folder())
    picture = options.screenshot or results / "screenshot.png"
    # Second-reader mode would hide what the picture is to show.
    if status := _run_window(options, [study], options.mode or "triage", picture):
        return status
    outputs = [results / "predictions.json", results / "predictions.csv"]
    with _progress("predict") as report:
        predict_to_files([study], options.model or default_model(), outputs, results / "heatmaps", report=report)
    print(f"predictions  {outputs[0]}\n             {outputs[1]}\nheatmaps     {results / 'heatmaps'}")
    print(f"study        {study}\nThere is no display, so the demonstration study was read off screen.")
    return DONE


def _run_window(options: argparse.Namespace, paths: Sequence[Path], mode: str | None, screenshot: Path | None) -> int:
    if not has_display():
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from app.program import WindowOptions, run_window

    return run_window(
        WindowOptions(
            paths=tuple(paths),
            model=options.model,
            journal=options.journal,
            reader=options.reader,
            mode=mode,
            screenshot=screenshot,
            repair=getattr(options, "repair", True),  # demo has no such option: its files need no repair
        )
    )


def has_display() -> bool:
    """Whether a person could see a window."""
    platform = os.environ.get("QT_QPA_PLATFORM", "").split(":")[0]
    if platform in ("offscreen", "minimal"):
        return False
    if platform or sys.platform != "linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _inspect(options: argparse.Namespace) -> int:
    import json

    from ihd_core.dicom.inspection import inspect, unread_inputs

    inspection = inspect(options.paths, place=options.series, repair=options.repair)
    print(json.dumps(inspection.as_json(), indent=1) if options.json else inspection.as_text())
    unread = unread_inputs(inspection.found, options.paths)
    for line in unread:
        _say(line)
    return AT_FAULT if unread else DONE


def _predict(options: argparse.Namespace) -> int:
    from app.batch import ENDINGS, predict_to_files
    from app.places import default_model

    if options.out.suffix.lower() not in ENDINGS:
        raise BadCall(f"--out {options.out}: the name must end in {' or '.join(ENDINGS)}")
    with _progress("predict", quiet=options.quiet) as report:
        outcome = predict_to_files(
            options.paths,
            options.model or default_model(),
            [options.out],
            options.heatmaps,
            repair=options.repair,
            report=report,
        )
    for line in (*outcome.remarks, *outcome.failed):
        _say(line)
    return AT_FAULT if outcome.failed else DONE


def _phantom(options: argparse.Namespace) -> int:
    from ihd_core.phantom.studies import write_studies

    with _progress("phantom", quiet=options.quiet) as report:
        write_studies(options.out, scans=options.scans, seed=options.seed, labels=options.labels, report=report)
    return DONE


def _bench_predict(options: argparse.Namespace) -> int:
    from app.bench.predict import bench_predict
    from app.places import default_model

    with _progress("bench", quiet=options.quiet) as report:
        table = bench_predict(options.model or default_model(), options.path, rounds=options.rounds, report=report)
    return _show(table, options)


def _bench_read(options: argparse.Namespace) -> int:
    from app.bench.read import bench_read

    with _progress("bench", quiet=options.quiet) as report:
        table = bench_read(options.path, rounds=options.rounds, report=report)
    return _show(table, options)


def _show(table: Table, options: argparse.Namespace) -> int:
    """Print what a bench found; a goal that was missed is a result, not a failure."""
    import json

    print(json.dumps(table.as_json(), indent=1) if options.json else table.as_text())
    return DONE


@contextmanager
def _progress(title: str, *, quiet: bool = False) -> Iterator[Report]:
    """A bar on standard error that shows itself with the first report and stays when the work is done."""
    from tqdm import tqdm

    tqdm.monitor_interval = 0  # no thread beside the bar
    bar: tqdm[NoReturn] | None = None

    def report(done: int, total: int) -> None:
        nonlocal bar
        if quiet:
            return
        bar = bar or tqdm(total=total, desc=title, file=sys.stderr)
        bar.total = total
        bar.update(done - bar.n)

    try:
        yield report
    finally:
        if bar:
            bar.close()


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Keep the warnings of libraries off the terminal: what a person must know is in the scan's own warnings."""
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
