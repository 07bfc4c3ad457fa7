"""For authors of workflows: see ``docs/workflows.md``."""

from worker.workflows.definition import Envelope, Workflow, workflow
from worker.workflows.steps import Step, StepFailed, sleep, step, step_key

__all__ = [
    "Envelope",
    "Step",
    "StepFailed",
    "Workflow",
    "sleep",
    "step",
    "step_key",
    "workflow",
]
