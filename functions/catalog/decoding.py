"""What bytes a spreadsheet saved, as text: the encoding is recognised and told, or refused with what to do.

Where two readings of the same bytes differ, none is taken.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from functions.shared.errors import InvalidError

_HOW_TO_SAVE = 'save it in your spreadsheet as "CSV UTF-8 (comma delimited)" and send it again.'
_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
# Bytes that Windows-1252 leaves out, or that are everyday letters in Mac Roman, Windows-1250 or code page 850; and runs
# of letters as only Cyrillic, Greek and other alphabets in a code page of their own have them.
_OTHERWISE = re.compile(
    rb"[\x81\x83\x88\x8a\x8d-\x90\x98\x9a\x9d-\x9f]|[\xc0-\xff]{4}"
    rb"|(?<=[A-Za-z])[\x82\x84\x86\x87\x89\x8b\x91\x93-\x95\x9b](?=[A-Za-z])"
)


class Decoded(NamedTuple):
    """A file's text, and the encoding it was read in."""

    text: str
    encoding: str


def decode(raw: bytes) -> Decoded:
    """Return a file as text.

    Raises
    ------
    InvalidError
        It is empty, or in an encoding that cannot be told with certainty.
    """
    decoded = _decode(raw)
    if "\ufffd" in decoded.text:  # what API Gateway makes of other encodings
        line = decoded.text[: decoded.text.index("\ufffd")].count("\n") + 1
        raise InvalidError("not_utf8", f"Line {line} is not UTF-8: {_HOW_TO_SAVE}")
    if not decoded.text.strip():
        raise InvalidError("empty_file", "The file is empty.")
    return decoded


def _decode(raw: bytes) -> Decoded:
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return _strictly(raw[len(mark) :], encoding)
    begin = raw[:2000]
    for place, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if len(begin) > 3 and begin[place::2].count(0) > len(begin) // 4 and 0 not in begin[1 - place :: 2]:
            return _strictly(raw, encoding)
    try:
        return Decoded(raw.decode("utf-8"), "utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
    if _OTHERWISE.search(raw):
        raise InvalidError("not_utf8", f"Line {line} is not UTF-8, nor surely Windows-1252: {_HOW_TO_SAVE}")
    return Decoded(raw.decode("cp1252"), "windows-1252")


def _strictly(raw: bytes, encoding: str) -> Decoded:
    try:
        return Decoded(raw.decode(encoding), encoding.removesuffix("-le").removesuffix("-be"))
    except UnicodeDecodeError:
        detail = f"The file says it is {encoding.upper()} and is not: {_HOW_TO_SAVE}"
        raise InvalidError("not_utf8", detail) from None
