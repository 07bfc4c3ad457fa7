"""Judges a webhook's body as a whole, against the catalogue too: every fault at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from control_api.auth_bodies import AUTH_BODIES, AuthBody
from control_api.expression_checks import Checked, ExpressionChecks
from control_api.faults import field_path, summary, validate
from control_api.merge_patch import merge
from control_api.presets import preset_faults
from control_api.schemas import HANDLER_BODIES, WebhookBody
from control_api.webhook_secrets import secret_kind
from shared.database.pool import Connection
from shared.errors import Fault, InvalidInput
from shared.ledger.catalog_entries import ActionEntry, CatalogEntries
from shared.ledger.webhooks import WebhookSettings
from shared.settings import Secret

#: What an answer adds to a webhook: accepted and passed over, so that it can be sent back.
READ_ONLY_FIELDS = frozenset(
    {
        "inbound_webhook_id",
        "tenant",
        "receiver_url",
        "version",
        "created_by",
        "created_at",
        "updated_at",
        "auto_disabled_at",
        "sample",
        "circuit_breaker",
        "sample_capture_expires_at",
    }
)
#: Never part of a stored config: the type stands beside it, secrets are sealed.
_NOT_STORED = {"type", "secret", "token"}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What live workers can run."""

    actions: Sequence[ActionEntry]
    workflows: Sequence[str]


async def find_catalogue(connection: Connection) -> Catalogue:
    """Return the catalogue."""
    entries = CatalogEntries(connection)
    workflows = [entry.name for entry in await entries.list_workflows()]
    return Catalogue(await entries.list_actions(), workflows)


@dataclass(frozen=True, slots=True)
class WebhookInput:
    """A body without fault."""

    settings: WebhookSettings
    #: None: keep the present one, or make one up.
    secret: Secret | None


async def judge_webhook(
    connection: Connection,
    raw: object,
    checks: ExpressionChecks,
    *,
    present: WebhookSettings | None = None,
    demands_secret: bool = True,
) -> WebhookInput:
    """Return what a body says, with the catalogue read and its expressions checked in a sandbox.

    See ``parse_webhook``.

    Raises:
        InvalidInput: With every fault.
    """
    return parse_webhook(
        raw,
        await find_catalogue(connection),
        await checks.check([raw]),
        present=present,
        demands_secret=demands_secret,
    )


def parse_webhook(
    raw: object,
    catalogue: Catalogue,
    checked: Checked | None = None,
    *,
    present: WebhookSettings | None = None,
    demands_secret: bool = True,
) -> WebhookInput:
    """Return what a body says; what is not checked of its expressions is checked here.

    ``present`` is what it takes the place of: its secret may stay. A secret that only the sender
    can make has to be there, unless it is not demanded, because it comes by another way.

    Raises:
        InvalidInput: With every fault.
    """
    raw = _object(raw)
    given = {name: value for name, value in raw.items() if name not in READ_ONLY_FIELDS}
    faults: list[Fault] = []
    webhook = validate(WebhookBody, given, faults, context=checked)
    auth = _part(given, "auth", AUTH_BODIES, faults, checked)
    handler = _part(given, "handler", HANDLER_BODIES, faults, checked)
    faults += _preset_faults(given, present, demands_secret=demands_secret)
    faults += _catalogue_faults(given, catalogue)
    if faults or webhook is None or auth is None or handler is None:
        raise InvalidInput(summary(faults), faults=faults)
    secret = auth.secret or auth.token if isinstance(auth, AuthBody) else None
    return WebhookInput(
        settings=WebhookSettings(
            **webhook.model_dump(exclude={"auth_config", "handler_config"}),
            auth_config=auth.model_dump(exclude=_NOT_STORED),
            handler_config=handler.model_dump(exclude=_NOT_STORED),
        ),
        secret=None if secret is None else Secret(secret),
    )


def patched_document(present: Mapping[str, Any], patch: object) -> object:
    """Return a webhook's answer with a JSON Merge Patch applied to it, to be judged as a whole.

    A config belongs to its type: where the patch changes that, it is all of the new config.

    Raises:
        InvalidInput: The patch is no object.
    """
    patch = _object(patch)
    stale = {
        f"{part}_config"
        for part in ("auth", "handler")
        if patch.get(kind := f"{part}_type", present[kind]) != present[kind]
    }
    return merge({name: value for name, value in present.items() if name not in stale}, patch)


def _object(raw: object) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise InvalidInput(
            "the body must be an object", faults=[Fault("", "type", "The body must be an object")]
        )
    return raw


def _part(  # noqa: PLR0917 - one body, judged part by part
    given: Mapping[str, Any],
    part: str,
    models: Mapping[str, type[Any]],
    faults: list[Fault],
    checked: Checked | None,
) -> Any:
    """Return the config of ``part`` as the model of its type, or None after noting its faults.

    A type that is unknown, and a config that is no object, are noted by the body's own model.
    """
    kind = given.get(f"{part}_type")
    config = given.get(f"{part}_config", {})
    model = models.get(kind) if isinstance(kind, str) else None
    if model is None or not isinstance(config, dict):
        return None
    return validate(model, config, faults, prefix=f"{part}_config", context=checked)


def _preset_faults(
    given: Mapping[str, Any], present: WebhookSettings | None, *, demands_secret: bool
) -> Iterator[Fault]:
    config = given.get("auth_config")
    if given.get("auth_type") != "signature" or not isinstance(config, dict):
        return
    stays = present is not None and secret_kind(present) == ("signature", config.get("preset"))
    for fault in preset_faults(config, needs_secret=demands_secret and not stays):
        yield Fault(field_path("auth_config", fault.field), fault.rule, fault.message)


def _catalogue_faults(given: Mapping[str, Any], catalogue: Catalogue) -> Iterator[Fault]:
    """Yield what only the catalogue can tell, even where the rest of the config is faulty."""
    config = given.get("handler_config")
    if not isinstance(config, dict):
        return
    match given.get("handler_type"):
        case "direct_action" if isinstance(config.get("action"), str):
            yield from _action_faults(config, catalogue.actions)
        case "workflow" if isinstance(config.get("workflow"), str):
            yield from _unknown(config, "workflow", list(catalogue.workflows))
        case _:
            pass


def _action_faults(config: Mapping[str, Any], actions: Sequence[ActionEntry]) -> Iterator[Fault]:
    entry = next((entry for entry in actions if entry.name == config["action"]), None)
    if entry is None:
        yield from _unknown(config, "action", [entry.name for entry in actions])
        return
    mapping = config.get("field_mapping", {})
    if not isinstance(mapping, dict):
        return
    targets = {field["name"]: field for field in entry.definition["target_fields"]}
    for name in sorted(mapping.keys() - targets.keys()):
        yield Fault(
            field_path("handler_config.field_mapping", name),
            "unknown_target_field",
            f"{entry.name} has no field of this name; it has {', '.join(targets)}",
            name,
        )
    for name, field in targets.items():
        if field["required"] and name not in mapping:
            yield Fault(
                field_path("handler_config.field_mapping", name),
                "required",
                f"{entry.name} requires this field; map it to an expression",
            )


def _unknown(config: Mapping[str, Any], kind: str, known: Sequence[str]) -> Iterator[Fault]:
    if config[kind] not in known:
        choices = ", ".join(known) or f"none: no worker has announced a {kind} yet"
        yield Fault(
            f"handler_config.{kind}",
            f"unknown_{kind}",
            f"No worker runs this {kind}; known: {choices}",
            config[kind][:200],
        )
