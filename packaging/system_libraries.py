"""Find the system libraries and tools that pip cannot bring; install them, or name the line that does.

Run by `make run` and `make test`; needs nothing but Python. It never asks a question: it installs only where that
needs no password (root, or sudo without one), and otherwise prints one line to copy. Exit status 0: nothing is missing,
or what is missing can be done without; 1: something needed is missing.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Need:
    """One shared library (libX.so.N) or one program, with the packages that hold it; "" where there is none."""

    name: str
    apt: str
    dnf: str


WINDOW = (
    Need("libEGL.so.1", "libegl1", "libglvnd-egl"),
    Need("libGL.so.1", "libgl1", "libglvnd-glx"),
    Need("libxkbcommon.so.0", "libxkbcommon0", "libxkbcommon"),
    Need("libdbus-1.so.3", "libdbus-1-3", "dbus-libs"),
    Need("libfontconfig.so.1", "libfontconfig1", "fontconfig"),
    Need("libglib-2.0.so.0", "libglib2.0-0", "glib2"),
)
"""What Qt needs to draw, on a screen or off it."""

X11 = (
    Need("libxcb-cursor.so.0", "libxcb-cursor0", "xcb-util-cursor"),
    Need("libxcb-icccm.so.4", "libxcb-icccm4", "xcb-util-wm"),
    Need("libxcb-image.so.0", "libxcb-image0", "xcb-util-image"),
    Need("libxcb-keysyms.so.1", "libxcb-keysyms1", "xcb-util-keysyms"),
    Need("libxcb-render-util.so.0", "libxcb-render-util0", "xcb-util-renderutil"),
    Need("libxcb-shape.so.0", "libxcb-shape0", "libxcb"),
    Need("libxcb-xkb.so.1", "libxcb-xkb1", "libxcb"),
    Need("libxkbcommon-x11.so.0", "libxkbcommon-x11-0", "libxkbcommon-x11"),
)
"""What Qt needs for a window on an X display, also under Wayland's X server."""

TOOLS = (Need("dcm2niix", "dcm2niix", "dcm2niix"),)
"""Programs that the tests compare with."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Look, install where that needs no password, look again, and say what is left."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tests", action="store_true", help="also look for the programs that the tests compare with")
    for_tests = parser.parse_args(arguments).tests
    needed = needs(has_display=bool(os.environ.get("DISPLAY")), for_tests=for_tests)
    absent = missing(needed)
    if absent and (command := install_command(absent, password_free_prefix())):
        install(command)
        absent = missing(needed)
    if not absent:
        return 0
    print(advice(absent), file=sys.stderr)
    only_tools = all(need in TOOLS for need in absent)
    return 0 if only_tools and os.environ.get("CI") != "true" else 1


def needs(*, has_display: bool, for_tests: bool, platform: str = sys.platform) -> tuple[Need, ...]:
    """What this machine needs: libraries on Linux only, since elsewhere the wheels bring them all."""
    libraries = (*WINDOW, *(X11 if has_display else ())) if platform == "linux" else ()
    return (*libraries, *(TOOLS if for_tests else ()))


def missing(needed: Sequence[Need]) -> list[Need]:
    """Those that cannot be loaded, or are not on the path."""
    return [need for need in needed if not (_loads(need.name) if ".so." in need.name else shutil.which(need.name))]


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def password_free_prefix() -> list[str] | None:
    """What to write before a command to run it as root without a password; None where that is not possible."""
    if not hasattr(os, "geteuid"):
        return None
    if os.geteuid() == 0:
        return []
    if (
        shutil.which("sudo")
        and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
    ):
        return ["sudo", "-n"]
    return None


def install_command(absent: Sequence[Need], prefix: list[str] | None) -> list[str]:
    """The command that installs the packages without a question; empty where none is known or it needs a password."""
    if prefix is None:
        return []
    if shutil.which("apt-get"):
        noninteractive = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive"]
        return [*noninteractive, "apt-get", "-qq", "install", "-y", "--no-install-recommends", *_names(absent, "apt")]
    if shutil.which("dnf"):
        return [*prefix, "dnf", "-q", "-y", "install", *_names(absent, "dnf")]
    return []


def install(command: list[str]) -> None:
    """Run the command; with apt, fetch the package lists and try once more where they are missing or old."""
    print("installing:", " ".join(command), file=sys.stderr)
    if subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0:
        return
    if "apt-get" in command:
        update = [*command[: command.index("apt-get")], "apt-get", "-qq", "update"]
        subprocess.run(update, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    again = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if again.returncode:
        print(again.stderr.strip(), file=sys.stderr)


def advice(absent: Sequence[Need]) -> str:
    """One line: what is missing and what to type."""
    names = ", ".join(need.name for need in absent)
    if sys.platform == "darwin":
        line = "brew install " + " ".join(need.name for need in absent)
    elif shutil.which("dnf") and not shutil.which("apt-get"):
        line = "sudo dnf install " + " ".join(_names(absent, "dnf"))
    else:
        line = "sudo apt-get install " + " ".join(_names(absent, "apt"))
    return f"missing: {names}. Install with: {line}"


def _names(absent: Sequence[Need], manager: str) -> list[str]:
    return list(dict.fromkeys(need.apt if manager == "apt" else need.dnf for need in absent))


if __name__ == "__main__":
    sys.exit(main())
