"""`ihd`: one subcommand a job; no Qt and no torch until a job needs them."""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING

from app.command_line.arguments import JOBS, BadCall, parser
from app.command_line.study import run_study
from app.command_line.terminal import output, progress, quiet_libraries, say
from app.model_commands import convert_model
from ihd_core.errors import Cancelled, IhdError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from ihd_core.measure import Table

DONE, BUG, AT_FAULT, INTERRUPTED = 0, 1, 2, 130
"""Exit status: done; a bug; the input or the call is at fault; stopped by Ctrl+C."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit status."""
    # Read when torch is first imported: threads that spin while they wait make each other slow on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        with output(), quiet_libraries():
            options = parser().parse_args(_with_job(sys.argv[1:] if arguments is None else arguments))
            return RUN[options.job](options)
    except (KeyboardInterrupt, Cancelled):
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output, `head` for one, has seen enough
        return DONE
    except IhdError as error:
        say(str(error))
        return AT_FAULT
    except Exception:  # the edge of the program: a bug is shown in full and has a status of its own
        traceback.print_exc()
        return BUG


def _with_job(arguments: Sequence[str]) -> list[str]:
    """`ihd PATH` means `ihd open PATH`."""
    if arguments and arguments[0] in (*JOBS, "-h", "--help", "--version"):
        return list(arguments)
    return ["open", *arguments]


def _open(options: argparse.Namespace) -> int:
    if not has_display() and not options.screenshot:
        raise BadCall("there is no display to open a window on; --screenshot FILE works without one")
    return _run_window(options, options.paths, options.mode, options.screenshot)


def _demo(options: argparse.Namespace) -> int:
    from app.command_line.demo import demonstration_study

    with progress("demonstration study") as report:
        study = demonstration_study(report=report)
    if has_display() or options.screenshot:
        return _run_window(options, [study], options.mode, options.screenshot)
    return _demo_off_screen(options, study)


def _demo_off_screen(options: argparse.Namespace, study: Path) -> int:
    """The job of the window without a window: look at the study, predict, explain; then say where everything is."""
    from app.command_line.batch import predict_to_files
    from app.places import default_model, demo_results_folder
    from ihd_core.files import make_folder

    results = make_folder(demo_results_folder())
    picture = options.screenshot or results / "screenshot.png"
    # Second-reader mode would hide what the picture is to show.
    if status := _run_window(options, [study], options.mode or "triage", picture):
        return status
    outputs = [results / "predictions.json", results / "predictions.csv"]
    with progress("predict") as report:
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
            engine=options.engine,
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
        say(line)
    return AT_FAULT if unread else DONE


def _predict(options: argparse.Namespace) -> int:
    from app.command_line.batch import ENDINGS, How, predict_to_files
    from app.places import default_model, engines_file, predictions_folder
    from ihd_core.prediction_cache import PredictionCache

    if options.out.suffix.lower() not in ENDINGS:
        raise BadCall(f"--out {options.out}: the name must end in {' or '.join(ENDINGS)}")
    cache = PredictionCache(predictions_folder()) if options.cache else None
    how = How(options.repair, options.engine, engines_file(), cache)
    with progress("predict", quiet=options.quiet) as report:
        outcome = predict_to_files(
            options.paths,
            options.model or default_model(),
            [options.out],
            options.heatmaps,
            how=how,
            report=report,
        )
    for line in (*outcome.remarks, *outcome.failed):
        say(line)
    return AT_FAULT if outcome.failed else DONE


def _gallery(options: argparse.Namespace) -> int:
    from app.command_line.galleries import write_gallery
    from app.places import default_model

    with progress("gallery", quiet=options.quiet) as report:
        made = write_gallery(
            options.records,
            options.scans,
            options.model or default_model(),
            options.out,
            each=options.each,
            repair=options.repair,
            report=report,
        )
    for line in (*made.outcome.remarks, *made.outcome.failed):
        say(line)
    for value, (count, shown) in made.counts.items():
        print(f"{value}: {count} rated, {shown} shown")
    return AT_FAULT if made.outcome.failed else DONE


def _cache(options: argparse.Namespace) -> int:
    from app.places import predictions_folder
    from ihd_core.prediction_cache import PredictionCache

    cache = PredictionCache(predictions_folder())
    count, size = cache.clear() if options.action == "clear" else cache.size()
    word = "removed" if options.action == "clear" else "kept"
    print(f"{count} predictions {word}, {size / 1e6:.1f} MB, in {cache.folder}")
    return DONE


def _phantom(options: argparse.Namespace) -> int:
    from ihd_core.phantom.studies import write_studies

    with progress("phantom", quiet=options.quiet) as report:
        write_studies(options.out, scans=options.scans, seed=options.seed, labels=options.labels, report=report)
    return DONE


def _phantom_look(options: argparse.Namespace) -> int:
    from ihd_core.phantom.look import write_look

    with progress("phantoms", quiet=options.quiet) as report:
        write_look(options.out, options.real, scans=options.scans, seed=options.seed, report=report)
    return DONE


def _bench_scan(options: argparse.Namespace) -> int:
    from app.bench.scan import bench_scan
    from app.places import default_model

    folder = options.model or default_model()
    with progress("bench", quiet=options.quiet) as report:
        table = bench_scan(folder, options.path, backbone=options.backbone, rounds=options.rounds, report=report)
    return _show(table, options)


def _bench_explain(options: argparse.Namespace) -> int:
    from app.bench.explain import bench_explain
    from app.places import default_model

    folder = options.model or default_model()
    with progress("bench", quiet=options.quiet) as report:
        table = bench_explain(folder, options.path, backbone=options.backbone, rounds=options.rounds, report=report)
    return _show(table, options)


def _bench_model(options: argparse.Namespace) -> int:
    from app.bench.model import bench_model
    from app.places import default_model

    folder = options.model or default_model()
    with progress("bench", quiet=options.quiet) as report:
        table = bench_model(folder, backbone=options.backbone, rounds=options.rounds, report=report)
    return _show(table, options)


def _bench_read(options: argparse.Namespace) -> int:
    from app.bench.read import bench_read

    with progress("bench", quiet=options.quiet) as report:
        table = bench_read(options.path, rounds=options.rounds, report=report)
    return _show(table, options)


def _show(table: Table, options: argparse.Namespace) -> int:
    """Print what a bench found; a goal that was missed is a result, not a failure."""
    import json

    print(json.dumps(table.as_json(), indent=1) if options.json else table.as_text())
    return DONE


def _model_convert(options: argparse.Namespace) -> int:
    with progress("convert", quiet=options.quiet) as report:
        lines = convert_model(options, report)
    print("\n".join(lines))
    return DONE


RUN = {
    "open": _open,
    "demo": _demo,
    "inspect": _inspect,
    "predict": _predict,
    "gallery": _gallery,
    "study": run_study,
    "cache": _cache,
    "phantom": _phantom,
    "phantom-look": _phantom_look,
    "model convert": _model_convert,
    "bench scan": _bench_scan,
    "bench explain": _bench_explain,
    "bench model": _bench_model,
    "bench read": _bench_read,
}
"""What does the job of a command."""
