"""What answers hold. Written by `make client` from docs/openapi.json."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

from postern.client.envelope import Envelope, Model


class Action(Model):
    """An action and its target fields."""

    name: str
    entity_type: str
    display_name: str
    description: str
    target_fields: list[TargetField]


class ActionListData(Envelope):
    """ActionListData."""

    data: list[Action]


class AnnouncedWorkflow(Model):
    """A workflow and what it takes."""

    name: str
    description: str
    #: The JSON Schema of the body; null: any JSON.
    body_schema: dict[str, Any] | None


class AnnouncedWorkflowListData(Envelope):
    """AnnouncedWorkflowListData."""

    data: list[AnnouncedWorkflow]


class ApiKey(Model):
    """An API key without its text."""

    api_key_id: UUID
    #: The first characters, by which people tell keys apart.
    key_prefix: str
    name: str
    permissions: list[str]
    #: null: never.
    expires_at: datetime | None
    #: null: no limit.
    rate_limit_per_minute: int | None
    #: False once it is revoked.
    is_active: bool
    #: The actor, as in the audit trail.
    created_by: str | None
    created_at: datetime
    #: To the minute; null: never.
    last_used_at: datetime | None
    revoked_at: datetime | None


class ApiKeyData(Envelope):
    """ApiKeyData."""

    data: ApiKey


class ApiKeyDataWithSecret(Envelope):
    """ApiKeyDataWithSecret."""

    data: ApiKey
    #: In clear, shown in this answer alone; null where there is no new one.
    secret: str | None


class ApiKeyPage(Envelope):
    """ApiKeyPage."""

    data: list[ApiKey]
    meta: PageMeta


class Asset(Model):
    """An asset."""

    asset_id: UUID
    client_id: UUID | None
    client_name: str | None
    asset_type: str | None
    name: str
    asset_tag: str | None
    serial_number: str | None
    status: str | None
    location: str | None
    is_inactive: bool
    agent_status: str | None
    last_seen_at: datetime | None
    rmm_provider: str | None
    rmm_scope: str | None
    created_at: datetime
    updated_at: datetime
    rmm_snapshot: Any


class AssetData(Envelope):
    """AssetData."""

    data: Asset


class AssetSummary(Model):
    """An asset without the snapshot that was last received for it."""

    asset_id: UUID
    client_id: UUID | None
    client_name: str | None
    asset_type: str | None
    name: str
    asset_tag: str | None
    serial_number: str | None
    status: str | None
    location: str | None
    is_inactive: bool
    agent_status: str | None
    last_seen_at: datetime | None
    rmm_provider: str | None
    rmm_scope: str | None
    created_at: datetime
    updated_at: datetime


class AssetSummaryPage(Envelope):
    """AssetSummaryPage."""

    data: list[AssetSummary]
    meta: PageMeta


class Attempt(Model):
    """One attempt at a delivery."""

    #: 0 is the first.
    attempt: int
    started_at: datetime
    duration_ms: float
    outcome: dict[str, Any]


class AuditEvent(Model):
    """One change, and who made it."""

    audit_event_id: UUID
    occurred_at: datetime
    actor: str
    action: str
    entity_type: str
    entity_id: str
    #: The request that made it; null: a command did.
    request_id: str | None
    details: dict[str, Any]
    #: null where nothing was compared.
    changes: Changes | None


class AuditEventPage(Envelope):
    """AuditEventPage."""

    data: list[AuditEvent]
    meta: PageMeta


AuthStatus: TypeAlias = (
    Literal["verified", "rejected_signature", "rejected_bearer", "rejected_ip", "rejected_no_auth"]
    | str
)


class AuthType(Model):
    """A way in which a webhook's requests prove where they come from."""

    name: Literal["hmac_sha256", "bearer", "ip_allowlist", "path_token", "signature"] | str
    description: str
    #: Whether there is a secret, which can be rotated.
    has_secret: bool
    #: The JSON Schema of auth_config.
    config_schema: dict[str, Any]


class AuthTypeListData(Envelope):
    """AuthTypeListData."""

    data: list[AuthType]


