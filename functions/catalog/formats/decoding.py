"""What bytes a spreadsheet saved, as text: the encoding is recognised and told, or refused with what to do.

Where two readings of the same bytes differ, none is taken.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from functions.catalog.formats.csv_records import MAX_RECORD
from functions.shared.errors import InvalidError

_HOW_TO_SAVE = 'save it in your spreadsheet as "CSV UTF-8 (comma delimited)" and send it again.'
_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
# Bytes that Windows-1252 leaves out, or that are everyday letters in Mac Roman, Windows-1250 or code page 850; and runs
# of letters as only Cyrillic, Greek and other alphabets in a code page of their own have them.
_OTHERWISE = re.compile(
    rb"[\x81\x83\x88\x8a\x8d-\x90\x98\x9a\x9d-\x9f]|[\xc0-\xff]{4}"
    rb"|(?<=[A-Za-z])[\x82\x84\x86\x87\x89\x8b\x91\x93-\x95\x9b](?=[A-Za-z])"
)
_BLOCK = 1 << 20  # bytes looked at at once


class Encoding(NamedTuple):
    """What a file is written in: ``codec`` is Python's name, ``begin`` where the text begins, in bytes."""

    name: str
    codec: str
    begin: int = 0


_UTF_8 = Encoding("utf-8", "utf-8")
_CP1252 = Encoding("windows-1252", "cp1252")


def recognise(file: BinaryIO) -> Encoding:
    """Return a file's encoding.

    Raises
    ------
    InvalidError
        It is empty, or in an encoding that cannot be told with certainty.
    """
    marked = _marked(file)
    encoding = marked or _UTF_8
    line = _unreadable(file, encoding)
    if line and marked:
        detail = f"The file says it is {encoding.codec.upper()} and is not: {_HOW_TO_SAVE}"
        raise InvalidError("not_utf8", detail)
    if line:
        file.seek(0)
        if any(_OTHERWISE.search(block) for block in iter(lambda: file.readline(_BLOCK), b"")):
            detail = f"Line {line} is not UTF-8, nor surely Windows-1252: {_HOW_TO_SAVE}"
            raise InvalidError("not_utf8", detail)
        return _CP1252
    return encoding


def _marked(file: BinaryIO) -> Encoding | None:
    file.seek(0)
    begin = file.read(2000)
    for mark, codec in _MARKS:
        if begin.startswith(mark):
            return Encoding(codec.removesuffix("-le").removesuffix("-be"), codec, len(mark))
    for place, codec in ((1, "utf-16-le"), (0, "utf-16-be")):
        if len(begin) > 3 and begin[place::2].count(0) > len(begin) // 4 and 0 not in begin[1 - place :: 2]:
            return Encoding("utf-16", codec)
    return None


def _unreadable(file: BinaryIO, encoding: Encoding) -> int:
    """Return the first line that is not in an encoding, 0 where all are; InvalidError for a file without text."""
    file.seek(encoding.begin)
    decoder = codecs.getincrementaldecoder(encoding.codec)()
    line, blank = 1, True
    while True:
        block = file.read(_BLOCK)
        try:
            text = decoder.decode(block, not block)
        except UnicodeDecodeError as error:
            return line + error.object[: error.start].count(b"\n")
        if "\ufffd" in text:  # what API Gateway makes of other encodings
            line += text[: text.index("\ufffd")].count("\n")
            raise InvalidError("not_utf8", f"Line {line} is not UTF-8: {_HOW_TO_SAVE}")
        line += text.count("\n")
        blank = blank and not text.strip()
        if not block:
            break
    if blank:
        raise InvalidError("empty_file", "The file is empty.")
    return 0


def lines(file: BinaryIO, encoding: Encoding, newline: str = "") -> Iterator[str]:
    """Yield a file's lines with their ends; one that is longer than any record comes in pieces.

    Parameters
    ----------
    newline
        Where lines end, as for `open`.
    """
    file.seek(encoding.begin)
    text = io.TextIOWrapper(file, encoding.codec, newline=newline)
    try:
        while line := text.readline(MAX_RECORD):
            yield line
    finally:
        text.detach()
