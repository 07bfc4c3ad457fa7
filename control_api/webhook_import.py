"""What an import of webhooks changes, and the change itself: all of it, or nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal
from uuid import UUID

from control_api.differences import differences
from control_api.presets import makes_its_secret
from control_api.webhook_changes import WebhookChanges
from control_api.webhook_document import Entry
from control_api.webhook_secrets import secret_kind
from shared.domain.identifiers import WebhookId, uuid7
from shared.ledger.webhooks import StoredWebhook
from shared.settings import Secret

Kind = Literal["create", "update", "unchanged", "delete"]


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one webhook."""

    kind: Kind
    slug: str
    present: StoredWebhook | None
    entry: Entry | None

    @property
    def webhook_id(self) -> UUID | None:
        """Return the webhook's id; None of one that has yet to be created."""
        return None if self.present is None else self.present.webhook_id

    @property
    def awaits_secret(self) -> bool:
        """Whether the webhook then lets nobody in until it gets its sender's secret."""
        if self.entry is None:
            return False
        wanted = self.entry.wanted.settings
        return makes_its_secret(wanted) is not None and (
            self.present is None or secret_kind(self.present.settings) != secret_kind(wanted)
        )

    def changes(self) -> dict[str, Any]:
        """Return what differs, field by field."""
        before = None if self.present is None else asdict(self.present.settings)
        after = None if self.entry is None else asdict(self.entry.wanted.settings)
        return differences(before, after)


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import does, by slug."""

    steps: Sequence[Step]
    #: Of webhooks that were created or got another auth type, by slug; shown once.
    secrets: dict[str, Secret] = field(default_factory=dict)

    def of_kind(self, *kinds: Kind) -> Iterator[Step]:
        """Yield the steps of some kinds."""
        return (step for step in self.steps if step.kind in kinds)


def plan_import(
    present: Sequence[StoredWebhook], entries: Sequence[Entry], *, prunes: bool
) -> Plan:
    """Return what has to be done so that the webhooks are those of the document.

    Webhooks are matched by slug. Those that the document lacks stay, unless it ``prunes``.
    """
    by_slug = {webhook.settings.slug: webhook for webhook in present}
    steps = [_step(by_slug.get(entry.slug), entry) for entry in entries]
    if prunes:
        named = {entry.slug for entry in entries}
        steps += [
            Step("delete", slug, webhook, None)
            for slug, webhook in by_slug.items()
            if slug not in named
        ]
    return Plan(sorted(steps, key=lambda step: step.slug))


def _step(present: StoredWebhook | None, entry: Entry) -> Step:
    if present is None:
        return Step("create", entry.slug, None, entry)
    is_same = present.settings == entry.wanted.settings
    return Step("unchanged" if is_same else "update", entry.slug, present, entry)


async def apply_plan(plan: Plan, changes: WebhookChanges) -> None:
    """Carry a plan out in the transaction in which it was made, with the webhooks locked."""
    for step in plan.steps:
        match step:
            case Step(kind="delete", present=StoredWebhook() as present):
                await changes.delete(present)
            case Step(kind="update", present=StoredWebhook() as present, entry=Entry() as entry):
                _keep(plan, step.slug, await changes.update(present, entry.wanted))
            case Step(kind="create", entry=Entry() as entry):
                webhook_id = WebhookId(uuid7())
                _keep(plan, step.slug, await changes.insert(webhook_id, entry.wanted))
            case _:
                pass


def _keep(plan: Plan, slug: str, secret: Secret | None) -> None:
    if secret is not None:
        plan.secrets[slug] = secret


def plan_content(plan: Plan, *, is_applied: bool) -> dict[str, Any]:
    """Return a plan as it is answered; secrets in clear, the one time they are."""
    counts = {
        kind: len(list(plan.of_kind(kind))) for kind in ("create", "update", "unchanged", "delete")
    }
    return {
        "is_applied": is_applied,
        "counts": counts,
        "webhooks": [
            {
                "slug": step.slug,
                "action": step.kind,
                "inbound_webhook_id": step.webhook_id,
                "changes": step.changes() if step.kind == "update" else None,
                "awaits_secret": step.awaits_secret,
            }
            for step in plan.steps
        ],
        "secrets": [
            {"slug": slug, "secret": secret.reveal()} for slug, secret in plan.secrets.items()
        ],
    }
