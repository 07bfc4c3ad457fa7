"""From a document of reference data to the rows that it stands for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args
from uuid import UUID, uuid5

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from control_api.faults import summary, validate
from control_api.reference_document import Entry, ReferenceDocument, Refers
from shared.errors import Fault, InvalidInput

#: Column of a section's ids.
_ID_COLUMNS = {
    "users": "user_id",
    "teams": "team_id",
    "contracts": "contract_id",
    "clients": "client_id",
    "billing_profiles": "billing_profile_id",
    "locations": "location_id",
    "contacts": "contact_id",
    "boards": "board_id",
    "ticket_statuses": "status_id",
    "priorities": "priority_id",
    "categories": "category_id",
    "checklist_templates": "checklist_template_id",
    "services": "service_id",
    "projects": "project_id",
    "project_phases": "phase_id",
    "project_status_mappings": "project_status_mapping_id",
    "non_billable_categories": "category_id",
    "interactions": "interaction_id",
    "time_periods": "period_id",
    "invoices": "invoice_id",
}

#: Section to key to id.
Ids = Mapping[str, Mapping[str, UUID]]


@dataclass(frozen=True, slots=True)
class ReferenceRows:
    """What a document stands for."""

    #: Columns with JSON values.
    settings: dict[str, Any] | None
    #: By table; columns with JSON values.
    tables: Mapping[str, list[dict[str, Any]]]
    ids: Ids


def parse_reference_data(raw: object, tenant_id: UUID) -> ReferenceRows:
    """Return the rows of a document.

    Raises:
        InvalidInput: With every fault and its place in the document.
    """
    faults: list[Fault] = []
    document = validate(ReferenceDocument, raw, faults)
    if document is None:
        raise InvalidInput(summary(faults), faults=faults)
    sections = document.sections()
    ids = {
        section: {
            entry.key: entry.id or uuid5(tenant_id, f"{section}/{entry.key}") for entry in entries
        }
        for section, entries in sections.items()
    }
    settings = document.settings
    faults += _faults(sections, ids)
    if settings is not None:
        faults += _reference_faults(settings, "settings", ids)
    if faults:
        raise InvalidInput(summary(faults), faults=faults)
    tables = {
        section: [_row(section, entry, ids) for entry in entries]
        for section, entries in sections.items()
    }
    return ReferenceRows(None if settings is None else _columns(settings, ids), tables, ids)


def _faults(sections: Mapping[str, list[Entry]], ids: Ids) -> Iterator[Fault]:
    """Yield keys that are there twice, and references to keys that are not there."""
    for section, entries in sections.items():
        keys = [entry.key for entry in entries]
        for index, entry in enumerate(entries):
            place = f"{section}.{index}"
            if entry.key in keys[:index]:
                yield Fault(f"{place}.key", "unique", f"{entry.key} is there twice", entry.key)
            yield from _reference_faults(entry, place, ids)


def _reference_faults(part: BaseModel, place: str, ids: Ids) -> Iterator[Fault]:
    for name, refers in _references(type(part)).items():
        key = getattr(part, name)
        if key is not None and key not in ids[refers.section]:
            message = f"There is no entry {key} in {refers.section}"
            yield Fault(f"{place}.{name}", "exists", message, key)


def _row(section: str, entry: Entry, ids: Ids) -> dict[str, Any]:
    return {_ID_COLUMNS[section]: str(ids[section][entry.key]), **_columns(entry, ids)}


def _columns(part: BaseModel, ids: Ids) -> dict[str, Any]:
    references = _references(type(part))
    row = part.model_dump(mode="json", exclude={"key", "id", *references})
    for name, refers in references.items():
        key = getattr(part, name)
        row[refers.column] = None if key is None else str(ids[refers.section][key])
    return row


@cache
def _references(model: type[BaseModel]) -> dict[str, Refers]:
    """Return the fields of a model that refer to other entries."""
    return {
        name: mark
        for name, field in model.model_fields.items()
        for mark in _marks(field)
        if isinstance(mark, Refers)
    }


def _marks(field: FieldInfo) -> Iterator[object]:
    yield from field.metadata
    for option in get_args(field.annotation):  # the types in ``Annotated[...] | None``
        yield from getattr(option, "__metadata__", ())