class BearerAuth(Model):
    """auth_config of bearer."""

    type: Literal["bearer"]


class BulkReplay(Model):
    """The replays that were made."""

    count: int
    #: More deliveries may match.
    limit_reached: bool
    #: The first hundred of the new deliveries.
    delivery_ids: list[UUID]


class BulkReplayData(Envelope):
    """BulkReplayData."""

    data: BulkReplay


class Change(Model):
    """A field that differs; one that was not there before has no before.

    And likewise after.
    """

    field: str
    before: Any = None
    after: Any = None


class Changes(Model):
    """What differs, with secrets masked."""

    fields: list[Change]
    #: Fields beyond what is kept.
    omitted: int


class CircuitBreaker(Model):
    """How a webhook's circuit breaker stands."""

    state: Literal["closed", "open", "half_open"] | str
    consecutive_failures: int
    opened_at: datetime | None
    next_probe_at: datetime | None


class Client(Model):
    """A client."""

    client_id: UUID
    name: str
    is_inactive: bool
    created_at: datetime
    updated_at: datetime


class ClientData(Envelope):
    """ClientData."""

    data: Client


class ClientPage(Envelope):
    """ClientPage."""

    data: list[Client]
    meta: PageMeta


class Delivery(Model):
    """A delivery with all that was received, each attempt at it and its workflow's run."""

    delivery_id: UUID
    #: Id of the tenant.
    tenant: UUID
    #: null: the request named a webhook that the tenant does not have.
    inbound_webhook_id: UUID | None
    #: The one that it was accepted under.
    webhook_version: int | None
    #: The webhook's secret that verified an accepted request; null: it needs none, was refused,
    #: or is a test or a replay.
    secret_id: UUID | None
    received_at: datetime
    request_method: str
    request_path: str
    source_ip: str
    idempotency_key: str | None
    #: Why no idempotency key could be found.
    idempotency_fault: str | None
    ordering_key: str | None
    auth_status: AuthStatus
    dispatch_status: DispatchStatus
    #: What the sender was answered.
    response_status: int
    #: What the handler did, or why it did not.
    handler_outcome: dict[str, Any] | None
    duration_ms: float | None
    retry_count: int
    next_attempt_at: datetime | None
    completed_at: datetime | None
    is_replay: bool
    is_test: bool
    replayed_from: UUID | None
    duplicate_of: UUID | None
    #: As the sender names it, in a header or at the top of the body.
    event_type: str | None
    #: null: it was never authenticated, and its body was not kept.
    request_body_bytes: int | None
    user_agent: str | None
    #: Without credentials.
    request_headers: dict[str, str]
    #: The JSON itself, or {raw} where request_body_encoding is text or base64.
    request_body: Any
    request_body_encoding: Literal["json", "text", "base64"] | str | None
    attempts: list[Attempt]
    #: null: it started none.
    workflow_run: WorkflowRun | None


class DeliveryData(Envelope):
    """DeliveryData."""

    data: Delivery


class DeliveryDetail(Model):
    """A delivery with what it means and what belongs to it."""

    delivery_id: UUID
    #: Id of the tenant.
    tenant: UUID
    #: null: the request named a webhook that the tenant does not have.
    inbound_webhook_id: UUID | None
    #: The one that it was accepted under.
    webhook_version: int | None
    #: The webhook's secret that verified an accepted request; null: it needs none, was refused,
    #: or is a test or a replay.
    secret_id: UUID | None
    received_at: datetime
    request_method: str
    request_path: str
    source_ip: str
    idempotency_key: str | None
    #: Why no idempotency key could be found.
    idempotency_fault: str | None
    ordering_key: str | None
    auth_status: AuthStatus
    dispatch_status: DispatchStatus
    #: What the sender was answered.
    response_status: int
    #: What the handler did, or why it did not.
    handler_outcome: dict[str, Any] | None
    duration_ms: float | None
    retry_count: int
    next_attempt_at: datetime | None
    completed_at: datetime | None
    is_replay: bool
    is_test: bool
    replayed_from: UUID | None
    duplicate_of: UUID | None
    #: As the sender names it, in a header or at the top of the body.
    event_type: str | None
    #: null: it was never authenticated, and its body was not kept.
    request_body_bytes: int | None
    user_agent: str | None
    #: Without credentials.
    request_headers: dict[str, str]
    #: The JSON itself, or {raw} where request_body_encoding is text or base64.
    request_body: Any
    request_body_encoding: Literal["json", "text", "base64"] | str | None
    attempts: list[Attempt]
    #: null: it started none.
    workflow_run: WorkflowRun | None
    explanations: list[Explanation]
    #: The newest hundred of them, newest first.
    replays: list[ReplayLink]
    links: DeliveryLinks


