"""Text that vendors wrote, shown to people: no terminal and no page may take a part of it for a command.

Data are stored and published as they were said. What is here belongs where they are shown.
"""

from __future__ import annotations

import re
import sys

# Control characters, line ends and tabs aside; what changes the direction of writing, or cannot be seen; halves of
# surrogate pairs, which cannot be printed at all.
_COMMANDS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff]"
)
# What begins a link, a picture, code or a tag. All else in Markdown changes only how a text looks.
_MARKUP = re.compile(r"[\\\[\]<`]")
_ESCAPED = re.compile(r"\\([\\\[\]<`])")


def for_terminal(text: str) -> str:
    """The text with everything that a terminal would obey, or not show, written out, such as `\\x1b`."""
    return _COMMANDS.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def for_markdown(text: str) -> str:
    """The text as Markdown that shows it: Dagster's pages take descriptions of checks for Markdown."""
    return _MARKUP.sub(r"\\\g<0>", for_terminal(text))


def from_markdown(text: str) -> str:
    """The text that `for_markdown` was given."""
    return _ESCAPED.sub(r"\1", text)


def say(what: object, *, error: bool = False) -> None:
    """Print a line, or several; the one way in which commands print."""
    print(for_terminal(str(what)), file=sys.stderr if error else sys.stdout, flush=True)
