"""The small changes: what could have been typed instead, one place of one file at a time.

The raw text is changed, with its Jinja, because that is what a person edits. Comments and the text of strings stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# what no operator looks into: comments, the text of strings, the whitespace marks of Jinja, how wide a decimal is
HIDDEN = re.compile(
    r"decimal\(\d+, ?\d+\)|--[^\n]*|\{#.*?#\}|'(?:[^'\\\n]|\\.)*'|\"[^\"\n]*\"|\{[%{]-|-[%}]\}", re.DOTALL
)

REPLACEMENTS: dict[str, tuple[str, ...]] = {
    r"(?<![<>=!])>=": (">",),
    r"(?<![<>=!])<=": ("<",),
    r"(?<![<>=!-])>(?![=])": (">=",),
    r"(?<![<>=!])<(?![=>])": ("<=",),
    r"(?<![<>=!:])=(?![=>])": ("<>",),
    r"<>|!=": ("=",),
    r"==": ("!=",),
    r"\blag(?=\()": ("lead",),
    r"\blead(?=\()": ("lag",),
    r"\bmax(?=\()": ("min",),
    r"\bmin(?=\()": ("max",),
    r"\bmax_by(?=\()": ("min_by",),
    r"\bmin_by(?=\()": ("max_by",),
    r"\barg_max(?=\()": ("arg_min",),
    r"\barg_min(?=\()": ("arg_max",),
    r"\bfirst_value(?=\()": ("last_value",),
    r"\blast_value(?=\()": ("first_value",),
    r"\bbool_or(?=\()": ("bool_and",),
    r"\bbool_and(?=\()": ("bool_or",),
    r"\bgreatest(?=\()": ("least",),
    r"\bleast(?=\()": ("greatest",),
    r"\bsum(?=\()": ("avg",),
    r"\bavg(?=\()": ("sum",),
    r"\babs(?=\()": ("",),
    r"\bleft join\b": ("inner join",),
    r"\bfull join\b": ("left join",),
    r"\bfull outer join\b": ("left join",),
    r"(?<!between )(?<!preceding )\band\b": ("or",),
    r"\bor\b": ("and",),
    r"(?<=\s)\+(?=\s)": ("-",),
    r"(?<=\s)-(?=\s)": ("+",),
    r"(?<=[\s(])-(?=[\w(])": ("",),
    r"(?<=[^\s(,.] )\*(?=\s)": ("/",),
    r"(?<=\s)/(?=\s)": ("*",),
    r"\basc\b": ("desc",),
    r"\bdesc\b": ("asc",),
    r"\bnulls last\b": ("nulls first",),
    r"\bnulls first\b": ("nulls last",),
    r"\bis null\b": ("is not null",),
    r"\bis not null\b": ("is null",),
    r"\bis distinct from\b": ("is not distinct from",),
    r"\bis not distinct from\b": ("is distinct from",),
    r"\bnot (?=in\b|exists\b|like\b|\w+\.|\(|coalesce)": ("",),
    r"(?<!is )(?<!is not )\bdistinct (?!from\b)": ("",),
    r"\btrue\b": ("false",),
    r"\bfalse\b": ("true",),
}
# a number that stands alone: no part of a name, a date or another number
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)?(?![\w.])")
UNIT_FACTORS = {"100": "10", "100.0": "10.0", "10000": "1000", "10000.0": "1000.0"}
CONDITION = re.compile(r"^[ ]*(?:where|and) (?P<condition>.+)$|^[ ]*where\n[ ]*(?P<first>.+)$", re.MULTILINE)


@dataclass(frozen=True, order=True)
class Change:
    """One changed place of a text.

    Attributes:
        start: Where the changed text begins.
        before: The text that stood there.
        after: The text that takes its place.
    """

    start: int
    before: str
    after: str

    def apply(self, text: str) -> str:
        """The text with this change."""
        return text[: self.start] + self.after + text[self.start + len(self.before) :]

    def line_number(self, text: str) -> int:
        """Number of the changed line, from 1."""
        return text.count("\n", 0, self.start) + 1

    def lines(self, text: str) -> tuple[str, str]:
        """The line before and after the change, without indentation. A change of several lines shows all of them."""
        first = text.rfind("\n", 0, self.start) + 1
        end = text.find("\n", self.start + len(self.before))
        end = len(text) if end < 0 else end
        changed = text[first : self.start] + self.after + text[self.start + len(self.before) : end]
        return " ".join(text[first:end].split()), " ".join(changed.split())


def changes(text: str) -> list[Change]:
    """Every small change of a text, in the order of their places."""
    # same length, so that places agree
    shown = HIDDEN.sub(lambda hidden: re.sub(r"[^\n]", "\x00", hidden.group()), text)
    found = {*_replaced(shown), *_numbers(shown), *_first_arguments(shown, text), *_dropped_conditions(shown, text)}
    return sorted(change for change in found if change.before != change.after)


def _replaced(shown: str) -> Iterator[Change]:
    for pattern, others in REPLACEMENTS.items():
        for match in re.finditer(pattern, shown):
            for other in others:
                yield Change(match.start(), match.group(), other)


def _numbers(shown: str) -> Iterator[Change]:
    for match in NUMBER.finditer(shown):
        number = match.group()
        if number in UNIT_FACTORS:
            yield Change(match.start(), number, UNIT_FACTORS[number])
        elif number.isdigit():
            yield Change(match.start(), number, str(int(number) + 1))
            if int(number) > 0:
                yield Change(match.start(), number, str(int(number) - 1))
        else:
            yield Change(match.start(), number, repr(float(number) * 2))


def _first_arguments(shown: str, text: str) -> Iterator[Change]:
    """`coalesce(a, b)` and `nullif(a, b)` become `a`."""
    for match in re.finditer(r"\b(?:coalesce|nullif)\(", shown):
        depth, comma = 1, 0
        for place in range(match.end(), len(shown)):
            depth += {"(": 1, ")": -1}.get(shown[place], 0)
            if shown[place] == "," and depth == 1 and not comma:
                comma = place
            if depth == 0:
                if comma:
                    yield Change(match.start(), text[match.start() : place + 1], text[match.end() : comma])
                break


def _dropped_conditions(shown: str, text: str) -> Iterator[Change]:
    """A condition that stands on a line of its own is no longer asked: of where, having, on, when."""
    for match in CONDITION.finditer(shown):
        name = "condition" if match.group("condition") else "first"
        condition = match.group(name)
        if condition.count("(") == condition.count(")") and not condition.endswith(" then") and "{%" not in condition:
            yield Change(match.start(name), text[match.start(name) : match.end(name)], "true")
