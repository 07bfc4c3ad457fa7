"""The webhooks of a run, and what is sent to each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from tests.chaos import counted_workflow
from tests.e2e.harness import Stack
from tests.faults.scene import Gateway, Scene, stage, webhook_body
from tests.faults.traffic import Mix

#: Of the limited webhook; it is offered several times as much.
LIMIT_PER_MINUTE = 120
_OFFERED_SECONDS = 60 / LIMIT_PER_MINUTE / 3

#: A transient fault must not use up the attempts of a delivery within a run.
_RETRY_POLICY = MappingProxyType(
    {"max_attempts": 20, "first_delay_seconds": 0.2, "factor": 2.0, "max_delay_seconds": 5.0}
)
_CHANGES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "steady": {},
        "ordered": {
            "ordering": {"type": "key", "source": {"type": "jsonata", "value": "event.key"}}
        },
        "limited": {"rate_limit_per_minute": LIMIT_PER_MINUTE},
        "workflows": {
            "handler_type": "workflow",
            "handler_config": {"workflow": counted_workflow.NAME},
        },
    }
)
_LINES = 20
_ORDERED_SHARE = 0.25
_STEADY = Mix(twin_share=0.05, repeat_share=0.1, forged_share=0.03, faulty_share=0.02)


@dataclass(frozen=True, slots=True)
class Lane:
    """A webhook and the events that it gets."""

    name: str
    scene: Scene
    mix: Mix
    #: The limit that must hold; None: it is far away.
    per_minute: int | None = None


def stage_lanes(
    stack: Stack,
    gateways: Sequence[Gateway],
    *,
    deliveries: int,
    per_second: float,
    workflow_share: float,
    seed: int,
) -> list[Lane]:
    """Make the webhooks; the events of all lanes together are ``deliveries``."""
    mix = replace(_STEADY, seed=seed, tries=1_000_000)
    seconds = deliveries / per_second
    limited = int(min(seconds / _OFFERED_SECONDS, deliveries / 10))
    ordered = int(deliveries * _ORDERED_SHARE)
    workflows = int(deliveries * workflow_share)
    steady = deliveries - limited - ordered - workflows
    mixes = {
        "steady": replace(mix, event_count=steady, per_second=steady / seconds),
        "ordered": replace(
            mix, event_count=ordered, per_second=ordered / seconds, line_count=_LINES
        ),
        # Its senders give up: most of what they send is too much.
        "limited": replace(mix, event_count=limited, per_second=limited / seconds, tries=2),
    }
    if workflows:
        mixes["workflows"] = replace(mix, event_count=workflows, per_second=workflows / seconds)
    return [
        Lane(
            name,
            stage(stack, gateways=gateways, retry_policy=dict(_RETRY_POLICY), **_CHANGES[name]),
            mixes[name],
            LIMIT_PER_MINUTE if name == "limited" else None,
        )
        for name in mixes
    ]


def changed_configuration(lane: Lane, *, variant: int) -> dict[str, Any]:
    """Return a configuration with other words, and the same meaning where it counts."""
    body = webhook_body(lane.scene.slug, "") | {"retry_policy": dict(_RETRY_POLICY)}
    body |= _CHANGES[lane.name]
    del body["auth_config"]["secret"]
    body["name"] = f"Variant {variant}"
    body["handler_config"]["field_mapping"]["status"] = f"'variant {variant}'"
    if variant % 2:
        body["handler_config"]["field_mapping"]["name"] = "event.id & ''"
    return body