class DeliveryDetailData(Envelope):
    """DeliveryDetailData."""

    data: DeliveryDetail


class DeliveryLinks(Model):
    """Where what belongs to a delivery is found."""

    body: str | None
    replayed_from: str | None
    duplicate_of: str | None


class DeliveryPageMeta(Model):
    """Where the next page begins, and how far a search has come."""

    #: Give it as cursor for the next page; null on the last one.
    next_cursor: str | None
    limit: int
    #: The search stopped before the page was full; the cursor goes on with it.
    is_partial: bool
    #: What was received before this was not looked at; null: all was.
    scanned_to: datetime | None


class DeliverySummary(Model):
    """A delivery without its request's headers and body."""

    delivery_id: UUID
    #: Id of the tenant.
    tenant: UUID
    #: null: the request named a webhook that the tenant does not have.
    inbound_webhook_id: UUID | None
    #: The one that it was accepted under.
    webhook_version: int | None
    #: The webhook's secret that verified an accepted request; null: it needs none, was refused,
    #: or is a test or a replay.
    secret_id: UUID | None
    received_at: datetime
    request_method: str
    request_path: str
    source_ip: str
    idempotency_key: str | None
    #: Why no idempotency key could be found.
    idempotency_fault: str | None
    ordering_key: str | None
    auth_status: AuthStatus
    dispatch_status: DispatchStatus
    #: What the sender was answered.
    response_status: int
    #: What the handler did, or why it did not.
    handler_outcome: dict[str, Any] | None
    duration_ms: float | None
    retry_count: int
    next_attempt_at: datetime | None
    completed_at: datetime | None
    is_replay: bool
    is_test: bool
    replayed_from: UUID | None
    duplicate_of: UUID | None
    #: As the sender names it, in a header or at the top of the body.
    event_type: str | None
    #: null: it was never authenticated, and its body was not kept.
    request_body_bytes: int | None


class DeliverySummaryPage(Envelope):
    """Some deliveries, and where the list goes on."""

    data: list[DeliverySummary]
    meta: DeliveryPageMeta


class DirectAction(Model):
    """handler_config of direct_action."""

    type: Literal["direct_action"]
    action: str
    #: JSONata expressions by target field.
    field_mapping: dict[str, str]


DispatchStatus: TypeAlias = Literal["pending", "dispatched", "failed", "duplicate"] | str


class DryRun(Model):
    """What a webhook would do with a body."""

    is_dry_run: Literal[True]
    #: false: its senders are refused at present.
    is_active: bool
    webhook_version: int
    handler_type: Literal["direct_action", "workflow"] | str
    action: str | None
    workflow: str | None
    #: run: the action declares nothing of what it looks up or creates.
    would: Literal["create", "update", "run", "start", "reject"] | str
    #: Why it would be rejected.
    reasons: list[str]
    fields: list[DryRunField]
    lookups: list[DryRunLookup]


class DryRunData(Envelope):
    """DryRunData."""

    data: DryRun


class DryRunField(Model):
    """What a target field would get."""

    field: str
    type: str
    is_required: bool
    expression: str | None
    #: false: it keeps its value, or has its default.
    is_set: bool
    #: As the action gets it.
    value: Any
    #: What the expression found; null: it has a fault.
    found_type: (
        Literal["boolean", "number", "string", "object", "array", "null", "undefined"] | str | None
    )
    fault: FieldFault | None


