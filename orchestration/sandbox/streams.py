"""Random numbers by seed and name: a stream never depends on what else was drawn, or on how far it is read."""

from __future__ import annotations

import hashlib

import numpy as np

DEFAULT_SEED = 2102


def stream(seed: int, *names: object) -> np.random.Generator:
    """A counter-based generator of its own for one purpose.

    Draws fill arrays in row order, so a longer array starts with the shorter one: later sessions append.
    """
    text = "/".join(str(part) for part in (seed, *names))
    key = int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")
    return np.random.Generator(np.random.Philox(key=key))


def share_of(text: str) -> float:
    """A number in [0, 1) that is always the same for a text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big") / 2**56


def autoregressive(noise: np.ndarray, persistence: float, start: float = 0.0) -> np.ndarray:
    """First-order autoregression driven by the given noise."""
    out = np.empty_like(noise)
    value = start
    for n, shock in enumerate(noise.tolist()):
        value = persistence * value + shock
        out[n] = value
    return out
