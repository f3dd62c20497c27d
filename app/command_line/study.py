"""The command line of `ihd study`: every command with its options."""

from __future__ import annotations

import argparse
from pathlib import Path

DESIGNS = ("sequential", "crossover", "independent", "paper")
PHASES = ("training", "blind", "assisted", "rating", "reveal", "adjudication", "consensus")
OPENED = ("rating", "reveal", "adjudication", "consensus")
ENDPOINTS = ("auc", "sensitivity", "specificity", "accuracy", "agreement")
MISSING = ("refuse", "exclude", "negative")
SETTINGS = ("screen", "confirm", "paper")


def add_study_jobs(study: argparse.ArgumentParser) -> None:
    """Add the commands below `ihd study`."""
    jobs = study.add_subparsers(metavar="JOB", required=True)

    job = jobs.add_parser("select", help="draw cases from a table of labels, and say how precise results can be")
    job.add_argument("table", metavar="LABELS", type=Path, help="CSV: case,LABEL... in {0,1}")
    job.add_argument("--count", metavar="N", type=_count, help="cases to draw (default: all)")
    job.add_argument("--minimum", metavar="K", type=_count, default=0, help="so many positives of every label at least")
    _add_seed(job)
    job.add_argument("--out", metavar="FILE", type=Path, help="write the drawn rows, as --truth wants them")
    _finish(job, "select")

    job = jobs.add_parser("new", help="write the folder of a new study: protocol, sealed truth, empty records")
    _add_new(job)

    job = jobs.add_parser("order", help="print in which order a reader reads, with the lots")
    _add_study(job)
    job.add_argument("--reader", metavar="NAME", required=True, help="pseudonym")
    _finish(job, "order")

    job = jobs.add_parser("open", help="open a phase for everyone, its list frozen (the lead)")
    _add_study(job)
    job.add_argument("phase", metavar="PHASE", choices=OPENED, help=", ".join(OPENED))
    job.add_argument("--predictions", metavar="FILE", type=Path, help="JSON of `ihd predict`; rating needs it")
    _add_passphrase(job)
    _finish(job, "open")

    job = jobs.add_parser("amend", help="put a new version of the protocol in force (the lead)")
    _add_study(job)
    job.add_argument("--reason", metavar="TEXT", required=True, help="what is changed and why")
    job.add_argument("--add-readers", metavar="A,B", type=_names, default=(), help="pseudonyms of new readers")
    job.add_argument("--washout-weeks", metavar="W", type=float, help="between the sessions of a crossover")
    job.add_argument("--missing", choices=MISSING, help="what the analysis does with a label without an answer")
    _finish(job, "amend")

    job = jobs.add_parser("status", help="how far every reader is; no answers")
    _add_study(job)
    _finish(job, "status")

    job = jobs.add_parser("check", help="find rows that were changed, are missing or were moved")
    job.add_argument("paths", metavar="PATH", nargs="+", type=Path, help="study folder, or record (CSV)")
    _finish(job, "check")

    job = jobs.add_parser("merge", help="bring copies of a study together; may be done again")
    _add_study(job)
    job.add_argument("others", metavar="OTHER", nargs="+", type=Path, help="copies; only read")
    _finish(job, "merge")

    job = jobs.add_parser("export", help="tidy tables with a dictionary, and files for iMRMC, RJafroc and MRMCaov")
    _add_study(job)
    job.add_argument("out", metavar="OUT", type=Path, help="folder to write to")
    _add_passphrase(job)
    _finish(job, "export")

    job = jobs.add_parser("import", help="turn a table of labels made elsewhere into labels.csv")
    job.add_argument("table", metavar="TABLE", type=Path, help="CSV: a row a case, columns per reader and finding")
    job.add_argument("names", metavar="NAMES", type=Path, help="TOML that says which column is what, see docs/study.md")
    job.add_argument("out", metavar="OUT", type=Path, help="labels.csv to write")
    _finish(job, "import")


