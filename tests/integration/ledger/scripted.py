"""A worker's hand on a delivery, whose handlers end as a script says, when they are let."""

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass, field

from shared.database.pool import Pool
from shared.domain.identifiers import TenantId, WebhookId
from shared.domain.webhook import Webhook
from tests.integration.ledger.states import Ending, Script
from worker.actions.context import ActionContext, ActionResult
from worker.actions.fields import ActionFields
from worker.actions.registry import ActionOutcome, action
from worker.outcome import Reject, Retry
from worker.webhooks import WebhookCache

CREATE_EFFECTS = """
create table public.effects (
    delivery_id uuid not null,
    number bigint generated always as identity
);
grant usage on schema public to postern_tenant;
grant select, insert on public.effects to postern_tenant;
"""
_INSERT_EFFECT = "insert into public.effects (delivery_id) values ($1)"


def _open_gate() -> asyncio.Event:
    gate = asyncio.Event()
    gate.set()
    return gate


@dataclass(eq=False)
class Hand:
    """One call of the processor, with gates where it can be stopped."""

    script: Script
    #: Between its turn and its claim: nothing is locked there.
    may_prepare: asyncio.Event = field(default_factory=_open_gate)
    #: Between its effect and its end: the delivery is locked there.
    may_end: asyncio.Event = field(default_factory=_open_gate)
    #: Set when a gate is reached.
    prepares: asyncio.Event = field(default_factory=asyncio.Event)
    acts: asyncio.Event = field(default_factory=asyncio.Event)
    #: The server's processes whose connections have been cut.
    cut_pids: list[int] = field(default_factory=list)


HAND: ContextVar[Hand] = ContextVar("HAND")


class GatedWebhooks(WebhookCache):
    """A worker's cache of webhooks that stops whoever asks it at its gate."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)

    async def find(self, tenant_id: TenantId, webhook_id: WebhookId) -> Webhook | None:
        """Return a webhook's configuration once the hand may go on."""
        hand = HAND.get()
        hand.prepares.set()
        await hand.may_prepare.wait()
        return await super().find(tenant_id, webhook_id)


class NoFields(ActionFields):
    """Nothing is taken from the body."""


@action("leaveEffect", entity_type="effect", display_name="Leave effect", description="Test.")
async def leave_effect(ctx: ActionContext, _: NoFields) -> ActionOutcome:
    """Leave one row, then end as the hand's script says."""
    hand = HAND.get()
    await ctx.connection.execute(_INSERT_EFFECT, ctx.delivery_id)
    hand.acts.set()
    await hand.may_end.wait()
    match hand.script.next(ctx.delivery_id):
        case Ending.DONE:
            return ActionResult(entity_type="effect")
        case Ending.RETRY:
            return Retry("told to fail for now")
        case Ending.REJECT:
            return Reject("told to reject", "told")
        case Ending.DIE:
            hand.cut_pids.append(ctx.connection.get_server_pid())
            ctx.connection.terminate()
            raise ConnectionResetError
