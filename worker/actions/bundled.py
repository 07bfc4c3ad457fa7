"""The modules of the bundled actions."""

from types import ModuleType

from worker.actions import (
    assets,
    clients,
    contacts,
    forward,
    invoices,
    project_tasks,
    tags,
    ticket_comments,
    tickets,
    time_entries,
)

BUNDLED: tuple[ModuleType, ...] = (
    assets,
    clients,
    contacts,
    forward,
    invoices,
    project_tasks,
    tags,
    ticket_comments,
    tickets,
    time_entries,
)
