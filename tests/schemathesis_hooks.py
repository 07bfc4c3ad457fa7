"""What schemathesis loads beside its configuration: it begins well and does not end itself."""

import re
from pathlib import Path
from random import Random
from typing import Any

import schemathesis

#: After these there is not much left to try with the thing that the path ends with.
_FINAL = {
    "api_keys_replace",
    "api_keys_revoke",
    "replay_jobs_cancel",
    "samples_clear_all",
    "samples_delete",
    "secrets_revoke",
    "secrets_rotate",
    "tenants_change",
    "webhook_states_disable",
    "webhooks_delete",
    "webhooks_patch",
    "webhooks_replace",
}
#: Taken by the first webhook that is created: another one can only be refused it.
_EXAMPLE_SLUG = "rmm-device-updates"
_PLACE = re.compile(r"\{(\w+)\}")
_CHANCE = Random(1)


@schemathesis.hook
def before_add_examples(
    context: schemathesis.HookContext, examples: list[schemathesis.Case[Any]]
) -> None:
    """Let examples be about things that exist, on no condition: every operation succeeds."""
    for case in examples:
        places = _PLACE.findall(case.operation.path)
        for place in places:
            is_whole = place == "webhook_id" and len(places) > 1
            case.path_parameters[place] = _ids("webhook_with_all" if is_whole else place)[0]
        case.headers.pop("If-Match", None)
        if isinstance(case.body, dict) and "entity_id" in case.body:
            case.body["entity_id"] = _ids("asset_id")[0]


@schemathesis.hook
def before_call(
    context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]
) -> None:
    """Exchange what the rest of the run needs for a thing of its kind.

    Links and lists lead to it: the API key in use, its tenant, the webhook with the deliveries.
    """
    if case.operation.definition.raw.get("operationId") not in _FINAL:
        return
    place = _PLACE.findall(case.operation.path)[-1]
    if case.path_parameters.get(place) in _ids(place):
        spares = _ids(f"spare_{place}")
        # What is changed is none of what is deleted.
        half = spares[::2] if case.method == "DELETE" else spares[1::2]
        case.path_parameters[place] = _CHANCE.choice(half)
    if isinstance(case.body, dict) and case.body.get("slug") == _EXAMPLE_SLUG:
        case.body["slug"] = f"{_EXAMPLE_SLUG}-{_CHANCE.randrange(1_000_000)}"


def _ids(name: str) -> list[str]:
    """Return the ids that the test wrote into a file of the directory that the run is in."""
    return [line.strip('"') for line in Path(name).read_text().splitlines()]
