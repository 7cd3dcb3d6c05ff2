"""Small values that the wire modules pass to the server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Request:
    """One question: path and the first value of each parameter."""

    path: str
    query: Mapping[str, str]


@dataclass(frozen=True)
class Response:
    """One answer."""

    status: int
    body: bytes
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)


def json_response(document: Any, status: int = 200) -> Response:
    """A compact JSON answer."""
    return Response(status, json.dumps(document, separators=(",", ":")).encode(), "application/json;charset=utf-8")


def page(status: int, title: str) -> Response:
    """A web page: what vendors say when they have nothing else to say."""
    body = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    return Response(status, body.encode(), "text/html; charset=utf-8")


def download(body: bytes, content_type: str, name: str) -> Response:
    """A file to save."""
    return Response(200, body, content_type, {"Content-Disposition": f'attachment; filename="{name}"'})
