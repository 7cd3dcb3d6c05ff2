"""Opens the ZIP archives of vendors without trusting them: what they would unpack to is known before anything is."""

from __future__ import annotations

import io
import zipfile

# Of a workbook or a file of fails some megabyte is sent, and two to four come out.
LARGEST_ARCHIVE_BYTES = 20_000_000
LARGEST_UNPACKED_BYTES = 50_000_000
# zipfile unpacks these in pieces and never beyond the size that is told; of the others a few bytes fill the memory
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


def open_archive(body: bytes) -> zipfile.ZipFile:
    """An archive whose members, all together, unpack to no more than LARGEST_UNPACKED_BYTES.

    Raises:
        ValueError: It would unpack to more, is itself too large, or is packed in a way that no vendor uses.
        zipfile.BadZipFile: The body is no archive.
    """
    # its list of members is read whole
    if len(body) > LARGEST_ARCHIVE_BYTES:
        raise ValueError(f"an archive of {len(body) // 1_000_000} MB")
    archive = zipfile.ZipFile(io.BytesIO(body))
    members = archive.infolist()
    unpacked = sum(member.file_size for member in members)
    if unpacked > LARGEST_UNPACKED_BYTES:
        raise ValueError(f"it would unpack to {unpacked // 1_000_000} MB")
    if not {member.compress_type for member in members} <= _METHODS:
        raise ValueError("packed in a way that no vendor uses")
    return archive
