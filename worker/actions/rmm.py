"""Snapshots of RMM agents: what they tell about an asset."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, field_validator

from shared.ledger.mappings import SyncStatus
from worker.actions.fields import ExternalId, ShortText, Text
from worker.outcome import Reject

PROVIDERS = frozenset(
    {
        "ninjaone",
        "tacticalrmm",
        "tanium",
        "levelio",
        "datto",
        "connectwise_automate",
        "huntress",
    }
)
_ASSET_COLUMNS = (
    "asset_type",
    "serial_number",
    "status",
    "location",
    "asset_tag",
    "agent_status",
    "last_seen_at",
)


def _either(snake: str, camel: str) -> Any:
    return Field(None, validation_alias=AliasChoices(snake, camel))


class RmmSnapshot(BaseModel):
    """The facts of a snapshot that Postern reads; keys in snake_case or camelCase."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    provider: str
    scope: ExternalId | None = None
    lifecycle_state: Literal["active", "offline", "deleted", "tombstoned"] | None = _either(
        "lifecycle_state", "lifecycleState"
    )
    asset_type: ShortText | None = _either("asset_type", "assetType")
    display_name: ShortText | None = _either("display_name", "displayName")
    serial_number: ShortText | None = _either("serial_number", "serialNumber")
    status: ShortText | None = None
    location: Text | None = None
    asset_tag: ShortText | None = _either("asset_tag", "assetTag")
    agent_status: ShortText | None = _either("agent_status", "agentStatus")
    last_seen_at: datetime | None = _either("last_seen_at", "lastSeenAt")

    @field_validator("*", mode="before")
    @classmethod
    def _unknown(cls, value: object) -> object:
        """Take an empty text for a fact that the agent does not know."""
        return None if value == "" else value

    @field_validator("last_seen_at")
    @classmethod
    def _aware(cls, value: datetime | None) -> datetime | None:
        """Take a time without a zone for UTC."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value

    @property
    def is_gone(self) -> bool:
        """Whether the provider no longer has the device."""
        return self.lifecycle_state in {"deleted", "tombstoned"}

    @property
    def sync_status(self) -> SyncStatus | None:
        """The status of the device's external id; None where the snapshot does not tell."""
        if self.lifecycle_state is None:
            return None
        return "error" if self.is_gone else "synced"

    def columns(self) -> dict[str, Any]:
        """Return the asset columns that the snapshot knows; an empty fact is unknown."""
        told = {column: getattr(self, column) for column in _ASSET_COLUMNS}
        told |= {"rmm_provider": self.provider, "rmm_scope": self.scope, "name": self.display_name}
        if self.lifecycle_state is not None:
            told["is_inactive"] = self.is_gone
        if self.lifecycle_state == "offline":
            told["agent_status"] = told["agent_status"] or "offline"
        return {column: value for column, value in told.items() if value is not None}

    def final_columns(self) -> dict[str, Any]:
        """Return the columns in which the snapshot overrules the mapping: the device is gone."""
        return {"status": "offline", "agent_status": "offline"} if self.is_gone else {}


def read_snapshot(value: object) -> RmmSnapshot | Reject | None:
    """Return a snapshot's facts; None for an object that names no provider, which is just kept."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        return Reject(
            "rmm_snapshot must be an object", "mapping_failed", {"field": "rmm_snapshot"}
        )
    provider = value.get("provider")
    if not isinstance(provider, str):
        return None
    if provider not in PROVIDERS:
        return _unsupported(provider)
    try:
        return RmmSnapshot.model_validate(value)
    except ValidationError as error:
        return _invalid(error)


def _unsupported(provider: str) -> Reject:
    return Reject(
        f"rmm_snapshot.provider {provider[:100]!r} is none of {', '.join(sorted(PROVIDERS))}",
        "unsupported_rmm_provider",
        {"field": "rmm_snapshot", "provider": provider[:100]},
    )


def _invalid(error: ValidationError) -> Reject:
    faults = [
        {
            "field": "rmm_snapshot." + ".".join(str(part) for part in item["loc"]),
            "rule": item["type"],
            "reason": item["msg"].removeprefix("Value error, "),
        }
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return Reject(
        "; ".join(f"{fault['field']} {fault['reason']}" for fault in faults),
        "invalid_rmm_snapshot",
        {"field": faults[0]["field"], "faults": faults},
    )
