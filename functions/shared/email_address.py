"""What an e-mail address is: one definition for accounts, quotes and orders, and one form in which two are compared.

The form is lower case, with the domain in ASCII. Domains in other letters are converted as IDNA 2008 has it (RFC 5891;
UTS 46 without transitional mapping, what browsers and mail servers do): compatibility forms and capitals are folded,
then each label is encoded by Punycode. Python's own codec ``idna`` is IDNA 2003, which makes ``strasse.de`` of
``straße.de``: somebody else's domain, who would get the mail. The library ``idna`` is right, but its tables cost each
cold start more than all of this; what its tables would refuse beyond this, the DNS does not know.
"""

from __future__ import annotations

import re
import unicodedata

from functions.shared.errors import Field, InvalidError

MAX_ADDRESS = 254
_MAX_LABEL = 63
_LOCAL = re.compile(r"(?=.{1,64}\Z)[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*\Z")
"""RFC 5321's dot-string: no quotes, no dots at its ends or side by side. SES sends to no other letters (SMTPUTF8)."""
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\Z")
_DOTS = str.maketrans("\u3002\uff0e\uff61", "...")


def deliverable(text: str, field: Field = ("email",)) -> str:
    """Return an e-mail address in its one form; raise InvalidError for what mail cannot reach."""
    local, at, domain = text.rpartition("@")
    made = _folded(local, domain)
    if not at or made is None:
        detail = "An e-mail address is written like amira@example.com."
        raise InvalidError("wrong_form", detail, field=field, parameters={"form": "email"})
    return made


def comparable(text: str) -> str:
    """Return an e-mail address as it is looked up; one that is none is in lower case, as it was kept once."""
    local, _, domain = text.rpartition("@")
    return _folded(local, domain) or text.lower()


def _folded(local: str, domain: str) -> str | None:
    """Return both halves as one address, None where either is none."""
    folded = local.lower()
    labels = [_ascii(label) for label in _mapped(domain).split(".")]
    made = f"{folded}@{'.'.join(label or '' for label in labels)}"
    sound = _LOCAL.match(folded) and None not in labels and len(labels) > 1
    return made if sound and not made.rpartition(".")[2].isdigit() and len(made) <= MAX_ADDRESS else None


def _mapped(domain: str) -> str:
    """Return a domain with its capitals and compatibility forms folded; sigma and sharp s stay what they are."""
    lower = "".join(sign.lower() for sign in domain.translate(_DOTS))
    return unicodedata.normalize("NFKC", lower)


def _ascii(label: str) -> str | None:
    """Return a label of a domain in ASCII, None for what cannot be one."""
    if not label.isascii():
        if not all(unicodedata.category(sign)[0] in "LMN" or sign == "-" for sign in label):
            return None
        label = f"xn--{label.encode('punycode').decode()}"
    elif label[2:4] == "--" and not _is_encoded(label):
        return None
    return label if len(label) <= _MAX_LABEL and _LABEL.match(label) else None


def _is_encoded(label: str) -> bool:
    """Tell whether a label is Punycode that says what it would be made of again."""
    try:
        meant = label.removeprefix("xn--").encode().decode("punycode")
    except UnicodeError:
        return False
    return label.startswith("xn--") and not meant.isascii() and _ascii(_mapped(meant)) == label
