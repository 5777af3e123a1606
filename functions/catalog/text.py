"""Text as catalog compares, searches and shows it: pure functions on strings."""

from __future__ import annotations

import re
import unicodedata
from html import unescape

MAX_WORD = 40
_WORD = re.compile(r"[^\W_]+")
_APOSTROPHES = str.maketrans("", "", "'’ʼ`´")
_PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})
"""Letters that Unicode does not take apart into a base letter and an accent."""


def fold(text: str) -> str:
    """Return the text without case and accents: what two spellings of one thing have in common."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return " ".join(bare.translate(_PLAIN).split())


def words(*texts: str) -> list[str]:
    """Return the distinct words of the texts as search compares them, in order; an apostrophe parts no word."""
    found = (word[:MAX_WORD] for text in texts for word in _WORD.findall(fold(text.translate(_APOSTROPHES))))
    return list(dict.fromkeys(found))


def slug_of(title: str) -> str:
    """Return a title as the last part of a URL: ``Café Crème, 2 l`` becomes ``cafe-creme-2-l``."""
    return "-".join(_WORD.findall(fold(title.translate(_APOSTROPHES))))[:120].rstrip("-")


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
