"""Webhooks whose sender Postern knows, as the gateway judges their requests."""

import pytest

from gateway.authentication import LiveSecret, SignatureVerifier
from shared.domain.delivery import AuthStatus
from shared.domain.webhook import SignatureAuth
from tests.unit.gateway.requests import NOW, live_secret, presented
from tests.unit.signatures.senders import QUERY, SENDERS, URL

_STRIPE = SENDERS["stripe"]


def _secrets(*texts: str) -> list[LiveSecret]:
    return [live_secret(text.encode()) for text in texts]


def test_secret_when_two_are_live() -> None:
    """The one that signed is told, so that its use can be seen."""
    secrets = _secrets(*_STRIPE.secrets)
    verifier = SignatureVerifier(SignatureAuth("stripe"), secrets)
    for number, secret in enumerate(secrets):
        sent = _STRIPE.sent(by=number, at=int(NOW))
        verdict = verifier.verify(presented(*sent.headers, body=sent.body))
        assert verdict == (AuthStatus.VERIFIED, secret.secret_id)


def test_secret_when_it_is_retired() -> None:
    """A right signature by a secret that has ended is refused."""
    ended = live_secret(_STRIPE.secrets[0].encode(), valid_until=NOW)
    verifier = SignatureVerifier(SignatureAuth("stripe"), [ended])
    sent = _STRIPE.sent(at=int(NOW))
    verdict = verifier.verify(presented(*sent.headers, body=sent.body))
    assert verdict == (AuthStatus.REJECTED_SIGNATURE, None)


@pytest.mark.parametrize(
    ("tolerance_seconds", "is_let_in"), [(None, False), (599, False), (600, True)]
)
def test_time_when_the_webhook_has_its_own_tolerance(
    tolerance_seconds: int | None, *, is_let_in: bool
) -> None:
    """It takes the place of the preset's, before and after."""
    auth = SignatureAuth("stripe", tolerance_seconds=tolerance_seconds)
    verifier = SignatureVerifier(auth, _secrets(_STRIPE.secrets[0]))
    for at in (NOW - 600, NOW + 600):
        sent = _STRIPE.sent(at=int(at))
        verdict = verifier.verify(presented(*sent.headers, body=sent.body))
        assert (verdict.status is AuthStatus.VERIFIED) is is_let_in


@pytest.mark.parametrize("name", ["square", "hubspot"])
def test_address_when_it_is_signed(name: str) -> None:
    """The webhook's public address counts, with the query as it came, and the method."""
    sender = SENDERS[name]
    sent = sender.sent(at=int(NOW))
    request = presented(*sent.headers, body=sent.body, query=QUERY)
    secrets = _secrets(sender.secrets[0])
    right = SignatureVerifier(SignatureAuth(name, public_url=URL), secrets)
    wrong = SignatureVerifier(SignatureAuth(name, public_url=URL + "/"), secrets)
    assert right.verify(request).status is AuthStatus.VERIFIED
    assert right.verify(request._replace(query=b"")).status is AuthStatus.REJECTED_SIGNATURE
    assert wrong.verify(request).status is AuthStatus.REJECTED_SIGNATURE


def test_secret_when_there_is_none() -> None:
    """Nobody is let in, and the status is one for which the receiver does a signature's work."""
    verdict = SignatureVerifier(SignatureAuth("stripe"), []).verify(presented())
    assert verdict == (AuthStatus.REJECTED_NO_AUTH, None)


@pytest.mark.parametrize(
    ("auth", "secret"),
    [
        (SignatureAuth("nobody"), "a-secret-of-somebody"),
        (SignatureAuth("svix"), "whsec_no-base64-at-all"),
        (SignatureAuth("square"), "a-secret-of-a-sender"),
    ],
)
def test_configuration_when_it_makes_no_sense(auth: SignatureAuth, secret: str) -> None:
    """It is a ValueError, by which the snapshot closes the webhook, and repeats no secret."""
    with pytest.raises(ValueError, match=r".") as caught:
        SignatureVerifier(auth, _secrets(secret))
    assert secret not in str(caught.value)


def test_headers_when_they_hold_signatures() -> None:
    """Every header that may hold one is known, so that none of them is stored."""
    headers = SignatureVerifier(SignatureAuth("docusign"), []).credential_headers
    assert {b"x-docusign-signature-1", b"x-docusign-signature-100"} <= headers
    assert SignatureVerifier(SignatureAuth("adyen_platform"), []).credential_headers == {
        b"hmacsignature"
    }
