"""What workers can run, in answers."""

from typing import Any, Literal

from pydantic import Field

from control_api.contents.envelope import Content
from control_api.contents.webhooks import SignatureAuth
from control_api.schemas import KeySourceBody
from shared.domain.webhook import AuthTypeName
from shared.signatures.scheme import KeyForm


class Lookup(Content):
    """What the sender's id in a field stands for, and what the action does with it."""

    entity_type: str | None = Field(default=None, examples=["asset"])
    entity_type_field: str | None = Field(
        default=None, description="The field that says what it stands for.", examples=["type"]
    )
    realm_field: str | None = Field(
        default=None,
        description="The field with the scope in which the id is unique.",
        examples=["external_scope_id"],
    )
    unless: str | None = Field(
        default=None,
        description="The field that, where it has a value, makes the lookup needless.",
        examples=["client_id"],
    )
    on_found: Literal["update", "use", "reject"]
    on_missing: Literal["create", "reject"]
    on_stale: Literal["create", "reject"] = Field(
        description="What it does where something was there, and is gone."
    )


class TargetField(Content):
    """A field that an action takes."""

    name: str = Field(examples=["external_id"])
    type: str = Field(examples=["string"])
    required: bool = Field(examples=[True])
    nullable: bool
    description: str = Field(examples=["The sender's id of the asset."])
    enum_values: list[str | int] | None = Field(
        default=None, description="The values that the field may have.", examples=[["low", "high"]]
    )
    min_length: int | None = Field(default=None, examples=[1])
    max_length: int | None = Field(default=None, examples=[255])
    strip_whitespace: bool | None = None
    exclusive_minimum: int | float | None = Field(default=None, examples=[0])
    exclusive_maximum: int | float | None = Field(default=None, examples=[100])
    minimum: int | float | None = Field(default=None, examples=[0])
    maximum: int | float | None = Field(default=None, examples=[100])
    json_type: str | None = Field(
        default=None, description="What a json has to be.", examples=["object"]
    )
    format: str | None = Field(
        default=None, description="The form of a string, as in JSON Schema.", examples=["email"]
    )
    default: str | int | float | None = Field(default=None, examples=["low"])
    ref_entity_type: str | None = Field(
        default=None, description="What a ref is the id of.", examples=["client"]
    )
    lookup: Lookup | None = None


class Action(Content):
    """An action and its target fields."""

    name: str = Field(examples=["upsertAssetByExternalId"])
    entity_type: str = Field(examples=["asset"])
    display_name: str = Field(examples=["Upsert asset by external id"])
    description: str = Field(examples=["Create an asset, or update it."])
    target_fields: list[TargetField]


class AnnouncedWorkflow(Content):
    """A workflow and what it takes."""

    name: str = Field(examples=["triage-critical-alert"])
    description: str = Field(examples=["Open a ticket, and page whoever is on call."])
    body_schema: dict[str, Any] | None = Field(
        description="The JSON Schema of the body; null: any JSON.",
        examples=[{"type": "object", "required": ["severity"]}],
    )


class AuthType(Content):
    """A way in which a webhook's requests prove where they come from."""

    name: AuthTypeName
    description: str = Field(examples=["The request carries the token in Authorization."])
    has_secret: bool = Field(description="Whether there is a secret, which can be rotated.")
    config_schema: dict[str, Any] = Field(
        description="The JSON Schema of auth_config.",
        examples=[{"type": "object", "required": ["signature_header"]}],
    )


class PresetOption(Content):
    """An option that a preset takes, in ``auth_config.options``."""

    name: Literal["tolerance_seconds", "public_url"]
    type: Literal["integer", "string"]
    required: bool = Field(examples=[False])
    description: str = Field(examples=["How far from now the signed time may be."])
    default: int | None = Field(
        description="What counts where it is left out; null: nothing does.", examples=[300]
    )
    minimum: int | None = Field(examples=[1])
    maximum: int | None = Field(examples=[86_400])


class PresetSecret(Content):
    """What the secret of a preset is."""

    form: KeyForm = Field(description="How it is written.", examples=["whsec_text"])
    expected: str = Field(description="Likewise, in words.", examples=["whsec_ and what follows"])
    place: str = Field(
        description="Where the sender shows it, or takes it.",
        examples=["The signing secret of the endpoint, under Developers, Webhooks."],
    )
    is_made_up: bool = Field(
        description="Whether one is made up where none is given; else it has to be given.",
        examples=[False],
    )


class Preset(Content):
    """The settings for a known sender: give them with the rest of a webhook's to create it."""

    name: str = Field(examples=["github"])
    display_name: str = Field(examples=["GitHub"])
    documentation_url: str = Field(
        description="Where the sender tells how it signs.",
        examples=["https://docs.github.com/en/webhooks"],
    )
    auth_type: Literal["signature"]
    auth_config: SignatureAuth
    idempotency_source: KeySourceBody | None = Field(
        description="The sender's id of an event; null where its documentation names none."
    )
    options: list[PresetOption] = Field(description="What auth_config.options may hold.")
    secret: PresetSecret
