"""`ihd model`: make model folders from other programs' checkpoints."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ihd_core.labels import Label
    from ihd_core.progress import Report


def add_model_jobs(model: argparse.ArgumentParser) -> None:
    """Add the commands below `ihd model`."""
    jobs = model.add_subparsers(metavar="JOB", required=True)
    job = jobs.add_parser("convert", help="make a model folder from checkpoints of the paper's authors or torchvision")
    source = "checkpoint of a slice network, of a sequence network, and the latter's PCA as .npz or two .npy"
    job.add_argument("sources", metavar="SOURCE", nargs="+", type=Path, help=source)
    job.add_argument("--out", metavar="FOLDER", type=Path, required=True, help="model folder to write, new or empty")
    job.add_argument("--name", metavar="NAME", help="of the model, for the screen (default: that of the folder)")
    order = "order of the checkpoint's outputs (default: the paper's, EDH,IPH,IVH,SAH,SDH,any)"
    job.add_argument("--labels", metavar="A,B,..", type=_order, help=order)
    side = "of the pictures it was fitted on, in pixels (default: 256)"
    job.add_argument("--side", metavar="N", type=int, default=256, help=side)
    for name, use in (("mean", "subtracted from"), ("deviation", "divides")):
        about = f"of brain, subdural and soft tissue channel, 0..1; {use} them (default: the paper's)"
        job.add_argument(f"--{name}", metavar="A,B,C", type=_three, help=about)
    job.add_argument("--quiet", action="store_true", help="show no progress")
    job.set_defaults(job="model convert")


def convert_model(options: argparse.Namespace, report: Report) -> list[str]:
    """Do what `ihd model convert` was asked for and return what there is to say, line by line.

    Raises:
        ModelFileError: see model_import.convert().
        FileError: the folder cannot be written.
    """
    from ihd_core.labels import LABELS
    from ihd_core.model_import import ImportOptions, convert

    asked = ImportOptions(
        name=options.name or options.out.resolve().name,
        labels=options.labels or LABELS,
        side=options.side,
        mean=options.mean,
        deviation=options.deviation,
    )
    done = convert(options.sources, options.out, asked, report=report)
    info = done.info
    lines = [
        f"model     {options.out}",
        f"networks  {info.backbone}{'' if info.sequence is None else ' and BiLSTM'}, {info.side} x {info.side} pixels",
        f"sha256    {info.sha256}",
    ]
    return [*lines, f"unused    {', '.join(done.left_out)}"] if done.left_out else lines


def _order(text: str) -> tuple[Label, ...]:
    """All six labels, by their names or as the screen shortens them."""
    from ihd_core.labels import LABELS

    known = {name.lower(): label for label in LABELS for name in (str(label), label.short_name)}
    names = [name.strip().lower() for name in text.split(",")]
    for name in names:
        if name not in known:
            shown = ", ".join(f"{label} ({label.short_name})" for label in LABELS)
            raise argparse.ArgumentTypeError(f"{name!r} is not one of {shown}")
    order = tuple(known[name] for name in names)
    if sorted(order) != sorted(LABELS):
        raise argparse.ArgumentTypeError(f"{text!r} must name each of the {len(LABELS)} labels once")
    return order


def _three(text: str) -> tuple[float, float, float]:
    try:
        first, second, third = (float(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} must be three numbers with commas between") from error
    return first, second, third
