"""Reads the XML of vendors without trusting it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

_DECLARED = re.compile(rb"""\A<\?xml[^>]*?encoding\s*=\s*["']([^"']*)["']""")
# A report of a bond fund with twelve thousand lines has under two million; each element takes some hundred bytes.
MOST_TAGS = 10_000_000
_ENCODINGS = frozenset({"utf-8", "us-ascii", "iso-8859-1"})


def parse_xml(body: bytes) -> ET.Element:
    """The root element of a document that brings no entities of its own.

    Raises:
        ValueError: The body is not XML, is refused by `check_xml`, or has an encoding that no vendor writes.
    """
    body = body.removeprefix(b"\xef\xbb\xbf").lstrip()
    declared = _DECLARED.match(body)
    encoding = declared.group(1).decode("ascii", "replace") if declared else "utf-8"
    # Python looks other names up among all its codecs, which are not made for this
    if encoding.lower() not in _ENCODINGS:
        raise ValueError(f"encoding {encoding[:20]}, which no vendor writes")
    check_xml(body)
    try:
        return ET.fromstring(body)  # noqa: S314 - without a document type there are no entities to expand
    except (ET.ParseError, LookupError) as fault:
        raise ValueError(f"not XML: {fault}") from None


def check_xml(body: bytes, most_tags: int = MOST_TAGS) -> None:
    """Refuse XML that could fill the memory while it is parsed, before it is.

    Args:
        body: The document.
        most_tags: More than this form of the vendor can have.

    Raises:
        ValueError: It has too many tags, a document type, or an encoding in which one could hide from this search.
    """
    # UTF-16 needs no declaration
    if b"\0" in body:
        raise ValueError("zero bytes, as in UTF-16, which no vendor writes")
    # a document type can hold entities that grow without bound; no vendor's form has one
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise ValueError("a document type, which no vendor sends")
    if (tags := body.count(b"<")) > most_tags:
        raise ValueError(f"{tags:,} tags, more than any vendor sends")
