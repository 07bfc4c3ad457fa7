"""Sends calls, again where that is safe, and reads their answers; once blocking, once not."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TypeVar

import httpx
from pydantic import BaseModel

from postern.client.calls import Call, checked, parsed, parsed_either
from postern.client.envelope import AnyEnvelope, OtherEnvelope
from postern.client.errors import NoAnswerError
from postern.client.retries import Attempt, RetryPolicy, delay_before_retry, is_repeatable

Item = TypeVar("Item", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class _Rules:
    """Decides about further attempts at one request."""

    policy: RetryPolicy
    request: httpx.Request

    def after_answer(self, number: int, response: httpx.Response) -> float | None:
        if response.is_success:
            return None
        attempt = Attempt(
            number=number,
            is_repeatable=self._is_repeatable,
            status=response.status_code,
            headers=response.headers,
        )
        return delay_before_retry(self.policy, attempt, random=random.random)

    def after_silence(self, number: int, error: httpx.TransportError) -> float:
        """Return the seconds until the next attempt.

        Raises:
            NoAnswerError: There is none.
        """
        attempt = Attempt(
            number=number,
            is_repeatable=self._is_repeatable,
            has_no_effect=isinstance(error, httpx.ConnectError | httpx.ConnectTimeout),
        )
        delay = delay_before_retry(self.policy, attempt, random=random.random)
        if delay is None:
            reason = str(error) or type(error).__name__
            raise NoAnswerError(f"{self.request.url}: {reason}") from error
        return delay

    @property
    def _is_repeatable(self) -> bool:
        return is_repeatable(self.request.method, self.request.headers)


class Http:
    """Makes calls, blocking."""

    def __init__(self, client: httpx.Client, policy: RetryPolicy) -> None:
        self._client = client
        self._policy = policy

    def fetch(self, call: Call, model: type[AnyEnvelope]) -> AnyEnvelope:
        """Make a call; return its answer."""
        return parsed(self.send(call), model)

    def fetch_either(
        self,
        call: Call,
        one: tuple[int, type[AnyEnvelope]],
        other: tuple[int, type[OtherEnvelope]],
    ) -> AnyEnvelope | OtherEnvelope:
        """Make a call that has two kinds of answers, told apart by their status."""
        return parsed_either(self.send(call), one, other)

    def send(self, call: Call) -> httpx.Response:
        """Make a call; return its answer, read whole.

        Raises:
            PosternClientError: There is none, or it tells of a problem.
        """
        with self._answer(call) as response:
            return response

    def lines(self, call: Call) -> Iterator[str]:
        """Make a call; yield the lines of its answer as they arrive."""
        with self._answer(call, is_streamed=True) as response:
            try:
                yield from response.iter_lines()
            except httpx.TransportError as error:
                raise NoAnswerError(f"{response.url}: the answer broke off: {error}") from error

    def items(self, call: Call, model: type[Item]) -> Iterator[Item]:
        """Make a call; yield what each line of its answer holds."""
        return (model.model_validate_json(line) for line in self.lines(call) if line)

    @contextmanager
    def _answer(self, call: Call, *, is_streamed: bool = False) -> Iterator[httpx.Response]:
        request = call.request(self._client)
        response = self._attempted(request, is_streamed=is_streamed)
        try:
            if not response.is_success:
                response.read()
            yield checked(response)
        finally:
            response.close()

    def _attempted(self, request: httpx.Request, *, is_streamed: bool) -> httpx.Response:
        rules = _Rules(self._policy, request)
        number = 1
        while True:
            try:
                response = self._client.send(request, stream=is_streamed)
            except httpx.TransportError as error:
                delay = rules.after_silence(number, error)
            else:
                wanted = rules.after_answer(number, response)
                if wanted is None:
                    return response
                response.close()
                delay = wanted
            time.sleep(delay)
            number += 1


class AsyncHttp:
    """Makes calls on an event loop."""

    def __init__(self, client: httpx.AsyncClient, policy: RetryPolicy) -> None:
        self._client = client
        self._policy = policy

    async def fetch(self, call: Call, model: type[AnyEnvelope]) -> AnyEnvelope:
        """Make a call; return its answer."""
        return parsed(await self.send(call), model)

    async def fetch_either(
        self,
        call: Call,
        one: tuple[int, type[AnyEnvelope]],
        other: tuple[int, type[OtherEnvelope]],
    ) -> AnyEnvelope | OtherEnvelope:
        """Make a call that has two kinds of answers, told apart by their status."""
        return parsed_either(await self.send(call), one, other)

    async def send(self, call: Call) -> httpx.Response:
        """Make a call; return its answer, read whole.

        Raises:
            PosternClientError: There is none, or it tells of a problem.
        """
        async with self._answer(call) as response:
            return response

    async def lines(self, call: Call) -> AsyncIterator[str]:
        """Make a call; yield the lines of its answer as they arrive."""
        async with self._answer(call, is_streamed=True) as response:
            try:
                async for line in response.aiter_lines():
                    yield line
            except httpx.TransportError as error:
                raise NoAnswerError(f"{response.url}: the answer broke off: {error}") from error

    async def items(self, call: Call, model: type[Item]) -> AsyncIterator[Item]:
        """Make a call; yield what each line of its answer holds."""
        async for line in self.lines(call):
            if line:
                yield model.model_validate_json(line)

    @asynccontextmanager
    async def _answer(
        self, call: Call, *, is_streamed: bool = False
    ) -> AsyncIterator[httpx.Response]:
        request = call.request(self._client)
        response = await self._attempted(request, is_streamed=is_streamed)
        try:
            if not response.is_success:
                await response.aread()
            yield checked(response)
        finally:
            await response.aclose()

    async def _attempted(self, request: httpx.Request, *, is_streamed: bool) -> httpx.Response:
        rules = _Rules(self._policy, request)
        number = 1
        while True:
            try:
                response = await self._client.send(request, stream=is_streamed)
            except httpx.TransportError as error:
                delay = rules.after_silence(number, error)
            else:
                wanted = rules.after_answer(number, response)
                if wanted is None:
                    return response
                await response.aclose()
                delay = wanted
            await asyncio.sleep(delay)
            number += 1
