"""The workflows that a worker can carry on."""

from shared.ledger.catalog import WorkflowDefinition
from worker.extensions import Extensions
from worker.workflows.definition import Workflow


class WorkflowRegistry(Extensions[Workflow]):
    """Workflows by name."""

    def __init__(self) -> None:
        super().__init__(Workflow)

    def definitions(self) -> list[WorkflowDefinition]:
        """Return every workflow as the catalogue shows it: name, description and body schema."""
        return [
            {
                "name": item.name,
                "description": item.description,
                "body_schema": None if item.body is None else item.body.model_json_schema(),
            }
            for item in self.items()
        ]
