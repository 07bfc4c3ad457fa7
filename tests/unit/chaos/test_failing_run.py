"""A run that breaks a promise ends with status 1, says how, and leaves its logs behind."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos import __main__ as command
from tests.chaos.injector import Happened
from tests.chaos.run import Run
from tests.chaos.schedule import Fault, FaultKind
from tests.chaos.verdict import Verdict
from tests.faults.checker import Report
from tests.faults.journal import Answer, Journal, Kind
from tests.faults.judgement import Ledger, Recorded, judge

_GOOD = Recorded(delivery_id="0198-good", event_id="good", dispatch_status="dispatched")
_BAD = Recorded(delivery_id="0198-bad", event_id="bad", dispatch_status="pending", retry_count=3)
_KILL = Fault(number=4, at=9.0, kind=FaultKind.KILL, target="worker-2", seconds=1, strength=0)
_LATE = Fault(number=5, at=90.0, kind=FaultKind.KILL, target="worker-1", seconds=1, strength=0)


def _verdict(logs: Path, *, effects: dict[str, int]) -> Verdict:
    """Return what is found of two accepted events; what had an effect is on record as done."""
    journal = Journal()
    bad = replace(_BAD, dispatch_status="dispatched") if "bad" in effects else _BAD
    for recorded in (_GOOD, bad):
        journal.add(
            Answer(
                event_id=recorded.event_id or "",
                kind=Kind.FIRST,
                gateway="gateway-1",
                at=10.0,
                latency_seconds=0.01,
                status=200,
                delivery_id=recorded.delivery_id,
            )
        )
    ledger = Ledger({one.delivery_id: one for one in (_GOOD, bad)}, effects)
    found = judge(journal.answers, ledger, answer_within_seconds=3.0)
    happened = [Happened(_KILL, 9.0, 10.0), Happened(_LATE, 90.0, 91.0)]
    seconds = {"sending": 20.0, "until quiet": 3.0}
    report = Report(journal, ledger, found)
    return Verdict({"steady": report}, happened, found, seconds, logs, ["attempt 2: gave up"])


def _logs(directory: Path) -> Path:
    logs = directory / "logs"
    logs.mkdir(parents=True)
    (logs / "worker-2.log").write_text("took 0198-good\ntook 0198-bad\nstopped\n")
    (logs / "gateway-1.log").write_text("recorded 0198-bad\n")
    return logs


def _run(monkeypatch: pytest.MonkeyPatch, root: Path, effects: dict[str, int]) -> int:
    def execute(run: Run) -> Verdict:
        return _verdict(_logs(run._directory), effects=effects)

    monkeypatch.setattr(Run, "execute", execute)
    monkeypatch.setattr(command, "ROOT", root)
    monkeypatch.setattr("sys.argv", ["tests.chaos", "--seed", "7"])
    return command.main()


def test_failing_run_names_its_first_event_and_keeps_its_logs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Printed is all that is known of the event: answers, ledger, attempts, faults, log lines."""
    assert _run(monkeypatch, tmp_path, {"good": 1}) == 1
    shown = capsys.readouterr().out
    (kept,) = (tmp_path / ".postern" / "chaos").iterdir()
    assert f"kept in {kept.relative_to(tmp_path)}" in shown
    assert (kept / "logs" / "worker-2.log").exists()
    assert "bad" in (kept / "verdict.txt").read_text()
    first = shown.partition("The first:")[2]
    for known in (
        "lost",
        "dispatch_status='pending'",
        "retry_count=3",
        "gateway-1",
        "attempt 2: gave up",
        "kill worker-2",
        "worker-2.log: took 0198-bad",
        "gateway-1.log: recorded 0198-bad",
    ):
        assert known in first
    for elsewhere in ("0198-good", "worker-1", "stopped"):
        assert elsewhere not in first


def test_clean_run_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its status is 0 and its directory is gone."""
    assert _run(monkeypatch, tmp_path, {"good": 1, "bad": 1}) == 0
    assert not list((tmp_path / ".postern" / "chaos").iterdir())
