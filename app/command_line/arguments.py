"""The command line of `ihd`: every command with its options."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from app.command_line.study import add_study_jobs
from app.model_commands import add_model_jobs
from ihd_core.errors import IhdError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ihd_core.labels import Label

JOBS = ("open", "demo", "inspect", "predict", "gallery", "study", "phantom", "phantom-look", "model", "cache", "bench")
PATH_HELP = "folder (with all in it), DICOM file, DICOMDIR, ZIP or NIfTI (.nii, .nii.gz); as many as you like"
MODES = ("second-reader", "triage")


class BadCall(IhdError):
    """The command line asks for something that cannot be done."""


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
    job.set_defaults(job="open")

    job = jobs.add_parser("demo", help="open the window on the demonstration study")
    _add_window_options(job)
    job.set_defaults(job="demo")

    job = jobs.add_parser("inspect", help="say which series are in files and folders, and which one is chosen and why")
    _add_paths(job)
    series = "look at series N of the list instead of the one that is chosen"
    job.add_argument("--series", metavar="N", type=_count, help=series)
    _add_repair(job)
    job.add_argument("--json", action="store_true", help="write JSON instead of text")
    job.set_defaults(job="inspect")

    job = jobs.add_parser("predict", help="write the model's probabilities, and heatmaps, to files")
    _add_paths(job)
    _add_model(job)
    job.add_argument("--out", metavar="FILE", type=Path, required=True, help="result, .json or .csv by its ending")
    job.add_argument(
        "--heatmaps",
        metavar="DIR",
        type=Path,
        help="write pictures of every slice, and contact sheets, into DIR/SERIES",
    )
    _add_engine(job)
    job.add_argument("--no-cache", action="store_false", dest="cache", help="predict anew, and keep nothing of it")
    _add_repair(job)
    _add_quiet(job)
    job.set_defaults(job="predict")

    job = jobs.add_parser("gallery", help="show how readers rated heatmaps: examples of each rating, on pages")
    _add_gallery(job)

    add_study_jobs(jobs.add_parser("study", help="run a reader study: protocol, records, export"))

    _add_phantom_jobs(jobs)

    job = jobs.add_parser("model", help="make model folders")
    add_model_jobs(job)

    job = jobs.add_parser("cache", help="say how large the cache of predictions is, or clear it")
    job.add_argument(
        "action", metavar="ACTION", nargs="?", choices=("show", "clear"), default="show", help="show or clear"
    )
    job.set_defaults(job="cache")

    job = jobs.add_parser("bench", help="measure how fast the program is here, against its goals")
    _add_benches(job)
    return ihd


def _add_phantom_jobs(jobs: argparse._SubParsersAction[_Parser]) -> None:
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
    job.set_defaults(job="phantom")

    job = jobs.add_parser("phantom-look", help="show synthetic heads beside a real one, in pictures and figures")
    job.add_argument("out", metavar="OUT", type=Path, help="folder to write to")
    job.add_argument("--real", metavar="FOLDER", type=Path, help="a real head CT; OUT must then lie elsewhere")
    job.add_argument("--scans", metavar="N", type=_count, default=6, help="how many synthetic heads (default: 6)")
    job.add_argument("--seed", metavar="S", type=_seed, default=0, help="of the first one (default: 0)")
    _add_quiet(job)
    job.set_defaults(job="phantom-look")


def _add_gallery(job: argparse.ArgumentParser) -> None:
    job.add_argument("records", metavar="RECORD", nargs="+", type=Path, help="record of a reader (CSV); only read")
    job.add_argument("--scans", metavar="PATH", nargs="+", type=Path, required=True, help=PATH_HELP)
    job.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder for the pages and gallery.csv")
    each = "so many of each rating at most, by lot (default: 8)"
    job.add_argument("--each", metavar="N", type=_count, default=8, help=each)
    _add_model(job)
    _add_repair(job)
    _add_quiet(job)
    job.set_defaults(job="gallery")


def _add_benches(bench: argparse.ArgumentParser) -> None:
    benches = bench.add_subparsers(metavar="JOB", required=True)
    job = benches.add_parser("scan", help="from a folder to probabilities and heatmaps, beside the naive way; memory")
    job.add_argument("path", metavar="PATH", nargs="?", type=Path, help="DICOM folder (default: a phantom)")
    _add_measured_model(job)
    job.set_defaults(job="bench scan")

    job = benches.add_parser("explain", help="what heatmaps cost, and how exact they are")
    job.add_argument("path", metavar="PATH", nargs="?", type=Path, help="DICOM file or folder (default: a phantom)")
    _add_measured_model(job)
    job.set_defaults(job="bench explain")

    job = benches.add_parser("model", help="the engines that run the CNN, against torch in single precision")
    _add_measured_model(job)
    job.set_defaults(job="bench model")

    job = benches.add_parser("read", help="reading a series, against other readers")
    job.add_argument("path", metavar="PATH", nargs="?", type=Path, help="DICOM folder (default: made for it)")
    _add_bench_options(job)
    job.set_defaults(job="bench read")


def _add_measured_model(job: argparse.ArgumentParser) -> None:
    _add_model(job)
    about = "measure this network with the paper's sizes and random weights instead, such as resnext101_32x8d"
    job.add_argument("--backbone", metavar="NAME", type=_backbone, help=about)
    _add_bench_options(job)


def _backbone(text: str) -> str:
    from ihd_core.networks.network import BACKBONES

    if text not in BACKBONES:
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(BACKBONES)}")
    return text


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


def _add_engine(job: argparse.ArgumentParser) -> None:
    engines = "'auto', 'cuda', 'openvino bf16', 'torch bf16', 'openvino fp32', 'onnxruntime fp32' or 'torch fp32'"
    about = f"what runs the CNN: {engines} (default: auto, the fastest here that agrees with torch fp32)"
    job.add_argument("--engine", metavar="NAME", type=_engine, default="auto", help=about)


def _engine(text: str) -> str:
    from ihd_core.engines.engine import ENGINES

    if text not in ENGINES:
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(ENGINES)}")
    return text


def _add_quiet(job: argparse.ArgumentParser) -> None:
    job.add_argument("--quiet", action="store_true", help="show no progress")


def _add_window_options(job: argparse.ArgumentParser) -> None:
    _add_model(job)
    _add_engine(job)
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
