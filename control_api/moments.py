"""Moments as callers write them."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _end_of_day(value: object) -> object:
    """Read a bare date as its last moment: ``date_to`` includes the day that it names."""
    whole_day = isinstance(value, str) and _DAY.fullmatch(value)
    return f"{value}T23:59:59.999999Z" if whole_day else value


def _in_utc(moment: datetime) -> datetime:
    if not 2000 <= moment.year < 2200:
        raise PydanticCustomError("range", "Use a time from 2000 to 2199")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


Moment = Annotated[datetime, AfterValidator(_in_utc)]
LastMoment = Annotated[Moment, BeforeValidator(_end_of_day)]
