"""Reads the XML of vendors without trusting it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

_DECLARED = re.compile(rb"""\A<\?xml[^>]*?encoding\s*=\s*["']([^"']*)["']""")
_ENCODINGS = frozenset({"utf-8", "us-ascii", "iso-8859-1"})


def parse_xml(body: bytes) -> ET.Element:
    """The root element of a document that brings no entities of its own.

    Raises:
        ValueError: The body is not XML, has a document type, or an encoding that no vendor writes.
    """
    body = body.removeprefix(b"\xef\xbb\xbf").lstrip()
    declared = _DECLARED.match(body)
    encoding = declared.group(1).decode("ascii", "replace") if declared else "utf-8"
    # Python looks other names up among all its codecs, which are not made for this
    if encoding.lower() not in _ENCODINGS:
        raise ValueError(f"encoding {encoding[:20]}, which no vendor writes")
    # no vendor's form has a document type; one could hold entities that grow without bound
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise ValueError("a document type, which no vendor sends")
    try:
        return ET.fromstring(body)  # noqa: S314 - without a document type there are no entities to expand
    except (ET.ParseError, LookupError) as fault:
        raise ValueError(f"not XML: {fault}") from None