class DryRunLookup(Model):
    """What the action would look up."""

    field: str
    kind: Literal["external_id", "reference"] | str
    entity_type: str
    external_id: str | None
    realm: str | None
    entity_id: UUID | None
    entity_name: str | None
    #: null: it cannot be told here.
    is_found: bool | None
    #: What the action does with what is, or is not, there.
    then: Literal["create", "update", "use", "reject"] | str


class Evaluation(Model):
    """What an expression gives."""

    expression: str
    result: Any
    #: undefined: nothing was found; null: there is a fault.
    result_type: (
        Literal["boolean", "number", "string", "object", "array", "null", "undefined"] | str | None
    )
    #: Whether it is looked up at once, without the engine.
    is_plain: bool
    duration_ms: float
    fault: ExpressionFault | None


class EvaluationData(Envelope):
    """EvaluationData."""

    data: Evaluation


class Event(Model):
    """One change in the PSA store."""

    #: Where to go on after it.
    cursor: str
    event_number: int
    occurred_at: datetime
    entity_type: str
    entity_id: UUID
    event_name: str
    #: New value by field; null where it was cleared, true for a document.
    changes: Any
    #: The delivery that made it.
    delivery_id: UUID | None


class EventMeta(Model):
    """Where to go on."""

    #: Give it as after; also where nothing more is there yet.
    next_cursor: str | None
    has_more: bool
    limit: int


class EventPage(Envelope):
    """Events in their order."""

    data: list[Event]
    meta: EventMeta


class Explanation(Model):
    """What there is to say about one thing, in sentences."""

    about: Literal["delivery", "idempotency_key"] | str
    what_happened: str
    why: str
    what_to_do: str


class ExportedDelivery(Model):
    """A line of an export."""

    delivery_id: UUID
    #: Id of the tenant.
    tenant: UUID
    #: null: the request named a webhook that the tenant does not have.
    inbound_webhook_id: UUID | None
    #: The one that it was accepted under.
    webhook_version: int | None
    #: The webhook's secret that verified an accepted request; null: it needs none, was refused,
    #: or is a test or a replay.
    secret_id: UUID | None
    received_at: datetime
    request_method: str
    request_path: str
    source_ip: str
    idempotency_key: str | None
    #: Why no idempotency key could be found.
    idempotency_fault: str | None
    ordering_key: str | None
    auth_status: AuthStatus
    dispatch_status: DispatchStatus
    #: What the sender was answered.
    response_status: int
    #: What the handler did, or why it did not.
    handler_outcome: dict[str, Any] | None
    duration_ms: float | None
    retry_count: int
    next_attempt_at: datetime | None
    completed_at: datetime | None
    is_replay: bool
    is_test: bool
    replayed_from: UUID | None
    duplicate_of: UUID | None
    #: As the sender names it, in a header or at the top of the body.
    event_type: str | None
    #: null: it was never authenticated, and its body was not kept.
    request_body_bytes: int | None
    #: There with with_bodies.
    request_headers: dict[str, str] | None = None
    #: There with with_bodies.
    request_body_base64: str | None = None


class ExpressionFault(Model):
    """What is wrong with an expression."""

    reason: str
    message: str
    #: Zero-based character offset, where it is known.
    position: int | None


class ExternalMapping(Model):
    """What an external id stands for, for one webhook."""

    entity_type: str
    external_id: str
    realm: str
    entity_id: UUID
    #: error: the sender has told that the entity is gone, and not that it is back.
    sync_status: Literal["synced", "error"] | str
    #: The delivery that last wrote it; null: an admin did.
    delivery_id: UUID | None
    created_at: datetime
    updated_at: datetime


class ExternalMappingData(Envelope):
    """ExternalMappingData."""

    data: ExternalMapping


class ExternalMappingListData(Envelope):
    """ExternalMappingListData."""

    data: list[ExternalMapping]


class FieldDifference(Model):
    """A target field, before and after."""

    field: str
    #: added: only now it is set; removed: it is not any more.
    change: Literal["same", "changed", "added", "removed", "unknown"] | str
    before: FieldSide | None
    after: FieldSide | None


