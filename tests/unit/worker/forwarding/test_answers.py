"""What answers of targets mean."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.forwarding.answers import MAX_KEPT_BYTES, Answer, outcome_of, pause_seconds
from worker.outcome import Done, Reject, Retry

_NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def _answer(status: int, body: bytes = b"", **headers: bytes) -> Answer:
    pairs = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
    return Answer(status=status, headers=pairs, body=body)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_success(status: int) -> None:
    """2xx is done; status and body are kept."""
    outcome = outcome_of(_answer(status, b"ok", Content_Type=b"text/plain"), _NOW)
    assert outcome == Done(
        {
            "status": status,
            "content_type": "text/plain",
            "response": "ok",
            "response_is_cut": False,
        }
    )


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_passing_faults(status: int) -> None:
    """They are tried again, not before the target asks for."""
    outcome = outcome_of(_answer(status, Retry_After=b"7"), _NOW)
    assert outcome == Retry(f"the target answered {status}", f"target_{status}", 7.0)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 410, 422])
def test_lasting_faults(status: int) -> None:
    """They end the delivery, with the answer kept; redirects are said not to be followed."""
    outcome = outcome_of(_answer(status, b"no"), _NOW)
    assert isinstance(outcome, Reject)
    assert outcome.code == "target_refused"
    assert (outcome.details["status"], outcome.details["response"]) == (status, "no")
    assert ("redirects are not followed" in outcome.reason) == (status < 400)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        (" 120 ", 120.0),
        ("86400", 3600.0),
        ("9" * 5000, 3600.0),
        ("Sun, 01 Mar 2026 12:01:30 GMT", 90.0),
        ("Sun, 01 Mar 2026 12:01:30 -0000", 90.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("Mon, 02 Mar 2026 12:00:00 GMT", 3600.0),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 3600.0),
        ("Sat, 01 Jan 0001 00:00:00 +2359", 0.0),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("\u0661\u0662", None),
    ],
)
def test_pause(value: str | None, seconds: float | None) -> None:
    """Seconds and dates are read, an hour at most; whatever else is no wish."""
    assert pause_seconds(value, _NOW) == seconds


@given(
    st.text(max_size=40)
    | st.from_regex(r"[0-9]{1,2} (Jan|Dec) [0-9]{1,5} [0-9:]{1,8} [-+][0-9]{1,6}", fullmatch=True)
)
def test_no_wish_is_too_odd(value: str) -> None:
    """Whatever a target writes, the pause is none or between nothing and an hour."""
    seconds = pause_seconds(value, _NOW)
    assert seconds is None or 0 <= seconds <= 3600


def test_what_is_kept_is_bounded() -> None:
    """A long body is cut and said to be; bytes that are no text do not matter."""
    outcome = outcome_of(_answer(200, b"\xff" * 60_000), _NOW)
    assert isinstance(outcome, Done)
    assert outcome.result["response"] == "\ufffd" * MAX_KEPT_BYTES
    assert outcome.result["response_is_cut"] is True
