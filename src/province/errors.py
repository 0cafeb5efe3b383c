"""Every error of the product. None of them knows HTTP: `api/errors.py` holds the one status table.

Each message says what was given, what was expected, and what to do. `field` names the offending field as a path
(`attrs.speed.observedAt`), so that a form, a command line and a problem+json body can all point at it.
"""

from __future__ import annotations


class ProvinceError(Exception):
    """Root of all errors that a user may see.

    title: one sentence, the same for every occurrence of this kind.
    detail: what was given and what was expected.
    field: path of the offending field, or None.
    remedy: what the user can do about it, or "".
    """

    title = "The request failed"

    def __init__(self, detail: str, *, field: str | None = None, remedy: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.remedy = remedy

    def __str__(self) -> str:
        where = f"{self.field}: " if self.field else ""
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{where}{self.detail}{remedy}"


class InvalidInput(ProvinceError):
    """The input breaks a rule of its type, unit, range or syntax."""

    title = "The input is not valid"


class InvalidRequest(InvalidInput):
    """The request as such is wrong: an unknown parameter, a body that is not what its media type says."""

    title = "The request is not valid"


class DecodeError(InvalidInput):
    """A feed received bytes that it cannot read; the bytes go to the dead letters."""

    title = "The message cannot be decoded"


class TooLarge(ProvinceError):
    """A body, batch, file or answer is over a limit."""

    title = "The input is too large"


class TooComplex(ProvinceError):
    """A question that would take too long to answer."""

    title = "The question is too complex"


class NotFound(ProvinceError):
    """Nothing with that name exists, or the caller may not know that it does."""

    title = "Not found"


class AlreadyExists(ProvinceError):
    """An entity or a unique key is taken."""

    title = "Already exists"


class Conflict(ProvinceError):
    """A precondition (version, absence, count, overlap, workflow edge) does not hold."""

    title = "The change conflicts with the present state"


class NotSignedIn(ProvinceError):
    """The caller is unknown."""

    title = "Sign-in is required"


class NotAllowed(ProvinceError):
    """The caller is known and lacks the right, the role or the purpose."""

    title = "Not allowed"


class RateLimited(ProvinceError):
    """Too many calls from one address, account or token. `retry_after_s` says when to come back."""

    title = "Too many requests"

    def __init__(self, detail: str, *, retry_after_s: float, remedy: str = "") -> None:
        super().__init__(detail, remedy=remedy)
        self.retry_after_s = retry_after_s


class Unavailable(ProvinceError):
    """An engine or a counterpart does not answer; nothing was acknowledged."""

    title = "A part of the system is not available"


class Unsupported(ProvinceError):
    """The operation or media type is understood and not offered."""

    title = "Not supported"


class ConfigurationError(ProvinceError):
    """A setting, a declaration or an installation is wrong; raised at start."""

    title = "The configuration is not valid"
