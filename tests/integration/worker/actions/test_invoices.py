"""The invoice actions on a real PSA store."""

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

import orjson
import pytest

from shared.clock import SystemClock
from tests.integration.worker.actions.office import NOBODY, Office
from tests.integration.worker.world import until
from worker.actions.invoices import UpdateInvoiceStatus

PAID = "markInvoicePaidByExternalId"
STATUS = "updateInvoiceStatusByExternalId"
_STATUSES = get_args(UpdateInvoiceStatus.model_fields["status"].annotation)
#: What another delivery writes, and that somebody waits for it.
_SETTLE = """
update psa.invoices set status = 'paid', paid_at = now(), replenishment_settled_at = now()
where tenant_id = $1
"""
_WAITING = """
select count(*) from pg_stat_activity
where datname = current_database() and wait_event_type = 'Lock'
"""


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


@pytest.fixture
async def prepaying(books: Office) -> Office:
    """An office whose one invoice replenishes its client's prepaid balance by 250.50."""
    await _replenish(books)
    return books


async def _replenish(office: Office) -> None:
    await office.ledger.pool.execute(
        "update psa.invoices set replenishment_amount = 250.5 where tenant_id = $1",
        office.ledger.tenant_id,
    )


async def _balances(office: Office) -> list[tuple[object, ...]]:
    rows = await office.rows("prepaid_balances")
    return [(row["client_id"], row["currency_code"], row["amount"]) for row in rows]


@pytest.mark.parametrize(
    ("action", "body"),
    [(PAID, {"external_id": "I-1"}), (STATUS, {"external_id": "I-1", "status": "paid"})],
)
async def test_payment_replenishes_the_prepaid_balance_once(
    prepaying: Office, action: str, body: dict[str, Any]
) -> None:
    """By the amount, in the invoice's currency; the invoice and its event tell of it."""
    await prepaying.done(action, body)
    expected = [(prepaying.ids["contoso"], "EUR", Decimal("250.5"))]
    assert await _balances(prepaying) == expected
    settled_at = (await prepaying.row("invoices"))["replenishment_settled_at"]
    assert _is_now(settled_at)
    (event,) = await prepaying.events()
    assert event["event_name"] == "invoice.paid"
    assert event["changes"]["replenishment_amount"] == "250.5000"
    assert "replenishment_settled_at" in event["changes"]
    await prepaying.done(action, body)
    assert await _balances(prepaying) == expected
    assert (await prepaying.row("invoices"))["replenishment_settled_at"] == settled_at
    assert len(await prepaying.events()) == 1


async def test_replenishment_stays_when_the_payment_does_not(prepaying: Office) -> None:
    """Leaving paid takes nothing back, and paying again adds nothing."""
    await prepaying.done(PAID, {"external_id": "I-1"})
    settled_at = (await prepaying.row("invoices"))["replenishment_settled_at"]
    await prepaying.done(STATUS, {"external_id": "I-1", "status": "overdue"})
    for action, body in ((PAID, {}), (STATUS, {"status": "paid"})):
        await prepaying.done(action, {"external_id": "I-1", **body})
    assert [balance[-1] for balance in await _balances(prepaying)] == [Decimal("250.5")]
    invoice = await prepaying.row("invoices")
    assert (invoice["status"], invoice["replenishment_settled_at"]) == ("paid", settled_at)
    assert "replenishment_amount" not in (await prepaying.last_event())["changes"]


async def test_repeated_payment_settles_what_was_not(books: Office) -> None:
    """An invoice may have been paid before it was to replenish anything; the payment stays."""
    await books.done(PAID, {"external_id": "I-1", "payment_reference": "R-1"})
    paid_at = (await books.row("invoices"))["paid_at"]
    await _replenish(books)
    await books.done(PAID, {"external_id": "I-1", "payment_reference": "R-2"})
    assert [balance[-1] for balance in await _balances(books)] == [Decimal("250.5")]
    invoice = await books.row("invoices")
    assert (invoice["paid_at"], invoice["payment_reference"]) == (paid_at, "R-1")
    event = await books.last_event()
    assert event["event_name"] == "invoice.replenishment_settled"
    assert "status" not in event["changes"]


@pytest.mark.parametrize("status", [each for each in _STATUSES if each != "paid"])
async def test_other_status_replenishes_nothing(prepaying: Office, status: str) -> None:
    """Only a payment does."""
    await prepaying.done(STATUS, {"external_id": "I-1", "status": status})
    assert await _balances(prepaying) == []
    assert (await prepaying.row("invoices"))["replenishment_settled_at"] is None


async def test_invoice_that_replenishes_nothing_leaves_no_balance(books: Office) -> None:
    """Most invoices are of this kind."""
    await books.done(PAID, {"external_id": "I-1"})
    assert await _balances(books) == []
    assert (await books.row("invoices"))["replenishment_settled_at"] is None


async def test_replenishments_of_one_client_add_up(prepaying: Office) -> None:
    """By currency, also those that are settled at the same moment."""
    for number, currency in ((2, "EUR"), (3, "EUR"), (4, "USD")):
        columns = {
            "client_id": "@contoso",
            "invoice_number": f"INV-{number}",
            "currency_code": currency,
            "replenishment_amount": 100,
        }
        await prepaying.insert(f"invoice-{number}", "invoices", "invoice_id", columns)
        await prepaying.map("invoice", f"I-{number}", f"invoice-{number}")
    await prepaying.use(PAID, ["external_id"])
    await prepaying.handle_at_once([{"external_id": f"I-{number}"} for number in range(1, 5)])
    amounts = {currency: amount for _, currency, amount in await _balances(prepaying)}
    assert amounts == {"EUR": Decimal("450.5"), "USD": Decimal(100)}


async def test_payment_waits_for_another_and_finds_it_settled(prepaying: Office) -> None:
    """The invoice is locked before it is read: what commits meanwhile is not settled again."""
    await prepaying.use(PAID, ["external_id"])
    pool = prepaying.ledger.pool
    async with pool.acquire() as other, asyncio.TaskGroup() as group:
        transaction = other.transaction()
        await transaction.start()
        await other.execute(_SETTLE, prepaying.ledger.tenant_id)
        payment = group.create_task(prepaying.handle({"external_id": "I-1"}))

        async def is_waiting() -> bool:
            return bool(await pool.fetchval(_WAITING))

        await until(is_waiting)
        await transaction.commit()
    assert payment.result()["state"] == "dispatched"
    assert await _balances(prepaying) == []
    assert await prepaying.events() == []


async def test_payments_at_once_replenish_once(prepaying: Office) -> None:
    """Fifty notices of one payment, and of one that was made before the replenishment."""
    await prepaying.use(PAID, ["external_id"])
    outcomes = await prepaying.handle_at_once([{"external_id": "I-1"}] * 50)
    assert {outcome["state"] for outcome in outcomes} == {"dispatched"}
    assert [balance[-1] for balance in await _balances(prepaying)] == [Decimal("250.5")]
    await prepaying.ledger.pool.execute(
        "update psa.invoices set replenishment_settled_at = null where tenant_id = $1",
        prepaying.ledger.tenant_id,
    )
    await prepaying.handle_at_once([{"external_id": "I-1"}] * 50)
    assert [balance[-1] for balance in await _balances(prepaying)] == [Decimal(501)]
