"""Numbers as merchants write them: with a decimal point or a decimal comma, and what tells one from the other."""

from __future__ import annotations

import re
from collections.abc import Collection

_NUMBER = re.compile(r"[+-]?[0-9]+(?:[ '\u00a0\u202f.,][0-9]+)*", re.ASCII)
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:([ '\u00a0\u202f.,])[0-9]{3})+", re.ASCII)


class UnclearNumberError(ValueError):
    """The text can be read as two different numbers; the message names them."""


def decimal_sign(cells: Collection[str], delimiter: str) -> str:
    """Return the decimal sign of a file's numbers: ``.``, ``,``, or nothing where the file does not say.

    Files with commas or tabs between cells have a point unless a number shows otherwise; a semicolon is what
    spreadsheets write where the comma is the decimal sign, so there a number has to show it.
    """
    shown = {sign for cell in cells if (sign := _shown(cell.strip()))}
    if len(shown) == 1:
        return shown.pop()
    unclear = any("," in cell and _GROUPED.fullmatch(cell.strip()) for cell in cells)
    return "." if not shown and not unclear and delimiter != ";" else ""


def _shown(text: str) -> str:
    """Return the decimal sign that a number can only have; nothing where it could have either."""
    if not _NUMBER.fullmatch(text):
        return ""
    signs = [sign for sign in text if sign in ".,"]
    if len(set(signs)) == 2:
        return signs[-1] if signs.count(signs[-1]) == 1 else ""
    if len(signs) == 1 and not _GROUPED.fullmatch(text):
        return signs[0]
    return {".": ",", ",": "."}[signs[0]] if len(signs) > 1 and _GROUPED.fullmatch(text) else ""


def with_point(text: str, sign: str) -> str:
    """Return a number with a decimal point and nothing between its thousands; any other text as it is.

    Raises
    ------
    UnclearNumberError
        The file's decimal sign is not known and the number can be read with either.
    """
    if not _NUMBER.fullmatch(text):
        return text
    sign = sign or _shown(text)
    signs = set(text) & {".", ","}
    if not sign and signs:
        (other,) = signs
        raise UnclearNumberError(
            f"{text[:20]} can be read as {text.replace(other, '')} and as {text.replace(other, '.')}: "
            "write all prices with two decimals, or without a separator."
        )
    whole, _, fraction = text.rpartition(sign) if sign and sign in text else (text, "", "")
    if not _plain_or_grouped(whole, sign):
        return text
    digits = re.sub(r"[^0-9+-]", "", whole)
    return f"{digits}.{fraction}" if fraction else digits


def _plain_or_grouped(whole: str, sign: str) -> bool:
    return (not sign or sign not in whole) and (
        re.fullmatch(r"[+-]?[0-9]+", whole, re.ASCII) is not None or _GROUPED.fullmatch(whole) is not None
    )
