"""Invoice actions."""

from typing import Annotated, Any, Literal

from pydantic import Field

from shared.psa.invoices import Invoices
from worker.actions.changes import merged, stamp
from worker.actions.context import ActionContext, ActionResult
from worker.actions.fields import ActionFields, ExternalId, Lookup, Moment, ShortText
from worker.actions.lookup import Found, find_mapped
from worker.actions.registry import ActionOutcome, action
from worker.outcome import Reject

ENTITY_TYPE = "invoice"


class MarkInvoicePaid(ActionFields):
    """A payment of an invoice."""

    external_id: Annotated[
        ExternalId, Lookup(entity_type="invoice", on_found="update", on_missing="reject")
    ] = Field(description="The sender's id of the invoice.")
    paid_at: Moment | None = Field(
        None, description="When it was paid, in ISO 8601; now where it is not told."
    )
    payment_reference: ShortText | None = Field(None, description="What names the payment.")


@action(
    "markInvoicePaidByExternalId",
    entity_type=ENTITY_TYPE,
    display_name="Mark Invoice Paid by External ID",
    description="Mark the invoice that the external id stands for as paid. One that is paid "
    "already stays as it is. Where it replenishes the client's prepaid balance, it does so once.",
)
async def mark_invoice_paid(ctx: ActionContext, fields: MarkInvoicePaid) -> ActionOutcome:
    """Mark an invoice as paid."""
    found = await find_mapped(ctx, ENTITY_TYPE, fields.external_id, Invoices(ctx.store).lock)
    if isinstance(found, Reject):
        return found
    changes = {
        "status": "paid",
        "paid_at": fields.paid_at or ctx.clock.now(),
        "payment_reference": fields.payment_reference,
    }
    return await _changed(ctx, found, fields.external_id, changes)


class UpdateInvoiceStatus(ActionFields):
    """An invoice's next status."""

    external_id: Annotated[
        ExternalId, Lookup(entity_type="invoice", on_found="update", on_missing="reject")
    ] = Field(description="The sender's id of the invoice.")
    status: Literal[
        "draft",
        "sent",
        "paid",
        "overdue",
        "cancelled",
        "pending",
        "prepayment",
        "partially_applied",
    ] = Field(description="The status; paid is now, any other forgets when and how it was paid.")


@action(
    "updateInvoiceStatusByExternalId",
    entity_type=ENTITY_TYPE,
    display_name="Update Invoice Status by External ID",
    description="Give the invoice that the external id stands for another status. Where it "
    "replenishes the client's prepaid balance, the first payment does so, and no other status "
    "takes it back.",
)
async def update_invoice_status(ctx: ActionContext, fields: UpdateInvoiceStatus) -> ActionOutcome:
    """Change an invoice's status."""
    found = await find_mapped(ctx, ENTITY_TYPE, fields.external_id, Invoices(ctx.store).lock)
    if isinstance(found, Reject):
        return found
    changes: dict[str, Any] = {"status": fields.status, "payment_reference": None}
    changes["paid_at"] = ctx.clock.now() if fields.status == "paid" else None
    return await _changed(ctx, found, fields.external_id, changes)


async def _changed(
    ctx: ActionContext, found: Found, external_id: str, changes: dict[str, Any]
) -> ActionResult:
    """Write a change of status; an invoice that has the status already stays as it is."""
    status = changes["status"]
    is_other = status != found.row["status"]
    settlement = _settlement(ctx, found, status)
    if is_other or settlement:
        custom_fields = merged(found.row["custom_fields"], {}) | stamp(ctx)
        await Invoices(ctx.store).update(
            found.entity_id,
            {**(changes if is_other else {}), **settlement, "custom_fields": custom_fields},
            event_name=_event_name(status, is_other=is_other),
        )
    return ActionResult(
        entity_type=ENTITY_TYPE,
        entity_id=found.entity_id,
        external_id=external_id,
        message=f"invoice {found.row['invoice_number']} is {status}",
        metadata={"status": status},
    )


def _settlement(ctx: ActionContext, found: Found, status: str) -> dict[str, Any]:
    """Return the columns that settle a paid invoice's replenishment, unless that was done."""
    amount = found.row["replenishment_amount"]
    if status != "paid" or amount is None or found.row["replenishment_settled_at"] is not None:
        return {}
    # The amount is no change, but what followers of events need to know of this one.
    return {"replenishment_settled_at": ctx.clock.now(), "replenishment_amount": amount}


def _event_name(status: str, *, is_other: bool) -> str:
    if not is_other:
        return "invoice.replenishment_settled"
    return "invoice.paid" if status == "paid" else "invoice.status_changed"
