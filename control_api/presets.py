"""How known senders sign, as settings of a webhook: data, which the catalogue shows.

Only those whose signature an auth type proves as it is are here: hex HMAC-SHA256 of the raw body.
What the sender calls the id of an event makes up the idempotency key where its documentation
names one.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A sender; its settings are part of what a webhook is created from."""

    name: str
    display_name: str
    documentation_url: str
    signature_header: str
    #: The header with the id of an event, the same over the sender's retries.
    event_id_header: str | None = None
    #: Likewise, as a JSONata expression over the body.
    event_id_expression: str | None = None


PRESETS = (
    Preset(
        name="bitbucket_cloud",
        display_name="Bitbucket Cloud",
        documentation_url="https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/",
        signature_header="X-Hub-Signature",
        event_id_header="X-Request-UUID",
    ),
    Preset(
        name="coinbase_commerce",
        display_name="Coinbase Commerce",
        documentation_url="https://docs.cdp.coinbase.com/commerce/docs/webhooks-security",
        signature_header="X-CC-Webhook-Signature",
        event_id_expression="event.id",
    ),
    Preset(
        name="github",
        display_name="GitHub",
        documentation_url="https://docs.github.com/en/webhooks/using-webhooks/"
        "validating-webhook-deliveries",
        signature_header="X-Hub-Signature-256",
        event_id_header="X-GitHub-Delivery",
    ),
    Preset(
        name="jira_cloud",
        display_name="Jira Cloud",
        documentation_url="https://developer.atlassian.com/cloud/jira/platform/webhooks/",
        signature_header="X-Hub-Signature",
        event_id_header="X-Atlassian-Webhook-Identifier",
    ),
    Preset(
        name="lemon_squeezy",
        display_name="Lemon Squeezy",
        documentation_url="https://docs.lemonsqueezy.com/help/webhooks/signing-requests",
        signature_header="X-Signature",
    ),
    Preset(
        name="linear",
        display_name="Linear",
        documentation_url="https://linear.app/developers/webhooks",
        signature_header="Linear-Signature",
        event_id_header="Linear-Delivery",
    ),
    Preset(
        name="razorpay",
        display_name="Razorpay",
        documentation_url="https://razorpay.com/docs/webhooks/validate-test/",
        signature_header="X-Razorpay-Signature",
        event_id_header="X-Razorpay-Event-Id",
    ),
    Preset(
        name="sentry",
        display_name="Sentry",
        documentation_url="https://docs.sentry.io/organization/integrations/integration-platform/"
        "webhooks/",
        signature_header="Sentry-Hook-Signature",
    ),
)


def settings_of(preset: Preset) -> dict[str, object]:
    """Return the members of a webhook's body that a preset fills."""
    source = None
    if preset.event_id_header is not None:
        source = {"type": "header", "value": preset.event_id_header}
    elif preset.event_id_expression is not None:
        source = {"type": "jsonata", "value": preset.event_id_expression}
    return {
        "auth_type": "hmac_sha256",
        "auth_config": {"type": "hmac_sha256", "signature_header": preset.signature_header},
        "idempotency_source": source,
    }