class FieldFault(Model):
    """Why a field cannot be filled."""

    field: str
    rule: str
    reason: str
    expression: str | None = None
    position: int | None = None
    value: str | None = None
    wanted: str | None = None


class FieldSide(Model):
    """What a target field gets."""

    expression: str | None
    #: false: it keeps its value, or has its default.
    is_set: bool
    #: As the action gets it.
    value: Any
    #: The value is long: in its place is the beginning of its JSON.
    is_shortened: bool
    fault: FieldFault | None


class FirstKey(Model):
    """A key that an operator made for a tenant."""

    api_key_id: UUID
    name: str


class FirstKeyDataWithSecret(Envelope):
    """FirstKeyDataWithSecret."""

    data: FirstKey
    #: In clear, shown in this answer alone; null where there is no new one.
    secret: str | None


class ForwardSecret(Model):
    """A secret that signs, without itself."""

    secret_id: UUID
    #: Whether it is the webhook's own, or made of the workers' for an overlap.
    origin: Literal["webhook", "workers"] | str
    created_at: datetime
    #: Null: until it is replaced.
    valid_until: datetime | None


class ForwardSecretListData(Envelope):
    """ForwardSecretListData."""

    data: list[ForwardSecret]


class ForwardSecretListDataWithSecret(Envelope):
    """ForwardSecretListDataWithSecret."""

    data: list[ForwardSecret]
    #: In clear, shown in this answer alone; null where there is no new one.
    secret: str | None


class HandlerSide(Model):
    """What a webhook does with deliveries by one of its versions."""

    #: null: not recorded.
    webhook_version: int | None
    handler_type: Literal["direct_action", "workflow"] | str
    action: str | None
    workflow: str | None


class HmacAuth(Model):
    """auth_config of hmac_sha256."""

    type: Literal["hmac_sha256"]
    signature_header: str


class Import(Model):
    """What an import does, or did."""

    is_applied: bool
    counts: ImportCounts
    webhooks: list[ImportStep]
    secrets: list[ImportSecret]


class ImportCounts(Model):
    """How many webhooks an import treats in which way."""

    create: int
    update: int
    unchanged: int
    delete: int


class ImportData(Envelope):
    """ImportData."""

    data: Import


class ImportSecret(Model):
    """The secret of a webhook that was created, in clear, this one time."""

    slug: str
    secret: str


class ImportStep(Model):
    """What an import does with one webhook."""

    slug: str
    action: Literal["create", "update", "unchanged", "delete"] | str
    #: null: there is none yet.
    inbound_webhook_id: UUID | None
    #: What differs, where it is updated.
    changes: Changes | None
    #: Whether it refuses every request until it is given, with PATCH or rotate-secret, the
    #: secret that its sender makes.
    awaits_secret: bool


class IpAllowlistAuth(Model):
    """auth_config of ip_allowlist."""

    type: Literal["ip_allowlist"]
    ip_cidrs: list[str]


KeyForm: TypeAlias = (
    Literal[
        "text", "whsec_text", "whsec_base64", "hex", "ed25519_base64", "whpk_base64", "p256_base64"
    ]
    | str
)


class KeySourceBody(Model):
    """Where a request's idempotency key or ordering key is found."""

    type: Literal["header", "jsonata"] | str
    value: str


class Lookup(Model):
    """What the sender's id in a field stands for, and what the action does with it."""

    entity_type: str | None = None
    #: The field that says what it stands for.
    entity_type_field: str | None = None
    #: The field with the scope in which the id is unique.
    realm_field: str | None = None
    #: The field that, where it has a value, makes the lookup needless.
    unless: str | None = None
    on_found: Literal["update", "use", "reject"] | str
    on_missing: Literal["create", "reject"] | str
    #: What it does where something was there, and is gone.
    on_stale: Literal["create", "reject"] | str


class NamedSample(Model):
    """A sample with its headers and body."""

    delivery_id: UUID
    headers: dict[str, str]
    body: Any
    body_encoding: Literal["json", "text", "base64"] | str | None
    captured_at: datetime
    sample_id: UUID
    name: str | None


class NamedSampleData(Envelope):
    """NamedSampleData."""

    data: NamedSample


