"""What providers publish as signed requests, sent to a receiver of their kind."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.gateway.world import Ledger, eventually, serving

_VECTORS = Path(__file__).parents[2] / "vectors" / "hmac_sha256.json"


def _vectors() -> list[Any]:
    vectors: list[Any] = json.loads(_VECTORS.read_text())["vectors"]
    return vectors


@pytest.mark.parametrize("vector", _vectors(), ids=lambda vector: vector["id"])
async def test_request_when_a_provider_signed_it(ledger: Ledger, vector: dict[str, Any]) -> None:
    """It is proven and kept to the byte; with one more byte of body it is refused."""
    body = vector["body"].encode()
    (header,) = vector["headers"]
    await ledger.insert_webhook(
        vector["id"], auth_config={"signature_header": header}, secret=vector["secret"]
    )
    async with serving(ledger) as gateway:
        answer = await gateway.post_unsigned(body, slug=vector["id"], headers=vector["headers"])
        forged = await gateway.post_unsigned(
            body + b" ", slug=vector["id"], headers=vector["headers"]
        )
        # A published text that is no JSON is its provider's all the same: not 401.
        is_json = body.startswith(b"{")
        assert answer.status_code == (200 if is_json else 400)
        assert (forged.status_code, forged.content) == (401, b"")

        async def both_recorded() -> bool:
            return len(await ledger.deliveries()) == 2

        await eventually(both_recorded)
    delivery = await ledger.delivery(answer.json()["delivery_id"])
    assert delivery["auth_status"] == "verified"
    assert delivery["request_body"] == body
    assert delivery["dispatch_status"] == ("pending" if is_json else "failed")
