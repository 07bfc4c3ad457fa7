"""Known senders and how each signs: data, which the control API shows and the gateway obeys.

A sender is here when its own documentation or library says how it signs, the scheme proves the
whole request, and nothing but a signed POST and a 2xx is needed to be registered with it. What the
sender calls the id of an event makes up the idempotency key where its documentation names one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from shared.signatures.scheme import (
    Algorithm,
    Encoding,
    KeyForm,
    Scheme,
    Timestamp,
    TimestampForm,
    TimestampPlace,
)

MIN_TOLERANCE_SECONDS = 1
MAX_TOLERANCE_SECONDS = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A sender, and what a webhook needs to know of it."""

    name: str
    display_name: str
    #: Where the sender tells how it signs.
    documentation_url: str
    scheme: Scheme
    #: Where its secret is found, or goes: one sentence.
    key_place: str
    #: Whether the receiver may choose the secret, so that one can be made up.
    takes_any_secret: bool = False
    #: The header with the id of an event, the same over the sender's retries.
    event_id_header: str | None = None
    #: Likewise, as a JSONata expression over the body.
    event_id_expression: str | None = None

    @property
    def takes_tolerance(self) -> bool:
        """Whether the sender signs a time."""
        return self.scheme.timestamp is not None

    @property
    def needs_public_url(self) -> bool:
        """Whether the sender signs the address that it sends to."""
        return self.scheme.signs_url

    def scheme_with(self, *, tolerance_seconds: int | None) -> Scheme:
        """Return the scheme with another tolerance; None: the preset's own."""
        timestamp = self.scheme.timestamp
        if timestamp is None or tolerance_seconds is None:
            return self.scheme
        return replace(
            self.scheme, timestamp=replace(timestamp, tolerance_seconds=tolerance_seconds)
        )


def _header(
    name: str, form: TimestampForm = TimestampForm.UNIX, *, within: int = 300
) -> Timestamp:
    return Timestamp(
        place=TimestampPlace.HEADER, name=name.lower(), form=form, tolerance_seconds=within
    )


def _field(name: str, form: TimestampForm = TimestampForm.UNIX, *, within: int = 300) -> Timestamp:
    return Timestamp(place=TimestampPlace.FIELD, name=name, form=form, tolerance_seconds=within)


def _fields(header: str, timestamp: Timestamp, *, signature: str = "v1") -> Scheme:
    """Return the scheme that Stripe made known: ``t=1700000000,v1=5257a8...``."""
    return Scheme(
        header=header,
        item_separator=",",
        signature_field=signature,
        template="{ts}.{body}",
        timestamp=timestamp,
    )


