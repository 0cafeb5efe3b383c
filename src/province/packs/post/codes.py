"""Item codes: UPU S10 and GS1 SSCC with their check digits, in the forms that scanners and EPCIS give them. Pure."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from province.errors import InvalidInput

_S10: Final = re.compile(r"([A-Z]{2})(\d{8})(\d)([A-Z]{2})")
_WEIGHTS: Final = (8, 6, 4, 2, 3, 5, 9, 7)
_SSCC_URN: Final = re.compile(r"urn:epc:id:sscc:(\d{6,12})\.(\d)(\d+)")
_SSCC_LINK: Final = re.compile(r"https?://[^?#]*/00/(\d{18})(?:[?#].*)?")
_SSCC_BARE: Final = re.compile(r"(?:\(00\)|00)?(\d{18})")
_S10_URI: Final = re.compile(r"(?:urn:upu:s10:|https?://[^?#]*/)([A-Z]{2}\d{9}[A-Z]{2})", re.IGNORECASE)
_MOST: Final = 200


class Code(NamedTuple):
    """scheme: s10 or sscc; empty for anything else, such as a trade item, which is no unit of the post."""

    text: str
    scheme: str


def read(given: object, field: str) -> Code:
    """The code in any of its forms. Raises: InvalidInput for a wrong check digit, or what is no code at all."""
    if not isinstance(given, str) or not given.strip() or len(given) > _MOST:
        raise InvalidInput(f"{str(given)[:60]!r} is no item code.", field=field, remedy="Give text, such as RR…VN.")
    text = given.strip()
    if (urn := _SSCC_URN.fullmatch(text)) is not None:
        body = urn[2] + urn[1] + urn[3]
        if len(body) != 17:
            raise InvalidInput(
                f"{text!r} has {len(body)} digits.", field=field, remedy="An SSCC has 17 and a check digit."
            )
        return Code(body + str(sscc_digit(body)), "sscc")
    bare = _SSCC_LINK.fullmatch(text) or _SSCC_BARE.fullmatch(text.replace(" ", ""))
    if bare is not None:
        return Code(_checked(bare[1], sscc_digit(bare[1][:17]), field), "sscc")
    uri = _S10_URI.fullmatch(text)
    compact = uri[1].upper() if uri is not None else re.sub(r"[\s-]", "", text).upper()
    if (item := _S10.fullmatch(compact)) is not None:
        if int(item[3]) != s10_digit(item[2]):
            raise _wrong(compact, s10_digit(item[2]), field)
        return Code(compact, "s10")
    return Code(text, "")


def s10_digit(serial: str) -> int:
    """Check digit of the eight digits of an S10 identifier (UPU S10, weights 8 6 4 2 3 5 9 7, modulus 11)."""
    found = 11 - sum(w * int(d) for w, d in zip(_WEIGHTS, serial, strict=True)) % 11
    return {10: 0, 11: 5}.get(found, found)


def sscc_digit(body: str) -> int:
    """Check digit of the 17 digits of an SSCC (GS1 General Specifications, 7.9: weights 3 and 1, modulus 10)."""
    return -sum((3, 1)[i % 2] * int(d) for i, d in enumerate(reversed(body))) % 10


def _checked(digits: str, digit: int, field: str) -> str:
    if int(digits[-1]) != digit:
        raise _wrong(digits, digit, field)
    return digits


def _wrong(code: str, digit: int, field: str) -> InvalidInput:
    return InvalidInput(
        f"{code} has a wrong check digit; it would be {digit}.", field=field, remedy="Scan or type it again."
    )
