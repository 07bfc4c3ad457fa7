"""``python -m worker.forward_key``."""

import sys
from base64 import b64encode
from uuid import UUID

import pytest

from shared.signatures.signing_secrets import parse_secret
from worker.forward_key import main
from worker.forwarding.signing import webhook_key

_TENANT, _WEBHOOK = UUID(int=1), UUID(int=2)
_ROOTS = (bytes(range(32)), bytes(range(32, 64)))


@pytest.fixture(autouse=True)
def _arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings that are needed, and a webhook."""
    monkeypatch.setattr(sys, "argv", ["forward_key", str(_TENANT), str(_WEBHOOK)])
    monkeypatch.setenv("POSTERN_DATABASE_URL", "postgres://x")
    monkeypatch.setenv("POSTERN_MASTER_KEYS", "x")


def test_tells_the_key_of_each_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line for each, in the form in which receivers take it."""
    secrets = ",".join("whsec_" + b64encode(root).decode() for root in _ROOTS)
    monkeypatch.setenv("POSTERN_WORKER_FORWARD_SIGNING_SECRET", secrets)
    assert main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert [parse_secret(line) for line in lines] == [
        webhook_key(root, _TENANT, _WEBHOOK) for root in _ROOTS
    ]


def test_without_a_secret(capsys: pytest.CaptureFixture[str]) -> None:
    """The missing setting is named."""
    assert main() == 2
    assert capsys.readouterr().err == "POSTERN_WORKER_FORWARD_SIGNING_SECRET: missing\n"


def test_with_settings_that_cannot_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A faulty secret is named, not shown."""
    monkeypatch.setenv("POSTERN_WORKER_FORWARD_SIGNING_SECRET", "whsec_c2hvcnQ=")
    assert main() == 2
    error = capsys.readouterr().err
    assert error == "POSTERN_WORKER_FORWARD_SIGNING_SECRET: must have 24 to 64 bytes, has 5\n"