class OrderingBody(Model):
    """In which order deliveries are handled: any, one by one, or one by one for each key."""

    type: Literal["none", "webhook", "key"] | str
    source: KeySourceBody | None = None


class PageMeta(Model):
    """Where the next page begins."""

    #: Give it as cursor for the next page; null on the last one.
    next_cursor: str | None
    limit: int


class PathTokenAuth(Model):
    """auth_config of path_token."""

    type: Literal["path_token"]
    query_param: str


class Preset(Model):
    """The settings for a known sender.

    Give them with the rest of a webhook's to create it.
    """

    name: str
    display_name: str
    #: Where the sender tells how it signs.
    documentation_url: str
    auth_type: Literal["signature"]
    auth_config: SignatureAuth
    #: The sender's id of an event; null where its documentation names none.
    idempotency_source: KeySourceBody | None
    #: What auth_config.options may hold.
    options: list[PresetOption]
    secret: PresetSecret


class PresetListData(Envelope):
    """PresetListData."""

    data: list[Preset]


class PresetOption(Model):
    """An option that a preset takes, in ``auth_config.options``."""

    name: Literal["tolerance_seconds", "public_url"] | str
    type: Literal["integer", "string"] | str
    required: bool
    description: str
    #: What counts where it is left out; null: nothing does.
    default: int | None
    minimum: int | None
    maximum: int | None


class PresetSecret(Model):
    """What the secret of a preset is."""

    #: How it is written.
    form: KeyForm
    #: Likewise, in words.
    expected: str
    #: Where the sender shows it, or takes it.
    place: str
    #: Whether one is made up where none is given; else it has to be given.
    is_made_up: bool


class ReplayDifference(Model):
    """What a replay would do beside what became of the delivery; nothing was done.

    Both sides are of the same body: the expressions of before are evaluated anew, so that
    what depends on the time, such as $now(), is of this moment.
    """

    is_dry_run: Literal[True]
    delivery_id: UUID
    inbound_webhook_id: UUID
    received_at: datetime
    dispatch_status: DispatchStatus
    #: The recorded one.
    outcome: dict[str, Any] | None
    #: false: the webhook is switched off; no replay is made.
    is_active: bool
    #: Replays are not authenticated anew, nor was this.
    is_authentication_checked: Literal[False]
    #: What before is taken from. configuration: the one that handled the delivery; not_handled:
    #: it was refused before a handler ran; unknown: the configuration is not kept any more, or
    #: no worker runs its action.
    basis: Literal["configuration", "not_handled", "unknown"] | str
    before: HandlerSide | None
    after: HandlerSide
    #: Another action or workflow, or another kind; null: it cannot be told.
    is_handler_changed: bool | None
    would: Literal["create", "update", "run", "start", "reject"] | str
    #: Why it would be rejected.
    reasons: list[str]
    #: Of each field that either side maps or faults.
    fields: list[FieldDifference]
    lookups: list[DryRunLookup]


class ReplayDifferenceData(Envelope):
    """ReplayDifferenceData."""

    data: ReplayDifference


class ReplayJob(Model):
    """A job and its progress."""

    replay_job_id: UUID
    inbound_webhook_id: UUID | None
    #: What deliveries have to be like.
    conditions: dict[str, Any]
    limit: int
    per_second: float
    status: Literal["selecting", "running", "done", "cancelled"] | str
    is_paused: bool
    #: More deliveries may match.
    limit_reached: bool
    selected_count: int
    replayed_count: int
    #: Their webhook was deleted or switched off meanwhile.
    skipped_count: int
    #: At the rate; null while selecting, and at the end.
    remaining_seconds: float | None
    created_by: str
    created_at: datetime
    finished_at: datetime | None


class ReplayJobData(Envelope):
    """ReplayJobData."""

    data: ReplayJob


class ReplayJobPage(Envelope):
    """ReplayJobPage."""

    data: list[ReplayJob]
    meta: PageMeta


class ReplayLink(Model):
    """A replay of a delivery."""

    delivery_id: UUID
    dispatch_status: DispatchStatus
    received_at: datetime


