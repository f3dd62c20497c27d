"""What the documents list is what the program has."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

from app import cli
from app.commands import COMMANDS, HELD_KEYS, plain_text
from app.panels.slice_view import GESTURES
from ihd_core.study.rows import FIELDS

REPOSITORY = Path(__file__).resolve().parents[2]
README = REPOSITORY / "README.md"
BLOCK = re.compile(r"(<!-- keys:.*?-->\n).*?(<!-- end of keys -->)", re.DOTALL)


def key_table():
    """One table a menu, then the mouse, in Markdown."""
    rows = []
    for menu in dict.fromkeys(command.menu for command in COMMANDS):
        rows += [
            (menu, command.keys, plain_text(command)) for command in COMMANDS if command.menu == menu and command.keys
        ]
    rows += [("Held", (keys,), text) for keys, text in HELD_KEYS]
    rows += [("Mouse", (gesture.hand,), gesture.does) for gesture in GESTURES]
    lines = ["", "| | keys | |", "|---|---|---|"]
    named = ""
    for menu, keys, text in rows:
        shown = " or ".join(f"`` {key} ``" if "`" in key else f"`{key}`" for key in keys)
        lines.append(f"| {menu if menu != named else ''} | {shown} | {text} |")
        named = menu
    return "\n".join([*lines, "", ""])


def test_the_keys_in_the_readme_are_those_of_the_table_of_commands():
    readme = README.read_text(encoding="utf-8")
    expected = BLOCK.sub(lambda found: found[1] + key_table() + found[2], readme)
    if os.environ.get("IHD_ACCEPT") == "1":
        README.write_text(expected, encoding="utf-8")
        return
    assert readme == expected, "IHD_ACCEPT=1 rewrites the table"


def test_every_column_of_the_record_is_explained_in_order():
    documented = re.findall(
        r"^\| `(\w+)` \|", (REPOSITORY / "docs" / "journal.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert documented == list(FIELDS)


def test_links_in_the_documents_lead_somewhere():
    for document in (README, REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").glob("*.md"))):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8")):
            # The picture of the window is made last.
            assert (document.parent / target).is_file() or target.endswith("screenshot.png"), (
                f"{document.name}: {target}"
            )


def test_every_example_of_the_command_line_is_understood():
    blocks = re.findall(r"```sh\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    examples = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    calls = [arguments[1:] for arguments in examples if arguments[:1] == ["ihd"]]
    assert {call[0] for call in calls} >= {"demo", "inspect", "predict", "phantom"}
    for call in calls:
        cli.parser().parse_args(cli._with_job(call))
