"""The invoice actions on a real PSA store."""

from datetime import datetime, timedelta
from typing import Any, get_args

import orjson
import pytest

from shared.clock import SystemClock
from tests.integration.worker.actions.office import NOBODY, Office
from worker.actions.invoices import UpdateInvoiceStatus

PAID = "markInvoicePaidByExternalId"
STATUS = "updateInvoiceStatusByExternalId"
_STATUSES = get_args(UpdateInvoiceStatus.model_fields["status"].annotation)


@pytest.fixture
async def books(office: Office) -> Office:
    """An office whose one invoice has been sent; the sender calls it I-1."""
    await office.map("invoice", "I-1", "invoice")
    return office


def _is_now(moment: datetime) -> bool:
    return timedelta() <= SystemClock().now() - moment < timedelta(minutes=5)


async def test_invoice_is_paid_now_unless_told_otherwise(books: Office) -> None:
    """Its other custom fields stay, and the delivery is noted among them."""
    outcome = await books.done(PAID, {"external_id": "I-1"})
    invoice = await books.row("invoices")
    assert (invoice["status"], invoice["payment_reference"]) == ("paid", None)
    assert _is_now(invoice["paid_at"])
    stamp = {"delivery_id": str(outcome["delivery_id"]), "slug": "rmm-device-updates"}
    assert orjson.loads(invoice["custom_fields"]) == {"kept": 1, "inbound_webhook": stamp}
    assert outcome["entity_type"] == "invoice"
    assert outcome["entity_id"] == str(books.ids["invoice"])
    assert outcome["metadata"] == {"status": "paid"}
    event = await books.last_event()
    assert event["event_name"] == "invoice.paid"
    assert event["changes"]["status"] == "paid"


async def test_payment_is_told(books: Office) -> None:
    """Time and reference are in their columns; a second payment changes nothing."""
    body = {"external_id": "I-1", "paid_at": "2026-03-01", "payment_reference": "R-1"}
    await books.done(PAID, body)
    await books.done(PAID, {**body, "payment_reference": "R-2"})
    invoice = await books.row("invoices")
    assert invoice["paid_at"].isoformat() == "2026-03-01T00:00:00+00:00"
    assert invoice["payment_reference"] == "R-1"
    assert len(await books.events()) == 1


@pytest.mark.parametrize("field", ["paid_at", "payment_reference"])
async def test_null_is_as_good_as_nothing(books: Office, field: str) -> None:
    """The time is now and the reference unknown."""
    await books.done(PAID, {"external_id": "I-1", field: None})
    invoice = await books.row("invoices")
    assert _is_now(invoice["paid_at"])
    assert invoice["payment_reference"] is None


@pytest.mark.parametrize("status", _STATUSES)
async def test_status_changes(books: Office, status: str) -> None:
    """To every status there is; to the one that it has already, nothing is written."""
    outcome = await books.done(STATUS, {"external_id": "I-1", "status": status})
    invoice = await books.row("invoices")
    assert invoice["status"] == status
    assert (invoice["paid_at"] is not None) == (status == "paid")
    assert outcome["metadata"] == {"status": status}
    names = [event["event_name"] for event in await books.events()]
    expected = {"sent": [], "paid": ["invoice.paid"]}.get(status, ["invoice.status_changed"])
    assert names == expected


async def test_invoice_that_is_no_longer_paid_forgets_the_payment(books: Office) -> None:
    """A bounced payment leaves neither time nor reference."""
    await books.done(PAID, {"external_id": "I-1", "payment_reference": "R-1"})
    await books.done(STATUS, {"external_id": "I-1", "status": "overdue"})
    invoice = await books.row("invoices")
    assert (invoice["status"], invoice["paid_at"]) == ("overdue", None)
    assert invoice["payment_reference"] is None


@pytest.mark.parametrize(
    ("action", "body", "code", "field"),
    [
        (PAID, {"external_id": "I-9"}, "lookup_miss", "external_id"),
        (PAID, {"external_id": "gone"}, "lookup_miss", "external_id"),
        (PAID, {"external_id": None}, "mapping_failed", "external_id"),
        (PAID, {"external_id": "I-1", "paid_at": "now"}, "mapping_failed", "paid_at"),
        (
            PAID,
            {"external_id": "I-1", "payment_reference": {}},
            "mapping_failed",
            "payment_reference",
        ),
        (STATUS, {"external_id": "I-9", "status": "paid"}, "lookup_miss", "external_id"),
        (STATUS, {"external_id": "gone", "status": "paid"}, "lookup_miss", "external_id"),
        (STATUS, {"external_id": "I-1", "status": "lost"}, "mapping_failed", "status"),
        (STATUS, {"external_id": "I-1", "status": None}, "mapping_failed", "status"),
    ],
)
async def test_change_that_cannot_be_is_refused(
    books: Office, action: str, body: dict[str, Any], code: str, field: str
) -> None:
    """The field is named, and the invoice stays."""
    await books.ledger.insert_mapping("invoice", "gone", NOBODY)
    failure = await books.refused(action, body)
    assert (failure["code"], failure["field"]) == (code, field)
    assert (await books.row("invoices"))["status"] == "sent"


async def test_payments_at_once_pay_once(books: Office) -> None:
    """Fifty notices of one payment leave one event."""
    await books.use(PAID, ["external_id"])
    outcomes = await books.handle_at_once([{"external_id": "I-1"}] * 50)
    assert {outcome["state"] for outcome in outcomes} == {"dispatched"}
    assert len(await books.events()) == 1