class ReplayPlan(Model):
    """What a job would do."""

    count: int
    #: More deliveries may match.
    limit_reached: bool
    #: false: it took too long to look at all of them.
    is_complete: bool
    #: What was received later was not looked at; null: all was.
    scanned_to: datetime | None
    oldest_received_at: datetime | None
    newest_received_at: datetime | None
    #: At the rate asked for.
    estimated_seconds: float
    #: With dry_run: of the newest ten, as far as two seconds suffice, without fields that stay
    #: as they are.
    differences: list[ReplayDifference]


class ReplayPlanData(Envelope):
    """ReplayPlanData."""

    data: ReplayPlan


class RetryPolicyBody(Model):
    """How often and how far apart attempts are made; what is left out has its default."""

    max_attempts: int | None = None
    first_delay_seconds: float | None = None
    factor: float | None = None
    max_delay_seconds: float | None = None
    jitter: Literal["full", "none"] | str | None = None


class Sample(Model):
    """A captured request."""

    delivery_id: UUID
    headers: dict[str, str]
    body: Any
    body_encoding: Literal["json", "text", "base64"] | str | None
    captured_at: datetime


class SampleNode(Model):
    """One value of a sample, or what all items of an array have in its place."""

    #: JSONata, for a mapping.
    path: str
    types: list[
        Literal["boolean", "number", "string", "object", "array", "null", "undefined"] | str
    ]
    #: Of the items, where it is an array.
    item_types: list[
        Literal["boolean", "number", "string", "object", "array", "null", "undefined"] | str
    ]
    #: A scalar that was met there.
    example: Any
    #: The members, each with its name and all of the above.
    children: list[Any]


class SampleSummary(Model):
    """A sample without its contents."""

    sample_id: UUID
    #: null: the next capture without a name replaces it.
    name: str | None
    delivery_id: UUID
    captured_at: datetime
    body_bytes: int


class SampleSummaryListData(Envelope):
    """SampleSummaryListData."""

    data: list[SampleSummary]


class SampleTree(Model):
    """What a sample holds."""

    root: SampleNode
    #: Whether something was left out for its size.
    is_truncated: bool


class SampleTreeData(Envelope):
    """SampleTreeData."""

    data: SampleTree


class SignatureAuth(Model):
    """auth_config of signature."""

    type: Literal["signature"]
    #: The name of a known sender.
    preset: str
    options: SignatureOptions


class SignatureOptions(Model):
    """How a webhook differs from its preset; what is absent is as the preset has it."""

    #: How far from now a signed time may be, before and after.
    tolerance_seconds: int | None = None
    #: Under which address the sender knows the webhook.
    public_url: str | None = None


class TargetField(Model):
    """A field that an action takes."""

    name: str
    type: str
    required: bool
    nullable: bool
    description: str
    #: The values that the field may have.
    enum_values: list[str | int] | None = None
    min_length: int | None = None
    max_length: int | None = None
    strip_whitespace: bool | None = None
    exclusive_minimum: int | float | None = None
    exclusive_maximum: int | float | None = None
    minimum: int | float | None = None
    maximum: int | float | None = None
    #: What a json has to be.
    json_type: str | None = None
    #: The form of a string, as in JSON Schema.
    format: str | None = None
    default: str | int | float | None = None
    #: What a ref is the id of.
    ref_entity_type: str | None = None
    lookup: Lookup | None = None


class Tenant(Model):
    """A tenant."""

    tenant_id: UUID
    #: Leads its receivers' addresses.
    slug: str
    name: str
    #: False: keys and senders are refused.
    is_active: bool
    created_at: datetime
    updated_at: datetime


class TenantData(Envelope):
    """TenantData."""

    data: Tenant


class TenantDataWithSecret(Envelope):
    """TenantDataWithSecret."""

    data: Tenant
    #: In clear, shown in this answer alone; null where there is no new one.
    secret: str | None


class TenantPage(Envelope):
    """TenantPage."""

    data: list[Tenant]
    meta: PageMeta


