"""SMS out through a gateway over HTTP, and a simulator of one.

No provider's interface is public here, so ours is documented instead, for a provider's small adapter to stand behind:

    POST <PROVINCE_SMS>            Authorization: Bearer <PROVINCE_SMS_TOKEN>
    Idempotency-Key: <uuid>        Content-Type: application/json
    {"to": "+842743822222", "text": "…"}

2xx: taken, with `{"id": "…"}` as the gateway's own name for it. 4xx: refused for good, but for 408, 425 and 429. All
else: tried again with the same key, which a gateway answers as it did before without sending twice.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from province.adapters.dispatch import Outgoing, Taken
from province.adapters.outbound import Outbound
from province.broker.subscriptions.delivery import Refused
from province.errors import Unavailable

LARGEST_ANSWER: Final = 64 * 1024
TIMEOUT_S: Final = 20.0
_MOMENT: Final = frozenset((408, 425, 429))
_SIGNS: Final = re.compile(r"[ .()-]")
_NUMBER: Final = re.compile(r"\+[1-9]\d{6,14}")


class HttpSms:
    """Sends through one gateway. outbound: the guarded client."""

    def __init__(self, outbound: Outbound, url: str, token: str) -> None:
        self._outbound = outbound
        self._url = url
        self._token = token

    async def send(self, message: Outgoing) -> Taken:
        """Returns when the gateway took it. Raises: Refused, Unavailable, NotAllowed for a private address."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(message.id)}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        answer = await self._outbound.request(
            "POST",
            self._url,
            headers=headers,
            content=msgspec.json.encode({"to": number(message.address), "text": message.text}),
            timeout_s=TIMEOUT_S,
            largest=LARGEST_ANSWER,
        )
        if 200 <= answer.status < 300:
            return Taken(_reference(answer.body))
        kind = Refused if 400 <= answer.status < 500 and answer.status not in _MOMENT else Unavailable
        raise kind(f"the SMS gateway answered {answer.status}.")


class SimulatedSms:
    """A gateway that is none: it takes every number that could be one, and nothing leaves the house."""

    async def send(self, message: Outgoing) -> Taken:
        """Raises: Refused for what is no number."""
        number(message.address)
        return Taken("simulated", simulated=True)


def number(text: str) -> str:
    """A telephone number in the form of E.164; one that begins with 0 is Vietnamese. Raises: Refused."""
    bare = _SIGNS.sub("", text)
    full = f"+84{bare[1:]}" if bare.startswith("0") else bare
    if not _NUMBER.fullmatch(full):
        raise Refused("this is no telephone number.", field="to", remedy="Correct the number, then send it anew.")
    return full


def _reference(body: bytes) -> str:
    try:
        return str(msgspec.json.decode(body).get("id", ""))
    except (msgspec.DecodeError, AttributeError):
        return ""
