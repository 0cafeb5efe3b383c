"""Calls made up from our own OpenAPI, fitting and not fitting, at the running product: none of them is its defect."""

from __future__ import annotations

import time
import warnings
from typing import Any

import httpx
import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

from tests.product import Product, running_product

EXAMPLES = 25
"""Calls per operation and kind of call."""
BUDGET_S = 360.0
"""After this time the rest of the operations get a few calls each."""
OURS = (501, 503, 504)
"""Not offered; a part that is away; a context that cannot be fetched: answers, and no defects."""


def _operations(document: dict[str, Any]) -> list[Any]:
    return [found.ok() for found in schemathesis.openapi.from_dict(document).get_all_operations()]


def _send(client: httpx.Client, case: Any) -> httpx.Response:
    given = case.as_transport_kwargs(base_url=str(client.base_url))
    method, url = given.pop("method"), given.pop("url")
    given.pop("cookies", None)
    headers = {str(k): str(v) for k, v in dict(given.pop("headers", {}) or {}).items()}
    headers["Authorization"] = client.headers["Authorization"]
    body = given.get("data")
    content = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else b""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        request = client.build_request(
            method, url, params=given.get("params"), headers=headers,
            **({"json": given["json"]} if "json" in given else {"content": content}),
        )  # fmt: skip
    return client.send(request)


def _fuzz(client: httpx.Client, operation: Any, mode: GenerationMode, examples: int) -> None:
    @settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode))
    def one(case: Any) -> None:
        try:
            answer = _send(client, case)
        except (httpx.InvalidURL, httpx.LocalProtocolError, UnicodeError, ValueError):
            hypothesis.reject()  # what cannot be sent needs no answer
        assert answer.status_code < 500 or answer.status_code in OURS, (
            f"{answer.status_code} {answer.request.method} {answer.request.url} {answer.request.content[:500]!r}"
            f" {dict(answer.request.headers)}: {answer.text[:500]}"
        )

    one()


def _run(product: Product) -> list[str]:
    began, failed = time.monotonic(), []
    with httpx.Client(
        base_url=product.address, headers={"Authorization": f"Bearer {product.token}"}, timeout=30, trust_env=False
    ) as client:
        document = client.get("/api/openapi.json").json()
        for operation in _operations(document):
            for mode in GenerationMode:
                examples = EXAMPLES if time.monotonic() - began < BUDGET_S else 3
                try:
                    _fuzz(client, operation, mode, examples)
                except (AssertionError, httpx.TransportError) as error:
                    failed.append(f"{operation.label} ({mode.value}): {error}")
                except (hypothesis.errors.Unsatisfiable, schemathesis.errors.SchemathesisError):
                    continue  # nothing that does not fit can be made for it
        assert client.get("/ngsi-ld/v1/types").status_code == 200
    return failed


@pytest.mark.slow
@pytest.mark.beside(1)
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore")
def test_no_call_is_answered_as_a_defect() -> None:
    with running_product() as product:
        assert _run(product) == []
