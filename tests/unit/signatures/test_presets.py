"""Every preset, held against a sender that is written without the code under test."""

from collections.abc import Callable

import pytest

from shared.signatures.presets import PRESETS
from shared.signatures.scheme import KeyForm
from tests.unit.signatures.senders import NOW, SENDERS, Sender, Sent, verifier_for

_EACH = pytest.mark.parametrize("name", PRESETS)
_DATED = pytest.mark.parametrize(
    "name", [name for name, sender in SENDERS.items() if sender.tolerance_seconds is not None]
)


def _is_proven(name: str, sent: Sent, *, now: float = NOW) -> bool:
    (is_signer,) = verifier_for(name, SENDERS[name].secrets[0]).signers(sent, now=now)
    return is_signer


def _with_header(sent: Sent, place: int, *values: bytes) -> Sent:
    """Return a request with other values of one header: none, one or several."""
    name = sent.headers[place][0]
    changed = [(name, value) for value in values]
    return sent._replace(headers=[*sent.headers[:place], *changed, *sent.headers[place + 1 :]])


def test_presets_have_senders() -> None:
    """None goes untested, and each is found by its own name, in order."""
    assert list(PRESETS) == sorted(SENDERS)
    assert all(preset.name == name for name, preset in PRESETS.items())


@_EACH
def test_request_when_the_sender_signed_it(name: str) -> None:
    """It is proven, by any body: JSON, bytes that are no text, a line's end, none at all."""
    sender = SENDERS[name]
    bodies = [sender.body(NOW)]
    if not sender.dates_body:
        bodies += [b"", b"\xff\x00\r\n", b"payload=%7B%7D", b"x" * 100_000]
    for body in bodies:
        assert _is_proven(name, sender.sent(body=body)), body[:20]


@_EACH
def test_request_when_two_secrets_live(name: str) -> None:
    """Each is told as the signer of what it signed, in whichever order they stand."""
    sender = SENDERS[name]
    verifier = verifier_for(name, *sender.secrets)
    assert list(verifier.signers(sender.sent(by=0), now=NOW)) == [True, False]
    assert list(verifier.signers(sender.sent(by=1), now=NOW)) == [False, True]


def _flipped_body(sender: Sender, sent: Sent) -> Sent:
    return sent._replace(body=bytes([sent.body[0] ^ 1]) + sent.body[1:])


def _shorter_body(sender: Sender, sent: Sent) -> Sent:
    return sent._replace(body=sent.body.rstrip())


def _flipped_signature(sender: Sender, sent: Sent) -> Sent:
    place = sender.signature_header(sent)
    value = sent.headers[place][1]
    # The tenth from the end is a digit of the signature in every form.
    other = b"b" if value[-10:-9] == b"a" else b"a"
    return _with_header(sent, place, value[:-10] + other + value[-9:])


def _cut_signature(sender: Sender, sent: Sent) -> Sent:
    place = sender.signature_header(sent)
    return _with_header(sent, place, sent.headers[place][1][:-4])


def _no_signature(sender: Sender, sent: Sent) -> Sent:
    return _with_header(sent, sender.signature_header(sent), b"")


def _signed_by_another(sender: Sender, sent: Sent) -> Sent:
    return sender.sent(by=1)


@_EACH
@pytest.mark.parametrize(
    "forge",
    [
        _flipped_body,
        _shorter_body,
        _flipped_signature,
        _cut_signature,
        _no_signature,
        _signed_by_another,
    ],
)
def test_request_when_it_is_forged(name: str, forge: Callable[[Sender, Sent], Sent]) -> None:
    """What is not as the sender signed it proves nothing."""
    sender = SENDERS[name]
    assert not _is_proven(name, forge(sender, sender.sent()))


def _needed(name: str, sent: Sent) -> list[int]:
    """Return the places of the headers that the proof rests on."""
    return [
        place
        for place, (header, value) in enumerate(sent.headers)
        if header != b"host" and value != b"AAAA"
    ]


