"""Text as catalog compares, searches and shows it: pure functions on strings."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from html import unescape
from itertools import count

MAX_WORD = 40
MAX_SLUG = 255
_MADE_SLUG = 120  # of a title; more of it says nothing more
# Apostrophes, soft hyphens, joiners, variation selectors: within a word they part nothing, and most are not seen.
_UNHEEDED = str.maketrans(dict.fromkeys(map(ord, "'’ʼ`´\u00ad\u200c\u200d\u2060\ufeff")))
_UNHEEDED |= dict.fromkeys(range(0xFE00, 0xFE10))
_ACCENTS = re.compile(
    r"(?<=[\0-\u02ff\u0370-\u03ff])[\u0300-\u036f]+"  # on Latin and Greek letters
    r"|[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]|[\u064b-\u065f\u0670]"  # Hebrew and Arabic points
    r"|(?<=\u0435)\u0308"  # Russian writes its yo as ye as well
)
"""Marks that people leave out when they type a word. All other marks are letters: Thai and Hindi write vowels so."""
_PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})
"""Letters that Unicode does not take apart into a base letter and an accent."""


def fold(text: str) -> str:
    """Return the text without case and accents: what two spellings of one thing have in common."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(_ACCENTS.sub("", apart).translate(_PLAIN).split())


def words(*texts: str) -> list[str]:
    """Return the distinct words of the texts as search compares them, in order; an apostrophe parts no word."""
    found = (word[:MAX_WORD] for text in texts for word in _parts(fold(text.translate(_UNHEEDED))))
    return list(dict.fromkeys(found))


def _parts(text: str, kept: str = "") -> list[str]:
    """Return the runs of letters, marks, digits and signs that are `kept`; each begins with a letter or a digit."""
    shown = "".join(sign if sign in kept or _in_a_word(sign) else " " for sign in text)
    return [part for part in map(_from_its_first_letter, shown.split()) if part]


def _in_a_word(sign: str) -> bool:
    return sign.isalnum() or unicodedata.category(sign) in ("Mn", "Mc")


def _from_its_first_letter(part: str) -> str:
    return part[next((at for at, sign in enumerate(part) if sign.isalnum()), len(part)) :]


# --- slugs: the last part of a product's address ------------------------------------------------------------------


def slug_of(title: str) -> str:
    """Return a title as a slug: ``Café Crème, 2 l`` becomes ``cafe-creme-2-l``; empty where it has no letter."""
    made = "-".join(_parts(fold(title.translate(_UNHEEDED))))
    return fold_slug(made)[:_MADE_SLUG].rstrip("-")


def slug_of_handle(handle: str) -> str:
    """Return another shop's handle as a slug, letter by letter: ``Pot 2.5`` becomes ``pot-2-5``.

    Empty where it has no letter and no digit.
    """
    return "-".join(_parts(fold_slug(handle), "-_"))[:MAX_SLUG].rstrip("-")


def fold_slug(slug: str) -> str:
    """Return a slug as it is compared: lower case, one form of each letter."""
    return unicodedata.normalize("NFC", slug.lower())


def is_slug(slug: str) -> bool:
    """Tell whether a text is letters of any script, their marks, digits, dashes and underscores, a letter first."""
    well_begun = 0 < len(slug) <= MAX_SLUG and (slug[0].isalnum() or slug[0] == "_")
    return well_begun and all(sign in "-_" or _in_a_word(sign) for sign in slug)


def distinct_slugs(slugs: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Return the slugs, those that repeat or are `taken` with the first free number: ``pot``, ``pot-2``, ``pot-3``.

    A slug that somebody asked for as it is keeps its name, wherever it stands in the list.
    """
    asked = [fold_slug(slug) for slug in slugs]
    used, free = set(taken), set(asked).difference(taken)
    found = []
    for slug in asked:
        kept = slug in free
        free.discard(slug)
        found.append(slug if kept else next(_numbered(slug, used.union(asked))))
        used.add(found[-1])
    return found


def _numbered(slug: str, used: set[str]) -> Iterator[str]:
    for number in count(2):
        ending = f"-{number}"
        if (made := slug[: MAX_SLUG - len(ending)].rstrip("-") + ending) not in used:
            yield made


_BLOCKS = re.compile(
    "address|article|blockquote|br|dd|div|dl|dt|fig(caption|ure)|footer|h[1-6r]|header|li|main|nav|ol|p|pre|section"
    "|table|td|th|tr|ul",
    re.IGNORECASE,
)
_HIDDEN = "script|style|template|noscript|iframe|object|svg|head|title"
_COMMENT = re.compile(r"<!--[^-]*+(?:-(?!->)[^-]*+)*+(?:-->|\Z)")
_UNSHOWN = re.compile(
    rf"<({_HIDDEN})\b[^<>]*+>[^<]*+(?:<(?!/\1\b)[^<]*+)*+(?:</\1[^<>]*+>|\Z)", re.IGNORECASE
)
_TAG = re.compile(r"""</?([a-z][a-z0-9-]*+)(?:[^<>"']|"[^"<]*+"|'[^'<]*+')*+>|<[!?][^<>]*+>""", re.IGNORECASE)


def plain(html: str) -> str:
    """Return HTML as plain text, one line for each block: safe to show anywhere as text (not as HTML).

    Done when a product is written, never when it is read. Time grows with the length whatever is written in it: the
    standard library's html.parser needs over a minute for 100 KB of unclosed tags.
    """
    if "<" not in html and "&" not in html:
        return _lines(html)
    shown = _UNSHOWN.sub(" ", _COMMENT.sub(" ", re.sub(r"\s+", " ", html)))
    return _lines(unescape(_TAG.sub(_gap, shown)))


def _gap(tag: re.Match[str]) -> str:
    return "\n" if _BLOCKS.fullmatch(tag[1] or "") else ""


def _lines(text: str) -> str:
    return "\n".join(filter(None, (" ".join(line.split()) for line in text.split("\n"))))
