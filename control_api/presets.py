"""What presets ask of a webhook's auth_config, and how they look in the catalogue."""

from collections.abc import Iterator, Mapping
from typing import Any

from shared.errors import Fault
from shared.ledger.webhooks import WebhookSettings
from shared.signatures.keys import EXPECTED, prepare_key
from shared.signatures.presets import (
    MAX_TOLERANCE_SECONDS,
    MIN_TOLERANCE_SECONDS,
    PRESETS,
    Preset,
)


def preset_of(settings: WebhookSettings) -> Preset | None:
    """Return the preset that a webhook names; None where its auth type knows none."""
    return find_preset(settings.auth_config) if settings.auth_type == "signature" else None


def makes_its_secret(settings: WebhookSettings) -> Preset | None:
    """Return a webhook's preset where nobody but the sender can make its secret."""
    preset = preset_of(settings)
    return None if preset is None or preset.takes_any_secret else preset


def find_preset(config: Mapping[str, Any]) -> Preset | None:
    """Return the preset that an auth_config names, as far as there is one."""
    name = config.get("preset")
    return PRESETS.get(name) if isinstance(name, str) else None


def preset_faults(config: Mapping[str, Any], *, needs_secret: bool) -> Iterator[Fault]:
    """Yield what only the preset can tell of an auth_config, even where the rest is faulty.

    The fields are those of the config. ``needs_secret``: there is none yet that could stay.
    """
    preset = find_preset(config)
    if preset is None:
        return
    options = config.get("options", {})
    if isinstance(options, Mapping):
        yield from _option_faults(preset, options)
    given = [name for name in ("secret", "token") if config.get(name) is not None]
    for name in given:
        if isinstance(config[name], str):
            yield from secret_faults(preset, config[name], field=name)
    if needs_secret and not given and not preset.takes_any_secret:
        yield missing_secret(preset, field="secret")


def secret_faults(preset: Preset, secret: str, *, field: str) -> Iterator[Fault]:
    """Yield what is wrong with a secret, without repeating it."""
    try:
        prepare_key(preset.scheme, secret.encode())
    except ValueError as error:
        yield Fault(field, "secret_form", f"{error}. {preset.key_place}")


def missing_secret(preset: Preset, *, field: str) -> Fault:
    """Return the fault of a secret that nobody but the sender can make."""
    return Fault(
        field,
        "required",
        f"{preset.display_name} makes the secret: give it. {preset.key_place}",
    )


def _option_faults(preset: Preset, options: Mapping[str, Any]) -> Iterator[Fault]:
    if options.get("tolerance_seconds") is not None and not preset.takes_tolerance:
        yield Fault(
            "options.tolerance_seconds",
            "not_taken",
            f"{preset.display_name} signs no time: leave it out",
        )
    has_url = options.get("public_url") is not None
    if has_url and not preset.needs_public_url:
        yield Fault(
            "options.public_url",
            "not_taken",
            f"{preset.display_name} does not sign its webhook's address: leave it out",
        )
    if not has_url and preset.needs_public_url:
        yield Fault(
            "options.public_url",
            "required",
            f"{preset.display_name} signs its webhook's address: give it as it stands there",
        )


def preset_content(preset: Preset) -> dict[str, object]:
    """Return a preset with the members of a webhook's body that it fills."""
    source = None
    if preset.event_id_header is not None:
        source = {"type": "header", "value": preset.event_id_header}
    elif preset.event_id_expression is not None:
        source = {"type": "jsonata", "value": preset.event_id_expression}
    form = preset.scheme.key_form
    return {
        "name": preset.name,
        "display_name": preset.display_name,
        "documentation_url": preset.documentation_url,
        "auth_type": "signature",
        "auth_config": {"type": "signature", "preset": preset.name, "options": {}},
        "idempotency_source": source,
        "options": list(_options(preset)),
        "secret": {
            "form": form,
            "expected": EXPECTED[form],
            "place": preset.key_place,
            "is_made_up": preset.takes_any_secret,
        },
    }


def _options(preset: Preset) -> Iterator[dict[str, object]]:
    timestamp = preset.scheme.timestamp
    if timestamp is not None:
        yield {
            "name": "tolerance_seconds",
            "type": "integer",
            "required": False,
            "description": "How far from now the signed time may be, before and after.",
            "default": timestamp.tolerance_seconds,
            "minimum": MIN_TOLERANCE_SECONDS,
            "maximum": MAX_TOLERANCE_SECONDS,
        }
    if preset.needs_public_url:
        yield {
            "name": "public_url",
            "type": "string",
            "required": True,
            "description": "The address as it stands at the sender, which signs it: https, and no "
            "query, for that is taken from each request.",
            "default": None,
            "minimum": None,
            "maximum": None,
        }