@_EACH
def test_request_when_a_header_is_missing(name: str) -> None:
    """Without its signature, its time or its id it proves nothing."""
    sent = SENDERS[name].sent()
    for place in _needed(name, sent):
        assert not _is_proven(name, _with_header(sent, place)), sent.headers[place]


@_EACH
def test_request_when_a_header_is_repeated(name: str) -> None:
    """With two of what must be one it proves nothing, wherever and whatever the other is.

    Mollie alone sends its header several times: one right signature is enough.
    """
    sent = SENDERS[name].sent()
    for place in _needed(name, sent):
        value = sent.headers[place][1]
        for values in ((value, value), (value, b"junk"), (b"junk", value)):
            repeated = _with_header(sent, place, *values)
            assert _is_proven(name, repeated) is (name == "mollie"), values


@_EACH
def test_request_when_another_header_is_repeated(name: str) -> None:
    """What is not looked at may stand as often as it likes."""
    sent = SENDERS[name].sent()
    via = [(b"via", b"a"), (b"via", b"b")]
    assert _is_proven(name, sent._replace(headers=[*sent.headers, *via]))


@_DATED
def test_request_when_its_time_is_off(name: str) -> None:
    """It counts as far as the tolerance, before and after, and no further."""
    sender = SENDERS[name]
    within = sender.tolerance_seconds or 0
    for seconds in (1 - within, 0, within):
        assert _is_proven(name, sender.sent(), now=NOW + seconds), seconds
    for seconds in (-within - 2, within + 2, 10**9, -(10**9)):
        assert not _is_proven(name, sender.sent(), now=NOW + seconds), seconds


@_EACH
def test_request_when_no_time_is_signed(name: str) -> None:
    """A preset promises nothing about time where the sender signs none."""
    sender = SENDERS[name]
    assert PRESETS[name].takes_tolerance is (sender.tolerance_seconds is not None)
    if sender.tolerance_seconds is None:
        assert _is_proven(name, sender.sent(), now=NOW + 10**8)


@_DATED
def test_request_when_the_tolerance_is_chosen(name: str) -> None:
    """The webhook's own tolerance takes the place of the preset's."""
    timestamp = PRESETS[name].scheme_with(tolerance_seconds=4000).timestamp
    assert timestamp is not None
    assert timestamp.tolerance_seconds == 4000


@_EACH
@pytest.mark.parametrize("secret", ["", " ", "\n", " first-secret", "first-secret\n"])
def test_secret_when_it_is_empty_or_padded(name: str, secret: str) -> None:
    """No sender has such a one: it is refused when it is given, not when requests come."""
    with pytest.raises(ValueError, match=r"^Expected "):
        verifier_for(name, secret)


_LONG = "A" * 43 + "="
_OF_ANOTHER_FORM = {
    KeyForm.WHSEC_TEXT: ["sk_live_0123456789abcdef", "whsec_", "WHSEC_0123456789abcdef"],
    KeyForm.WHSEC_BASE64: [
        "whsec_",
        "whsec_AAAA",
        "whsec_first-of-two-secrets",
        "v1,whsec_" + _LONG,
    ],
    KeyForm.HEX: ["0g" * 32, "0" * 63, "00" * 15, _LONG],
    KeyForm.ED25519_BASE64: ["B" * 43, "B" * 44, "0f" * 32, "whpk_" + "B" * 43 + "=", _LONG],
    KeyForm.WHPK_BASE64: ["whpk_", "whpk_" + "B" * 43, "whsec_" + "B" * 43 + "=", "whpk_" + _LONG],
    KeyForm.P256_BASE64: ["MFkwEwYHKoZIzj0CAQ==", _LONG, "-----BEGIN PUBLIC KEY-----"],
}


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        (name, secret)
        for name, preset in PRESETS.items()
        for secret in _OF_ANOTHER_FORM.get(preset.scheme.key_form, [])
    ],
)
def test_secret_when_it_is_of_another_form(name: str, secret: str) -> None:
    """Where a secret has a form, another one is refused, and the refusal does not repeat it."""
    with pytest.raises(ValueError, match=r"^Expected ") as caught:
        verifier_for(name, secret)
    assert secret not in str(caught.value).split() or secret in {"whsec_", "whpk_"}
