"""The model of target fields that a declared action takes; a wrong declaration is told as such."""

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

from worker.actions.fields import ActionFields


def fields_model(run: Callable[..., Any]) -> type[ActionFields]:
    """Return the model that the second parameter of an action's function names.

    Raises:
        TypeError: The function is none of an action, with what would make it one.
    """
    where = f"{run.__module__}.{run.__qualname__}"
    parameters = list(inspect.signature(run).parameters)
    if not inspect.iscoroutinefunction(run) or len(parameters) != 2:
        raise TypeError(f"{where} must be an async def with two parameters, context and fields")
    model = get_type_hints(run).get(parameters[1])
    if not (isinstance(model, type) and issubclass(model, ActionFields)):
        raise TypeError(f"{where}: the type of {parameters[1]} must be a subclass of ActionFields")
    return model
