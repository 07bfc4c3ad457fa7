"""The bundled actions have the names, types and fields that senders' mappings are written for."""

from collections.abc import Mapping
from typing import Any

import pytest

from worker.app import build_registry

_TICKET = (
    "description assigned_to:user assigned_team_id:team category_id:ticket_category "
    "subcategory_id:ticket_subcategory contact_id:contact location_id:client_location due_date "
    "attributes=json"
)
#: By entity type and display name: fields; ``!`` is required, ``=`` precedes a type, ``:`` what is
#: referred to, ``|`` stands between the values of an enum.
_ACTIONS: Mapping[str, tuple[str, str, str]] = {
    "createTicket": (
        "ticket",
        "Create Ticket",
        (
            "title! client_id!:client board_id!:board status_id:ticket_status "
            f"priority_id!:ticket_priority {_TICKET} asset_id:asset external_id"
        ),
    ),
    "updateTicketByExternalId": (
        "ticket",
        "Update Ticket by External ID",
        (
            "external_id! title client_id:client board_id:board status_id:ticket_status "
            f"priority_id:ticket_priority {_TICKET}"
        ),
    ),
    "addTicketCommentByExternalId": (
        "ticket",
        "Add Ticket Comment by External ID",
        (
            "external_id! content! is_internal=boolean is_resolution=boolean author_id:user "
            "contact_id:contact"
        ),
    ),
    "changeTicketStatusByExternalId": (
        "ticket",
        "Change Ticket Status by External ID",
        "external_id! status_id!:ticket_status board_id:board",
    ),
    "upsertClientByExternalId": (
        "client",
        "Upsert Client by External ID",
        (
            "external_id! client_name! client_type=company|individual url phone_no email address "
            "address_2 city state zip country default_currency_code notes is_inactive=boolean "
            "properties=json"
        ),
    ),
    "setClientActiveByExternalId": (
        "client",
        "Set Client Active by External ID",
        "external_id! active!=boolean",
    ),
    "upsertContactByExternalId": (
        "contact",
        "Upsert Contact by External ID",
        (
            "external_id! full_name! email! client_id:client client_external_id role notes phone "
            "is_inactive=boolean"
        ),
    ),
    "upsertAssetByExternalId": (
        "asset",
        "Upsert Asset by External ID",
        (
            "external_id! client_id:client client_external_id asset_type name asset_tag "
            "serial_number status location external_scope_id rmm_snapshot=json"
        ),
    ),
    "markInvoicePaidByExternalId": (
        "invoice",
        "Mark Invoice Paid by External ID",
        "external_id! paid_at payment_reference",
    ),
    "updateInvoiceStatusByExternalId": (
        "invoice",
        "Update Invoice Status by External ID",
        (
            "external_id! "
            "status!=draft|sent|paid|overdue|cancelled|pending|prepayment|partially_applied"
        ),
    ),
    "createTimeEntry": (
        "time_entry",
        "Create Time Entry",
        (
            "user_id!:user "
            "work_item_type!=ticket|project_task|non_billable_category|ad_hoc|interaction "
            "work_item_id:work_item service_id!:service start_time! duration_minutes!=int notes "
            "is_billable=boolean tax_region external_id"
        ),
    ),
    "createProjectTask": (
        "project_task",
        "Create Project Task",
        (
            "project_id:project project_external_id phase_id:project_phase "
            "project_status_mapping_id:project_status_mapping task_name! description "
            "assigned_to:user estimated_hours=number due_date priority_id:priority task_type_key "
            "service_id:service external_id"
        ),
    ),
    "updateProjectTaskStatusByExternalId": (
        "project_task",
        "Update Project Task Status by External ID",
        "external_id! project_status_mapping_id!:project_status_mapping",
    ),
    "addTagToEntityByExternalId": (
        "tag",
        "Add Tag to Entity by External ID",
        (
            "entity_type!=client|contact|ticket|project|project_task external_id! tag_text! "
            "background_color text_color created_by:user"
        ),
    ),
}


def _as_written(field: Mapping[str, Any]) -> str:
    kind = {
        "string": "",
        "ref": f":{field.get('ref_entity_type')}",
        "enum": "=" + "|".join(field.get("enum_values", ())),
    }.get(field["type"], f"={field['type']}")
    return f"{field['name']}{'!' if field['required'] else ''}{kind}"


@pytest.mark.parametrize("name", _ACTIONS)
def test_action_has_its_fields(name: str) -> None:
    """All of them, and no other: mappings that were saved go on meaning the same."""
    found = {item["name"]: item for item in build_registry().definitions()}[name]
    entity_type, display_name, fields = _ACTIONS[name]
    assert (found["entity_type"], found["display_name"]) == (entity_type, display_name)
    assert sorted(map(_as_written, found["target_fields"])) == sorted(fields.split())


def test_nothing_else_is_bundled_but_forward() -> None:
    """Fourteen actions on the PSA store, and one that leaves it."""
    assert {item["name"] for item in build_registry().definitions()} == {*_ACTIONS, "forward"}
