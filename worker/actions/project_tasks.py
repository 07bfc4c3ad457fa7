"""Project task actions."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from shared.domain.identifiers import uuid7
from shared.psa.project_tasks import TASK_DEFAULTS, ProjectTasks, TaskPlacement
from shared.psa.store import Values
from worker.actions.changes import differing, given
from worker.actions.context import ActionContext, ActionResult
from worker.actions.fields import (
    ActionFields,
    ExternalId,
    Lookup,
    Moment,
    Name,
    Number,
    PriorityRef,
    ProjectPhaseRef,
    ProjectRef,
    ProjectStatusRef,
    Prose,
    ServiceRef,
    ShortText,
    UserRef,
)
from worker.actions.lookup import (
    claim_external_id,
    external_id_miss,
    find_mapped,
    invalid,
    reference_fault,
)
from worker.actions.registry import ActionOutcome, action
from worker.outcome import Reject

ENTITY_TYPE = "project_task"


class CreateProjectTask(ActionFields):
    """A new task."""

    project_id: ProjectRef | None = Field(
        None, description="The project; this or project_external_id is needed."
    )
    project_external_id: (
        Annotated[
            ExternalId,
            Lookup(
                entity_type="project", on_found="use", on_missing="reject", unless="project_id"
            ),
        ]
        | None
    ) = Field(
        None, description="The sender's id of the project; used where project_id is not mapped."
    )
    phase_id: ProjectPhaseRef | None = Field(
        None, description="A phase of the project; else the first by its work breakdown."
    )
    project_status_mapping_id: ProjectStatusRef | None = Field(
        None,
        description="A status of the project or of all projects; else the first of the phase, "
        "of the project, or of all projects.",
    )
    task_name: Name = Field(description="Name.")
    description: Prose | None = Field(None, description="What is to be done.")
    assigned_to: UserRef | None = Field(None, description="The user who is to do it.")
    estimated_hours: Annotated[Number, Field(ge=0, le=1_000_000)] | None = Field(
        None, description="How many hours it may take."
    )
    due_date: Moment | None = Field(
        None, description="When it is due, in ISO 8601; UTC where no zone is told."
    )
    priority_id: PriorityRef | None = Field(None, description="Its priority.")
    task_type_key: ShortText | None = Field(default="task", description="Its type.")
    service_id: ServiceRef | None = Field(None, description="The service that it is.")
    external_id: (
        Annotated[
            ExternalId, Lookup(entity_type="project_task", on_found="reject", on_missing="create")
        ]
        | None
    ) = Field(None, description="The sender's id of the task, by which other actions find it.")


@action(
    "createProjectTask",
    entity_type=ENTITY_TYPE,
    display_name="Create Project Task",
    description="Create a task in a phase of a project. An external id that already stands for a "
    "task is a conflict.",
)
async def create_project_task(ctx: ActionContext, fields: CreateProjectTask) -> ActionOutcome:
    """Create a task."""
    task_id = uuid7()
    project_id = await _project_id(ctx, fields)
    if isinstance(project_id, Reject):
        return project_id
    fault = await claim_external_id(ctx, ENTITY_TYPE, fields.external_id, task_id)
    if fault := fault or await reference_fault(ctx, fields, _project(fields, project_id)):
        return fault
    task = {**TASK_DEFAULTS, **given(fields, TASK_DEFAULTS), "project_id": project_id}
    tasks = ProjectTasks(ctx.store)
    placement = await tasks.find_placement(task)
    if fault := _placement_fault(task, placement):
        return fault
    task["phase_id"] = placement.phase_id
    task["project_status_mapping_id"] = placement.project_status_mapping_id
    wbs_code = await tasks.insert(task_id, task)
    return ActionResult(
        entity_type=ENTITY_TYPE,
        entity_id=task_id,
        external_id=fields.external_id,
        message=f"task {wbs_code} created",
        metadata={
            "phase_id": str(task["phase_id"]),
            "project_status_mapping_id": str(task["project_status_mapping_id"]),
        },
    )


async def _project_id(ctx: ActionContext, fields: CreateProjectTask) -> UUID | Reject:
    """Return the project that the delivery names by either id."""
    if fields.project_id is not None:
        return fields.project_id
    external_id = fields.project_external_id
    if external_id is None:
        return invalid("project_id", "or project_external_id is needed")
    project_id = await ctx.mappings.find(ctx.external_key("project", external_id))
    return project_id or external_id_miss(
        ctx, field="project_external_id", entity_type="project", external_id=external_id
    )


def _project(fields: CreateProjectTask, project_id: UUID) -> dict[str, tuple[str, UUID]]:
    """Return the reference to a project that came by the sender's id."""
    if fields.project_id is not None:
        return {}
    return {"project_external_id": ("project", project_id)}


def _placement_fault(task: Values, placement: TaskPlacement) -> Reject | None:
    """Return the fault of a phase or status that is not the project's."""
    project_id, status_id = task["project_id"], task["project_status_mapping_id"]
    if placement.phase_id is None:
        return invalid("phase_id", f"is needed: the project {project_id} has no phases")
    if placement.phase_project_id != project_id:
        return invalid("phase_id", f"{task['phase_id']} is no phase of the project {project_id}")
    if placement.project_status_mapping_id is None:
        reason = f"{status_id} is no status" if status_id else "is needed: there is no status"
        return invalid(
            "project_status_mapping_id",
            f"{reason} of the phase {placement.phase_id} of the project {project_id}",
        )
    return None


class UpdateProjectTaskStatus(ActionFields):
    """A task's next status."""

    external_id: Annotated[
        ExternalId, Lookup(entity_type="project_task", on_found="update", on_missing="reject")
    ] = Field(description="The sender's id of the task.")
    project_status_mapping_id: ProjectStatusRef = Field(
        description="A status of the task's phase, of its project, or of all projects."
    )


@action(
    "updateProjectTaskStatusByExternalId",
    entity_type=ENTITY_TYPE,
    display_name="Update Project Task Status by External ID",
    description="Give the task that the external id stands for another status.",
)
async def update_project_task_status(
    ctx: ActionContext, fields: UpdateProjectTaskStatus
) -> ActionOutcome:
    """Change a task's status."""
    tasks = ProjectTasks(ctx.store)
    found = await find_mapped(ctx, ENTITY_TYPE, fields.external_id, tasks.lock)
    if isinstance(found, Reject):
        return found
    if fault := await reference_fault(ctx, fields):
        return fault
    wanted = {"project_status_mapping_id": fields.project_status_mapping_id}
    changes: dict[str, Any] = differing(found.row, wanted)
    if changes:
        task = {**found.row, **wanted}
        if fault := _placement_fault(task, await tasks.find_placement(task)):
            return fault
        await tasks.update(found.entity_id, changes)
    return ActionResult(
        entity_type=ENTITY_TYPE,
        entity_id=found.entity_id,
        external_id=fields.external_id,
        message="task has the status",
        metadata={"project_status_mapping_id": str(fields.project_status_mapping_id)},
    )