def _add_new(job: argparse.ArgumentParser) -> None:
    job.add_argument("study", metavar="STUDY", type=Path, help="folder to write, new or empty")
    cases = "CSV (case,path), or a folder in which every entry is a case"
    job.add_argument("--cases", metavar="FOLDER|CSV", type=Path, required=True, help=cases)
    job.add_argument("--truth", metavar="CSV", type=Path, required=True, help="case,LABEL... in {0,1}")
    about = "case or series_uid,index,LABEL...: truth of every slice, where known"
    job.add_argument("--slice-truth", metavar="CSV", type=Path, help=about)
    job.add_argument("--model", metavar="DIR", type=Path, help="model folder (default: the one that comes with ihd)")
    job.add_argument("--readers", metavar="A,B", type=_names, required=True, help="pseudonyms")
    job.add_argument("--adjudicators", metavar="A,B[,C]", type=_names, default=(), help="who took no part")
    job.add_argument("--panel", metavar="NAME", help="who records the consensus")
    job.add_argument("--design", choices=DESIGNS, default="sequential", help="(default: sequential)")
    about = f"of {', '.join(PHASES)} (default: those of the design)"
    job.add_argument("--phases", metavar="A,B", type=_phases, default=(), help=about)
    job.add_argument("--training", metavar="A,B", type=_names, default=(), help="cases read first, with feedback")
    job.add_argument("--repeats", metavar="N", type=_count, default=0, help="cases every reader reads twice")
    job.add_argument(
        "--washout-weeks", metavar="W", type=float, default=0.0, help="of a crossover, between its sessions"
    )
    job.add_argument("--setting", choices=SETTINGS, default="screen", help="operating points (default: screen)")
    job.add_argument("--concordant", metavar="N", type=int, help="concordant heatmaps for each discordant one")
    job.add_argument("--hypothesis", metavar="TEXT", help="of the analysis plan")
    job.add_argument("--endpoint", choices=ENDPOINTS, default="auc", help="primary one (default: auc)")
    job.add_argument("--label", metavar="LABEL", default="any", help="of the primary endpoint (default: any)")
    job.add_argument("--margin", metavar="X", type=float, default=0.0, help="of non-inferiority; 0: superiority")
    job.add_argument("--alpha", metavar="X", type=float, default=0.05, help="two-sided (default: 0.05)")
    job.add_argument("--missing", choices=MISSING, default="refuse", help="answers (default: refuse)")
    job.add_argument("--clinical-information", metavar="TEXT", default="", help="shown beside every scan")
    about = "go on although cases served to make the model; every table says so"
    job.add_argument("--allow-overlap", action="store_true", help=about)
    _add_seed(job)
    _add_passphrase(job)
    job.add_argument("--quiet", action="store_true", help="show no progress")
    _finish(job, "new")


def _finish(job: argparse.ArgumentParser, name: str) -> None:
    job.set_defaults(job="study", study_job=name)


def _add_study(job: argparse.ArgumentParser) -> None:
    job.add_argument("study", metavar="STUDY", type=Path, help="folder of the study")


def _add_seed(job: argparse.ArgumentParser) -> None:
    job.add_argument("--seed", metavar="N", type=_whole, default=0, help="of every lot and order (default: 0)")


def _add_passphrase(job: argparse.ArgumentParser) -> None:
    about = "its first line is the lead's passphrase; asked for otherwise"
    job.add_argument("--passphrase-file", metavar="FILE", type=Path, help=about)


def _whole(text: str) -> int:
    number = int(text)
    if not 0 <= number < 2**63:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to {2**63 - 1}")
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


def _phases(text: str) -> tuple[str, ...]:
    names = _names(text)
    for name in names:
        if name not in PHASES:
            raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(PHASES)}")
    return names


def run_study(options: argparse.Namespace) -> int:
    """Do what `ihd study` was asked for and return the exit status.

    Raises:
        IhdError: the input or the call is at fault; one line.
    """
    from app.command_line import study_jobs

    return study_jobs.JOBS[options.study_job](options)
