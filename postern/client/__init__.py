"""A typed client of the control API, blocking and for an event loop; see docs/client.md."""

from postern.client import bodies, models
from postern.client.clients import AsyncClient, Client
from postern.client.errors import (
    ApiError,
    BadRequest,
    Conflict,
    FieldFault,
    Forbidden,
    InvalidInput,
    NoAnswerError,
    NotFound,
    PosternClientError,
    PreconditionFailed,
    RateLimited,
    ServerFault,
    TooLarge,
    Unauthorized,
    Unavailable,
    UnexpectedAnswerError,
)
from postern.client.events import Event
from postern.client.retries import RetryPolicy

__all__ = [
    "ApiError",
    "AsyncClient",
    "BadRequest",
    "Client",
    "Conflict",
    "Event",
    "FieldFault",
    "Forbidden",
    "InvalidInput",
    "NoAnswerError",
    "NotFound",
    "PosternClientError",
    "PreconditionFailed",
    "RateLimited",
    "RetryPolicy",
    "ServerFault",
    "TooLarge",
    "Unauthorized",
    "Unavailable",
    "UnexpectedAnswerError",
    "bodies",
    "models",
]
