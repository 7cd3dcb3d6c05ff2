"""`python -m tests.faults`: try every fault and print the table of expected.csv, to be read before it is kept."""

from __future__ import annotations

import csv
import sys
import tempfile
from pathlib import Path

import pytest

from tests.faults.faulty import FAULTS
from tests.faults.matrix import COLUMNS, PLACES, Matrix

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        matrix = Matrix(Path(folder), patch)
        out = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
        out.writeheader()
        for place in PLACES:
            for fault in sys.argv[1:] or FAULTS:
                out.writerows(matrix.cells(fault, place))
                sys.stdout.flush()
