"""Project tasks of the PSA store."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.database.queries import Queries
from shared.psa.store import Store, Values

_QUERIES = Queries(__package__, "project_tasks.sql")

#: Columns that an action may write, with what a new task starts with.
TASK_DEFAULTS: dict[str, Any] = {
    "project_id": None,
    "phase_id": None,
    "project_status_mapping_id": None,
    "task_name": None,
    "description": None,
    "assigned_to": None,
    "estimated_hours": None,
    "due_date": None,
    "priority_id": None,
    "task_type_key": "task",
    "service_id": None,
}


@dataclass(frozen=True, slots=True)
class TaskPlacement:
    """Where a task belongs within a project."""

    #: The phase that is asked for, or the first of the project.
    phase_id: UUID | None
    #: The project of that phase.
    phase_project_id: UUID | None
    #: The status that is asked for where the task may have it, or the one to begin with.
    project_status_mapping_id: UUID | None


class ProjectTasks:
    """Reads and writes project tasks on a delivery's transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def lock(self, task_id: UUID) -> Values | None:
        """Return a task, locked until the transaction ends."""
        return await self._store.find(_QUERIES["lock"], task_id)

    async def find_placement(self, task: Values) -> TaskPlacement:
        """Return where a task belongs, given its project and, perhaps, its phase and status."""
        row = await self._store.find(
            _QUERIES["find_placement"],
            *(task[name] for name in ("project_id", "phase_id", "project_status_mapping_id")),
        )
        return TaskPlacement(**(row or {}))

    async def insert(self, task_id: UUID, values: Values) -> str:
        """Insert a task under its phase's next number; return its place in the work breakdown."""
        row = await self._store.write(
            _QUERIES["insert"], task_id, values, event_name="project_task.created"
        )
        wbs_code: str = row["wbs_code"]
        return wbs_code

    async def update(self, task_id: UUID, changes: Values) -> None:
        """Change a task's status."""
        await self._store.write(
            _QUERIES["update"], task_id, changes, event_name="project_task.status_changed"
        )
