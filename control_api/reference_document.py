"""The form of the document that fills a tenant's reference data.

Entries have keys of their own, by which others refer to them; a key also decides the entry's id,
unless that is given, so that a document can be applied again and names can change.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Key = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]
Address = Annotated[
    str, StringConstraints(strip_whitespace=True, to_lower=True, pattern=r"^[^@\s]+@[^@\s]+$")
]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
WbsCode = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,5}(\.[1-9][0-9]{0,5})*$")]
Order = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
Amount = Annotated[Decimal, Field(max_digits=18, decimal_places=4, strict=False)]
Day = Annotated[date, Field(strict=False)]


@dataclass(frozen=True, slots=True)
class Refers:
    """Marks a field that has the key of another entry, and the column for that entry's id."""

    section: str
    column: str


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Entry(_Part):
    """One row: fields are columns, but for the key, the id and references."""

    key: Key
    id: Annotated[UUID, Field(strict=False)] | None = None


class TenantSettings(_Part):
    """How tickets are numbered and tracked, and what clients that deliveries make start with."""

    ticket_prefix: Annotated[str, StringConstraints(max_length=20, pattern=r"^(.*[^0-9])?$")] = ""
    tracks_responses: bool = True
    default_contract: Annotated[Key, Refers("contracts", "default_contract_id")] | None = None
    default_tax_region: Text | None = None
    default_is_tax_exempt: bool = False
    default_is_reverse_charge: bool = False


class User(Entry):
    """Someone who works for the tenant."""

    email: Address
    full_name: Text
    time_zone: Text = "UTC"
    is_inactive: bool = False


class Named(Entry):
    """What has a name alone."""

    name: Text


class NamedInactive(Named):
    """What has a name and can be out of use."""

    is_inactive: bool = False


class Client(NamedInactive):
    """A client."""

    client_type: Literal["company", "individual"] = "company"


class BillingProfile(Named):
    """What a client is billed by."""

    client: Annotated[Key, Refers("clients", "client_id")]
    is_default: bool = False


class Location(NamedInactive):
    """A place of a client."""

    client: Annotated[Key, Refers("clients", "client_id")]
    address: Text | None = None
    city: Text | None = None
    zip: Text | None = None
    country: Text | None = None
    default_billing_profile: (
        Annotated[Key, Refers("billing_profiles", "default_billing_profile_id")] | None
    ) = None


class Contact(Entry):
    """Someone at a client."""

    client: Annotated[Key, Refers("clients", "client_id")]
    full_name: Text
    email: Address
    phone: Text | None = None
    role: Text | None = None
    is_inactive: bool = False


class TicketStatus(Named):
    """A status of a board's tickets."""

    board: Annotated[Key, Refers("boards", "board_id")]
    order_number: Order = 0
    is_default: bool = False
    is_closed: bool = False


class Priority(Named):
    """A priority."""

    order_number: Order = 0


class Category(Named):
    """A category, or with a parent a subcategory."""

    parent: Annotated[Key, Refers("categories", "parent_category_id")] | None = None


class ChecklistTemplate(NamedInactive):
    """What is to be done for the tickets that match it."""

    board: Annotated[Key, Refers("boards", "board_id")] | None = None
    category: Annotated[Key, Refers("categories", "category_id")] | None = None
    priority: Annotated[Key, Refers("priorities", "priority_id")] | None = None
    order_number: Order = 0
    items: Annotated[list[Text], Field(min_length=1, max_length=100)]


class Project(NamedInactive):
    """A project."""

    client: Annotated[Key, Refers("clients", "client_id")]


class ProjectPhase(Named):
    """A phase of a project."""

    project: Annotated[Key, Refers("projects", "project_id")]
    wbs_code: WbsCode


class ProjectStatusMapping(Named):
    """A status of the tasks of a phase, a project, or of all projects."""

    project: Annotated[Key, Refers("projects", "project_id")] | None = None
    phase: Annotated[Key, Refers("project_phases", "phase_id")] | None = None
    order_number: Order = 0
    is_closed: bool = False


class Interaction(Entry):
    """A talk with a client."""

    client: Annotated[Key, Refers("clients", "client_id")]
    contact: Annotated[Key, Refers("contacts", "contact_id")] | None = None
    title: Text


class TimePeriod(Entry):
    """The days that one time sheet covers."""

    start_date: Day
    end_date: Day


class Invoice(Entry):
    """An invoice; its status is only what it starts with."""

    client: Annotated[Key, Refers("clients", "client_id")]
    invoice_number: Text
    currency_code: Currency
    total_amount: Amount = Decimal(0)
    replenishment_amount: Annotated[Amount, Field(gt=0)] | None = None
    due_date: Day | None = None
    status: Literal[
        "draft", "sent", "overdue", "cancelled", "pending", "prepayment", "partially_applied"
    ] = "draft"


class ReferenceDocument(_Part):
    """The whole document; a section that it leaves out stays as it is."""

    settings: TenantSettings | None = None
    users: list[User] = []
    teams: list[Named] = []
    contracts: list[NamedInactive] = []
    clients: list[Client] = []
    billing_profiles: list[BillingProfile] = []
    locations: list[Location] = []
    contacts: list[Contact] = []
    boards: list[NamedInactive] = []
    ticket_statuses: list[TicketStatus] = []
    priorities: list[Priority] = []
    categories: list[Category] = []
    checklist_templates: list[ChecklistTemplate] = []
    services: list[NamedInactive] = []
    projects: list[Project] = []
    project_phases: list[ProjectPhase] = []
    project_status_mappings: list[ProjectStatusMapping] = []
    non_billable_categories: list[Named] = []
    interactions: list[Interaction] = []
    time_periods: list[TimePeriod] = []
    invoices: list[Invoice] = []

    def sections(self) -> dict[str, list[Entry]]:
        """Return the entries by section."""
        names = type(self).model_fields.keys() - {"settings"}
        return {name: list(getattr(self, name)) for name in names}