def _standard_webhooks(start: str) -> Scheme:
    """Return the scheme of Standard Webhooks under headers that begin so.

    Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    return Scheme(
        header=f"{start}-signature",
        encoding=Encoding.BASE64,
        item_separator=" ",
        prefix="v1,",
        template="{id}.{ts}.{body}",
        timestamp=_header(f"{start}-timestamp"),
        id_header=f"{start}-id",
        key_form=KeyForm.WHSEC_BASE64,
    )


_PREFIXED = Scheme(header="X-Hub-Signature-256", prefix="sha256=")

_ALL = (
    Preset(
        name="adyen_platform",
        display_name="Adyen for Platforms",
        documentation_url="https://docs.adyen.com/development-resources/webhooks/secure-webhooks/"
        "verify-hmac-signatures",
        scheme=Scheme(header="HmacSignature", encoding=Encoding.BASE64, key_form=KeyForm.HEX),
        key_place="The HMAC key of the webhook in the Balance Platform Customer Area.",
    ),
    Preset(
        name="bitbucket_cloud",
        display_name="Bitbucket Cloud",
        documentation_url="https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/",
        scheme=replace(_PREFIXED, header="X-Hub-Signature"),
        key_place="Goes into the field Secret of the repository's webhook.",
        takes_any_secret=True,
        event_id_header="X-Request-UUID",
    ),
    Preset(
        name="calendly",
        display_name="Calendly",
        documentation_url="https://developer.calendly.com/api-docs/4c305798a61d3-webhook-signatures",
        scheme=_fields("Calendly-Webhook-Signature", _field("t", within=180)),
        key_place="The signing key of the webhook subscription.",
    ),
    Preset(
        name="clerk",
        display_name="Clerk",
        documentation_url="https://clerk.com/docs/webhooks/sync-data",
        scheme=_standard_webhooks("svix"),
        key_place="The Signing Secret on the endpoint's page under Webhooks.",
        event_id_header="svix-id",
    ),
    Preset(
        name="coinbase_commerce",
        display_name="Coinbase Commerce",
        documentation_url="https://docs.cdp.coinbase.com/commerce/docs/webhooks-security",
        scheme=Scheme(header="X-CC-Webhook-Signature"),
        key_place="The shared secret under Settings, Notifications.",
        event_id_expression="event.id",
    ),
    Preset(
        name="docusign",
        display_name="DocuSign Connect",
        documentation_url="https://developers.docusign.com/platform/webhooks/connect/hmac/",
        scheme=Scheme(header="X-DocuSign-Signature-", numbered_to=100, encoding=Encoding.BASE64),
        key_place="A Connect key under Settings, Connect, Connect Keys.",
    ),
    Preset(
        name="elevenlabs",
        display_name="ElevenLabs",
        documentation_url="https://elevenlabs.io/docs/product-guides/administration/webhooks",
        scheme=_fields("ElevenLabs-Signature", _field("t", within=1800), signature="v0"),
        key_place="The secret that is shown when the webhook is made.",
    ),
    Preset(
        name="github",
        display_name="GitHub",
        documentation_url="https://docs.github.com/en/webhooks/using-webhooks/"
        "validating-webhook-deliveries",
        scheme=_PREFIXED,
        key_place="Goes into the field Secret of the webhook; its content type has to be "
        "application/json.",
        takes_any_secret=True,
        event_id_header="X-GitHub-Delivery",
    ),
    Preset(
        name="gitlab",
        display_name="GitLab (signing token)",
        documentation_url="https://docs.gitlab.com/user/project/integrations/webhooks/",
        scheme=_standard_webhooks("webhook"),
        key_place="The signing token of the webhook, which is not its secret token.",
        event_id_header="webhook-id",
    ),
    Preset(
        name="gocardless",
        display_name="GoCardless",
        documentation_url="https://developer.gocardless.com/getting-started/api/"
        "staying-up-to-date-with-webhooks/",
        scheme=Scheme(header="Webhook-Signature"),
        key_place="The secret of the webhook endpoint under Developers.",
    ),
    Preset(
        name="hubspot",
        display_name="HubSpot (signature v3)",
        documentation_url="https://developers.hubspot.com/docs/apps/legacy-apps/authentication/"
        "validating-requests",
        scheme=Scheme(
            header="X-HubSpot-Signature-v3",
            encoding=Encoding.BASE64,
            template="{method}{url}{body}{ts}",
            timestamp=_header("X-HubSpot-Request-Timestamp", TimestampForm.UNIX_MS),
        ),
        key_place="The client secret of the app.",
    ),
    Preset(
        name="jira_cloud",
        display_name="Jira Cloud",
        documentation_url="https://developer.atlassian.com/cloud/jira/platform/webhooks/",
        scheme=replace(_PREFIXED, header="X-Hub-Signature"),
        key_place="Goes into the field Secret of the webhook that an administrator makes.",
        takes_any_secret=True,
        event_id_header="X-Atlassian-Webhook-Identifier",
    ),
    Preset(
        name="lemon_squeezy",
        display_name="Lemon Squeezy",
        documentation_url="https://docs.lemonsqueezy.com/help/webhooks/signing-requests",
        scheme=Scheme(header="X-Signature"),
        key_place="The signing secret of the webhook, which you choose there.",
    ),
    Preset(
        name="linear",
        display_name="Linear",
        documentation_url="https://linear.app/developers/webhooks",
        scheme=Scheme(
            header="Linear-Signature",
            # The header Linear-Timestamp is not signed, and proves nothing.
            timestamp=Timestamp(
                place=TimestampPlace.BODY,
                name="webhookTimestamp",
                form=TimestampForm.UNIX_MS,
                tolerance_seconds=60,
            ),
        ),
        key_place="The signing secret on the webhook's page under Settings, API.",
        event_id_header="Linear-Delivery",
    ),
    Preset(
        name="mollie",
        display_name="Mollie (next-gen webhooks)",
        documentation_url="https://docs.mollie.com/reference/webhooks-best-practices",
        scheme=Scheme(
            header="X-Mollie-Signature",
            may_repeat=True,
            prefix="sha256=",
            is_prefix_optional=True,
        ),
        key_place="The signing secret of the webhook subscription.",
    ),
    Preset(
        name="paddle",
        display_name="Paddle Billing",
        documentation_url="https://developer.paddle.com/webhooks/signature-verification",
        scheme=Scheme(
            header="Paddle-Signature",
            item_separator=";",
            signature_field="h1",
            template="{ts}:{body}",
            # The library's own 5 s leave no room for a clock that is off.
            timestamp=_field("ts"),
        ),
        key_place="The secret key of the destination under Developer tools, Notifications.",
        event_id_expression="event_id",
    ),
    Preset(
        name="pagerduty",
        display_name="PagerDuty (webhooks v3)",
        documentation_url="https://developer.pagerduty.com/docs/verifying-webhook-signatures",
        scheme=Scheme(header="X-PagerDuty-Signature", item_separator=",", prefix="v1="),
        key_place="The secret that is shown when the webhook subscription is made.",
        event_id_expression="event.id",
    ),
    Preset(
        name="razorpay",
        display_name="Razorpay",
        documentation_url="https://razorpay.com/docs/webhooks/validate-test/",
        scheme=Scheme(header="X-Razorpay-Signature"),
        key_place="Goes into the field Secret of the webhook.",
        takes_any_secret=True,
        event_id_header="X-Razorpay-Event-Id",
    ),
    Preset(
        name="resend",
        display_name="Resend",
        documentation_url="https://resend.com/docs/dashboard/webhooks/verify-webhooks-requests",
        scheme=_standard_webhooks("svix"),
        key_place="The signing secret on the webhook's page.",
        event_id_header="svix-id",
    ),
    Preset(
        name="sendgrid",
        display_name="SendGrid Event Webhook",
        documentation_url="https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/"
        "getting-started-event-webhook-security-features",
        scheme=Scheme(
            header="X-Twilio-Email-Event-Webhook-Signature",
            algorithm=Algorithm.ECDSA_P256,
            encoding=Encoding.BASE64,
            template="{ts}{body}",
            timestamp=_header("X-Twilio-Email-Event-Webhook-Timestamp"),
            key_form=KeyForm.P256_BASE64,
        ),
        key_place="The verification key of the signed event webhook, under Mail Settings.",
    ),
    Preset(
        name="sentry",
        display_name="Sentry",
        documentation_url="https://docs.sentry.io/organization/integrations/integration-platform/"
        "webhooks/",
        scheme=Scheme(header="Sentry-Hook-Signature"),
        key_place="The client secret of the integration.",
    ),
    Preset(
        name="shopify",
        display_name="Shopify",
        documentation_url="https://shopify.dev/docs/apps/build/webhooks/subscribe/https",
        scheme=Scheme(header="X-Shopify-Hmac-SHA256", encoding=Encoding.BASE64),
        key_place="The client secret of the app.",
        event_id_header="X-Shopify-Webhook-Id",
    ),
    Preset(
        name="square",
        display_name="Square",
        documentation_url="https://developer.squareup.com/docs/webhooks/step3validate",
        scheme=Scheme(
            header="x-square-hmacsha256-signature",
            encoding=Encoding.BASE64,
            template="{url}{body}",
        ),
        key_place="The signature key of the webhook subscription.",
        event_id_expression="event_id",
    ),
    Preset(
        name="standard_webhooks",
        display_name="Standard Webhooks (any sender)",
        documentation_url="https://www.standardwebhooks.com/",
        scheme=_standard_webhooks("webhook"),
        key_place="The secret that the sender shows, whsec_ and base64.",
        event_id_header="webhook-id",
    ),
    Preset(
        name="standard_webhooks_ed25519",
        display_name="Standard Webhooks with Ed25519 (any sender)",
        documentation_url="https://www.standardwebhooks.com/",
        scheme=replace(
            _standard_webhooks("webhook"),
            algorithm=Algorithm.ED25519,
            prefix="v1a,",
            key_form=KeyForm.WHPK_BASE64,
        ),
        key_place="The public key that the sender shows, whpk_ and base64.",
        event_id_header="webhook-id",
    ),
    Preset(
        name="stripe",
        display_name="Stripe",
        documentation_url="https://docs.stripe.com/webhooks/signature",
        scheme=replace(_fields("Stripe-Signature", _field("t")), key_form=KeyForm.WHSEC_TEXT),
        key_place="The signing secret of the endpoint, under Developers, Webhooks.",
        event_id_expression="id",
    ),
    Preset(
        name="svix",
        display_name="Svix",
        documentation_url="https://docs.svix.com/receiving/verifying-payloads/how-manual",
        scheme=_standard_webhooks("svix"),
        key_place="The signing secret of the endpoint.",
        event_id_header="svix-id",
    ),
    Preset(
        name="telnyx",
        display_name="Telnyx",
        documentation_url="https://developers.telnyx.com/docs/messaging/messages/"
        "receiving-webhooks",
        scheme=Scheme(
            header="telnyx-signature-ed25519",
            algorithm=Algorithm.ED25519,
            encoding=Encoding.BASE64,
            template="{ts}|{body}",
            timestamp=_header("telnyx-timestamp"),
            key_form=KeyForm.ED25519_BASE64,
        ),
        key_place="The public key of the account, under Keys & Credentials.",
    ),
    Preset(
        name="typeform",
        display_name="Typeform",
        documentation_url="https://www.typeform.com/developers/webhooks/secure-your-webhooks/",
        # Base64 behind sha256=, where others have hexadecimal digits.
        scheme=replace(_PREFIXED, header="Typeform-Signature", encoding=Encoding.BASE64),
        key_place="Goes into the field Secret of the form's webhook.",
        takes_any_secret=True,
        event_id_expression="event_id",
    ),
    Preset(
        name="vercel",
        display_name="Vercel",
        documentation_url="https://vercel.com/docs/webhooks/webhooks-api",
        scheme=Scheme(header="x-vercel-signature", algorithm=Algorithm.HMAC_SHA1),
        key_place="The secret that is shown when the webhook is made, or the integration's.",
        event_id_expression="id",
    ),
    Preset(
        name="workos",
        display_name="WorkOS",
        documentation_url="https://workos.com/docs/events/data-syncing/webhooks",
        scheme=_fields("WorkOS-Signature", _field("t", TimestampForm.UNIX_MS, within=180)),
        key_place="The signing secret on the webhook endpoint's page.",
        event_id_expression="id",
    ),
    Preset(
        name="zendesk",
        display_name="Zendesk",
        documentation_url="https://developer.zendesk.com/documentation/webhooks/verifying/",
        scheme=Scheme(
            header="X-Zendesk-Webhook-Signature",
            encoding=Encoding.BASE64,
            template="{ts}{body}",
            timestamp=_header("X-Zendesk-Webhook-Signature-Timestamp", TimestampForm.RFC3339),
        ),
        key_place="The signing secret on the webhook's page, under Reveal secret.",
    ),
)

#: By name, in the order of their names.
PRESETS: Mapping[str, Preset] = {preset.name: preset for preset in _ALL}
