"""The modules of the bundled actions."""

from types import ModuleType

from worker.actions import assets, ticket_comments, tickets

BUNDLED: tuple[ModuleType, ...] = (assets, ticket_comments, tickets)
