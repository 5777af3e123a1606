"""The mails identity sends: what asks for one, and its text.

A request for a mail never carries a token. The token is made when the mail is sent, so it lies in no queue and no log,
and stands in the mail alone. No mail says what a stranger may have typed in (the name), so that nobody can send their
own words through us.
"""

from __future__ import annotations

from functions.identity.accounts.domain import EmailKind
from functions.shared.mail import EmailMessage, compose


def email(kind: EmailKind, to: str, public_url: str, token: str | None = None) -> EmailMessage:
    """Return the mail of a kind.

    A token stands in the link's fragment: browsers do not send that to any server, nor to the next page.
    """
    subject, *paragraphs = _TEXTS[kind]
    links = {
        "verify": f"{public_url}/account.html#verify={token}",
        "reset": f"{public_url}/account.html#reset={token}",
        "forgot": f"{public_url}/account.html#forgot",
        "login": f"{public_url}/account.html#login",
    }
    return compose(to, subject, *(paragraph.format(**links) for paragraph in paragraphs))


_TEXTS: dict[EmailKind, tuple[str, ...]] = {
    "verify_email": (
        "Confirm your e-mail address",
        "please confirm that this is your e-mail address:",
        "{verify}",
        "The link works once, for three days. If you did not open an account, you need do nothing.",
    ),
    "verify_new_email": (
        "Confirm your new e-mail address",
        "please confirm that your account shall use this e-mail address from now on:",
        "{verify}",
        "The link works once, for three days. If you did not ask for this, you need do nothing.",
    ),
    "password_reset": (
        "Choose a new password",
        "here you can choose a new password:",
        "{reset}",
        "The link works once, for one hour. If you did not ask for this, you need do nothing.",
    ),
    "already_registered": (
        "You have an account already",
        "somebody, probably you, wanted to use this e-mail address for an account. You have one already:",
        "{login}",
        "If you have forgotten its password, choose a new one:",
        "{forgot}",
        "If it was not you, you need do nothing.",
    ),
    "password_changed": (
        "Your password was changed",
        "the password of your account was changed a moment ago, and every other session was ended.",
        "If it was not you, choose a new one at once, here; that ends every session again, also a stranger's:",
        "{forgot}",
        "If that link finds no account of yours any more, answer this mail.",
    ),
    "email_changed": (
        "Your e-mail address was changed",
        "your account uses another e-mail address from now on, and every session was ended. "
        "No mails about it come here any more.",
        "If it was not you, answer this mail at once: the shop can see that the account was yours.",
    ),
    "email_change_asked": (
        "Your e-mail address is to be changed",
        "somebody who knows your password asked that your account use another e-mail address. "
        "It is changed when that address confirms it.",
        "If it was not you, choose a new password now: that stops it, and ends every session.",
        "{forgot}",
    ),
}
