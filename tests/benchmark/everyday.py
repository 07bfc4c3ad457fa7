"""What a system sees on an ordinary day: new events, repeats, forgeries, and people at work."""

import itertools
import secrets
import threading
from collections import Counter, deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from deploy.local.control import ControlApi
from tests.benchmark.events import signed_request
from tests.benchmark.sequences import Arrivals, body_of
from tests.benchmark.steady import Sending
from tests.benchmark.system import Hook, System

#: Of so many requests one is an event of a moment ago again, and one has a wrong signature.
_REPEAT_EVERY = 20
_FORGE_EVERY = 50
#: Events that may be repeated.
_REMEMBERED = 500
_ACT_SECONDS = 0.5
#: Of so many acts of people one changes a webhook.
_CHANGE_EVERY = 10


class EverydayMix:
    """The source of a load: mostly new events."""

    def __init__(self, arrivals: Arrivals, hooks: list[Hook]) -> None:
        self._arrivals = arrivals
        self._hooks = itertools.cycle(hooks)
        self._numbers = itertools.count(1)
        self._recent: deque[bytes] = deque(maxlen=_REMEMBERED)

    def next(self) -> Sending:
        """Return what is due."""
        number = next(self._numbers)
        if number % _FORGE_EVERY == 0:
            return self._forged(number)
        if number % _REPEAT_EVERY == 0 and self._recent:
            return Sending(self._recent.popleft())
        return self._remembered(self._arrivals.next())

    def _forged(self, number: int) -> Sending:
        body = body_of(f"forged/{number}", f"forged-{number % _REMEMBERED}")
        request = signed_request(next(self._hooks).target, body, secret=secrets.token_bytes(16))
        return Sending(request, wanted=401)

    def _remembered(self, sending: Sending) -> Sending:
        def answered(answer: Any) -> None:
            sending.answered(answer)
            if answer.status == 200:
                self._recent.append(sending.request)

        return sending._replace(answered=answered)


class People:
    """Read lists and deliveries through the control API, and change webhooks now and then."""

    def __init__(self, system: System) -> None:
        #: Answers by act and status.
        self.answers: Counter[tuple[str, int]] = Counter()
        self._system = system
        self._hooks = [*system.plain, *system.ordered]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="people", daemon=True)

    @property
    def refused_count(self) -> int:
        """How many acts failed; all should succeed."""
        return sum(count for (_, status), count in self.answers.items() if status != 200)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        api = self._system.api
        reads = itertools.cycle((_list_webhooks, _list_deliveries, _read_delivery, _list_assets))
        for number, hook in enumerate(itertools.cycle(self._hooks), 1):
            if self._stop.wait(_ACT_SECONDS):
                return
            act: Callable[[ControlApi, Hook], int] = next(reads)
            if number % _CHANGE_EVERY == 0:
                act = _change
            self.answers[act.__name__.strip("_"), act(api, hook)] += 1


def _list_webhooks(api: ControlApi, _: Hook) -> int:
    return api.http.get("/api/v1/inbound-webhooks").status_code


def _list_deliveries(api: ControlApi, hook: Hook) -> int:
    return api.http.get(
        f"/api/v1/inbound-webhooks/{hook.webhook_id}/deliveries", params={"limit": 50}
    ).status_code


def _read_delivery(api: ControlApi, hook: Hook) -> int:
    newest = api.deliveries(hook.webhook_id)
    if not newest:
        return 200
    return api.http.get(f"/api/v1/deliveries/{newest[0]['delivery_id']}").status_code


def _list_assets(api: ControlApi, _: Hook) -> int:
    return api.http.get("/api/v1/assets", params={"limit": 50}).status_code


def _change(api: ControlApi, hook: Hook) -> int:
    body = {**hook.body, "description": f"changed {secrets.token_hex(4)}"}
    body["auth_config"] = {
        key: value for key, value in hook.body["auth_config"].items() if key != "secret"
    }
    return api.http.put(f"/api/v1/inbound-webhooks/{hook.webhook_id}", json=body).status_code
