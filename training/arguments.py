"""The words and options of `python -m training`."""

from __future__ import annotations

import argparse
from pathlib import Path

from training.presets import PRESETS

STAGES = {
    "synthetic": "write phantoms in RSNA 2019's format, to try the other stages on",
    "index": "read headers and labels; say what is missing, unreadable, unlabelled; Table 1",
    "split": "by patient, stratified: who is fitted, who chooses, who judges",
    "prepare": "slices as pictures in memory-mapped shards",
    "cnn": "fit the slice network (also under torchrun)",
    "features": "run it over every slice, and fit the reduction",
    "sequence": "fit the BiLSTM",
    "evaluate": "log loss, Table 3, calibration, operating points, plots; Table 2 on request",
    "submission": "the challenge's CSV",
    "bundle": "write the model folder that the program opens",
}
"""In order, with what they do."""

ALL = ("index", "split", "prepare", "cnn", "features", "sequence", "evaluate", "bundle")
"""What `all` runs; after synthetic, where the configuration has phantoms."""


def parser() -> argparse.ArgumentParser:
    """The command line; bench keeps its own options."""
    parser = argparse.ArgumentParser("python -m training", description="Train the system of the paper, and beyond.")
    stages = parser.add_subparsers(dest="stage", metavar="STAGE", required=True)
    for name, text in STAGES.items():
        _add_options(stages.add_parser(name, help=text, description=text), name)
    _add_options(stages.add_parser("all", help=f"{' '.join(ALL)}, one after the other"), "all")
    text = "all, and the submission, on phantoms; prints Tables 1, 2 and 3 and whether the paper's claims hold"
    _add_options(stages.add_parser("demo", help=text, description=text), "demo")
    text = "what in the CNN's recipe matters: fit it with one thing changed each, judge all on scans that none saw"
    _add_ablate(stages.add_parser("ablate", help=text, description=text))
    text = "judge any model folder on held-out phantoms and on a real head; no stage of a run"
    _add_prove(stages.add_parser("prove", help=text, description=text))
    stages.add_parser("bench", help="images per second of loader and model", add_help=False)
    return parser


def _add_options(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument("--run", type=Path, required=True, metavar="FOLDER", help="that the stages share")
    parser.add_argument(
        "--preset", choices=PRESETS, help="numbers of a new run; default: its base's, else paper, for phantoms demo"
    )
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.NAME=VALUE", help="change one number")
    parser.add_argument("--base", type=Path, metavar="FOLDER", help="another run, whose equal steps are taken from it")
    if name in ("index", "all", "demo"):
        parser.add_argument("--layout", choices=("rsna", "cq500", "csv"), default="rsna", help="of folders and labels")
        parser.add_argument("--images", type=Path, action="append", metavar="FOLDER", help="may be given several times")
        parser.add_argument("--labels", type=Path, metavar="CSV")
        parser.add_argument("--sample-submission", type=Path, metavar="CSV", help="the challenge's test slices")
        parser.add_argument("--masks", type=Path, metavar="FOLDER", help="ID.png, bit i for the i-th subtype")
        parser.add_argument("--boxes", type=Path, metavar="CSV", help="id,label,top,left,bottom,right")
        parser.add_argument("--problems", choices=("leave-out", "refuse"), default="leave-out")
    if name in ("prepare", "all", "demo"):
        parser.add_argument("--damaged", choices=("leave-out", "refuse"), default="leave-out", help="unreadable slices")
    if name in ("evaluate", "all", "demo"):
        parser.add_argument("--table2", action="store_true", help="train and measure the paper's twelve rows")
        parser.add_argument(
            "--other-start", default="", metavar="FILE", help="starting weights of Table 2's other CNN; default: random"
        )
        parser.add_argument("--beyond", action="store_true", help="train and measure each part of beyond alone")
    if name in ("submission", "demo"):
        parser.add_argument("--out", type=Path, metavar="CSV", help="default: submission.csv in the run")
        parser.add_argument("--fill", action="store_true", help="slices that could not be read get the prevalence")


def _add_ablate(parser: argparse.ArgumentParser) -> None:
    _add_options(parser, "ablate")
    parser.add_argument(
        "--only", action="append", default=[], metavar="RECIPE", help="such as masks; may be given several times"
    )
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="fits of the base; default: %(default)s")
    text = "fits of every other recipe; default: %(default)s"
    parser.add_argument("--each", type=int, default=1, metavar="N", help=text)


def _add_prove(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, required=True, metavar="FOLDER", help="the model folder to judge")
    parser.add_argument("--real", type=Path, metavar="FOLDER", help="DICOM files of a real head without hemorrhage")
    parser.add_argument("--out", type=Path, default=Path("runs/proof"), metavar="FOLDER", help="default: %(default)s")
    parser.add_argument(
        "--cache", type=Path, default=Path("runs/held_out"), metavar="FOLDER", help="rendered phantoms; %(default)s"
    )
    parser.add_argument("--scans", type=int, default=300, metavar="N", help="held-out phantoms; default: %(default)s")
    parser.add_argument(
        "--methods", type=int, default=0, metavar="N", help="of them also explained by pytorch-grad-cam; default: none"
    )
    parser.add_argument(
        "--heads", type=int, default=8, metavar="N", help="of them in slices of four thicknesses; default: %(default)s"
    )
    text = "hemorrhages of every subtype and size put into the real head; default: %(default)s"
    parser.add_argument("--each", type=int, default=4, metavar="N", help=text)
    parser.add_argument("--size", type=int, default=512, help="rows and columns of a phantom; default: %(default)s")
    parser.add_argument("--processes", type=int, metavar="N", help="default: one a core")
    parser.add_argument("--card", action="store_true", help="write the tables into the model's card")
