"""A sleep that ends early when the program stops."""

import asyncio


async def sleep_until(stop: asyncio.Event, seconds: float) -> None:
    """Sleep for so long, or until ``stop`` is set."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
