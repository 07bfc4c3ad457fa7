"""``python -m tests.chaos``: the whole system under traffic and faults; 1 if a promise broke."""

import argparse
import secrets
import shutil
import sys
import time

from deploy.local.program import ROOT
from tests.chaos.run import Run, RunPlan


def main() -> int:
    """Return the exit status."""
    plan, only_show = _arguments()
    print(
        f"seed {plan.seed}: {plan.fault_count} faults, {plan.deliveries} deliveries at "
        f"{plan.per_second:g}/s"
    )
    if only_show:
        print("\n".join(map(str, plan.faults())))
        return 0
    directory = ROOT / ".postern" / "chaos" / f"seed-{plan.seed}-{secrets.token_hex(3)}"
    began = time.perf_counter()
    verdict = Run(directory, plan, _say).execute()
    print(verdict)
    print(f"seed {plan.seed} took {time.perf_counter() - began:.0f} s in all")
    if verdict.violations:
        (directory / "verdict.txt").write_text(
            "\n".join([str(verdict), "", *map(str, verdict.violations)])
        )
        print(f"logs and data are kept in {directory.relative_to(ROOT)}")
        return 1
    shutil.rmtree(directory, ignore_errors=True)
    return 0


def _arguments() -> tuple[RunPlan, bool]:
    parser = argparse.ArgumentParser(prog="tests.chaos", description=__doc__)
    parser.add_argument("--faults", type=int, default=120)
    parser.add_argument("--deliveries", type=int, default=20_000, help="events sent")
    parser.add_argument("--rate", type=float, default=80.0, help="events per second")
    parser.add_argument(
        "--workflows", type=float, default=0.0, help="share of the events that start a workflow"
    )
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same schedule")
    parser.add_argument("--show", action="store_true", help="print the schedule and stop")
    given = parser.parse_args()
    plan = RunPlan(
        seed=given.seed,
        fault_count=given.faults,
        deliveries=given.deliveries,
        per_second=given.rate,
        workflow_share=given.workflows,
    )
    return plan, given.show


def _say(words: str) -> None:
    print(words, flush=True)


if __name__ == "__main__":
    sys.exit(main())