class Webhook(Model):
    """A webhook with its sample and its circuit breaker."""

    inbound_webhook_id: UUID
    #: Id of the tenant.
    tenant: UUID
    #: Where senders reach the webhook.
    receiver_url: str
    name: str
    slug: str
    description: str | None
    auth_type: Literal["hmac_sha256", "bearer", "ip_allowlist", "path_token", "signature"] | str
    auth_config: (
        HmacAuth | BearerAuth | IpAllowlistAuth | PathTokenAuth | SignatureAuth | dict[str, Any]
    )
    idempotency_source: KeySourceBody | None
    idempotency_window_seconds: int
    handler_type: Literal["direct_action", "workflow"] | str
    handler_config: DirectAction | Workflow | dict[str, Any]
    rate_limit_per_minute: int
    is_active: bool
    retry_policy: RetryPolicyBody | None
    ordering: OrderingBody | None
    auto_disabled_at: datetime | None
    #: Until when the next accepted request is kept as a sample.
    sample_capture_expires_at: datetime | None
    #: Grows with every change.
    version: int
    #: Id of the API key that created it.
    created_by: UUID | None
    created_at: datetime
    updated_at: datetime
    sample: Sample | None
    circuit_breaker: CircuitBreaker


class WebhookData(Envelope):
    """WebhookData."""

    data: Webhook


class WebhookDataWithSecret(Envelope):
    """WebhookDataWithSecret."""

    data: Webhook
    #: In clear, shown in this answer alone; null where there is no new one.
    secret: str | None


class WebhookDocument(Envelope):
    """All webhooks of a tenant, without secrets."""

    format: Literal["postern.webhooks/1"]
    #: Each as a body of PUT, sorted by slug.
    webhooks: list[dict[str, Any]]


class WebhookSecret(Model):
    """What may be known of a secret; its value may not."""

    secret_id: UUID
    created_at: datetime
    #: null: until it is replaced.
    valid_until: datetime | None
    #: When it last verified a request; late by a minute or so.
    last_used_at: datetime | None
    is_live: bool


class WebhookSecretListData(Envelope):
    """WebhookSecretListData."""

    data: list[WebhookSecret]


class WebhookSummary(Model):
    """A webhook in a list. Secrets are never in it.

    What is read-only is passed over by PUT.
    """

    inbound_webhook_id: UUID
    #: Id of the tenant.
    tenant: UUID
    #: Where senders reach the webhook.
    receiver_url: str
    name: str
    slug: str
    description: str | None
    auth_type: Literal["hmac_sha256", "bearer", "ip_allowlist", "path_token", "signature"] | str
    auth_config: (
        HmacAuth | BearerAuth | IpAllowlistAuth | PathTokenAuth | SignatureAuth | dict[str, Any]
    )
    idempotency_source: KeySourceBody | None
    idempotency_window_seconds: int
    handler_type: Literal["direct_action", "workflow"] | str
    handler_config: DirectAction | Workflow | dict[str, Any]
    rate_limit_per_minute: int
    is_active: bool
    retry_policy: RetryPolicyBody | None
    ordering: OrderingBody | None
    auto_disabled_at: datetime | None
    #: Until when the next accepted request is kept as a sample.
    sample_capture_expires_at: datetime | None
    #: Grows with every change.
    version: int
    #: Id of the API key that created it.
    created_by: UUID | None
    created_at: datetime
    updated_at: datetime


class WebhookSummaryPage(Envelope):
    """WebhookSummaryPage."""

    data: list[WebhookSummary]
    meta: PageMeta


class Workflow(Model):
    """handler_config of workflow."""

    type: Literal["workflow"]
    workflow: str


class WorkflowRun(Model):
    """The run of a workflow that a delivery started."""

    run_id: str
    workflow: str
    engine: Literal["dbos", "temporal"] | str
    #: lost: its engine does not know it any more.
    status: Literal["running", "succeeded", "failed", "cancelled", "lost"] | str
    #: What the workflow returned; null unless it succeeded.
    result: Any
    error: str | None
    started_at: datetime
    #: When the engine was last asked about it.
    refreshed_at: datetime
    #: When it was found to have ended.
    ended_at: datetime | None
