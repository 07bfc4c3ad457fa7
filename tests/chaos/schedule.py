"""Which fault hits what, and when: drawn from a seed alone, so that a run can be had again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from types import MappingProxyType

GATEWAYS = ("gateway-1", "gateway-2")
WORKERS = ("worker-1", "worker-2", "worker-3")
CONTROL_API = "control-api"
POSTGRES = "postgres"
KAFKA = "kafka"
#: The webhooks that are changed meanwhile, see ``tests/chaos/lanes.py``.
WEBHOOKS = ("steady", "ordered", "limited")

_PROGRAMS = (*GATEWAYS, *WORKERS, CONTROL_API)


def senders_link(gateway: str) -> str:
    """Return the name of the link between the senders and a gateway."""
    return f"senders-to-{gateway}"


def postgres_link(program: str) -> str:
    """Return the name of the link between a program and PostgreSQL."""
    return f"{program}-to-postgres"


KAFKA_LINK = "all-to-kafka"
LINKS = (*map(senders_link, GATEWAYS), *map(postgres_link, _PROGRAMS), KAFKA_LINK)


class FaultKind(StrEnum):
    """What is done to a target."""

    #: SIGKILL, and a start some time later.
    KILL = "kill"
    #: SIGTERM, or PostgreSQL's fast shutdown, and a start some time later.
    RESTART = "restart"
    #: SIGSTOP, and SIGCONT some time later.
    FREEZE = "freeze"
    #: Every connection of a link is reset.
    CUT = "cut"
    #: Every byte on a link comes late.
    DELAY = "delay"
    #: A link takes bytes and connections, and delivers nothing.
    SWALLOW = "swallow"
    #: A link takes no connections.
    REFUSE = "refuse"
    #: The broker's filesystem has no byte left.
    DISK_FULL = "disk_full"
    #: A stranger joins the workers' group, holds partitions, and leaves.
    REBALANCE = "rebalance"
    #: A record that is no delivery is put on the topic.
    GARBAGE = "garbage"
    #: A worker's wall clock jumps, and jumps back.
    CLOCK_JUMP = "clock_jump"
    #: A webhook's secret is rotated; its senders take the new one during the overlap.
    ROTATE = "rotate"
    #: A webhook's configuration is changed.
    CONFIGURE = "configure"


#: Per kind: what it can hit, and for how long, in seconds. Some freezes outlast a Kafka session.
_CHOICES: Mapping[FaultKind, tuple[Sequence[str], tuple[float, float]]] = MappingProxyType(
    {
        FaultKind.KILL: ((*_PROGRAMS, POSTGRES, KAFKA), (0.0, 2.5)),
        FaultKind.RESTART: ((*GATEWAYS, *WORKERS, POSTGRES, KAFKA), (0.0, 1.5)),
        FaultKind.FREEZE: ((*_PROGRAMS, POSTGRES, KAFKA), (0.5, 9.0)),
        FaultKind.CUT: (LINKS, (0.0, 0.0)),
        FaultKind.DELAY: (LINKS, (1.0, 5.0)),
        FaultKind.SWALLOW: (LINKS, (0.5, 6.0)),
        FaultKind.REFUSE: (LINKS, (0.5, 4.0)),
        FaultKind.DISK_FULL: ((KAFKA, KAFKA), (1.0, 3.0)),
        FaultKind.REBALANCE: ((KAFKA_LINK,) * 4, (0.5, 4.0)),
        FaultKind.GARBAGE: ((KAFKA_LINK,) * 3, (0.0, 0.0)),
        FaultKind.CLOCK_JUMP: (WORKERS, (1.0, 8.0)),
        FaultKind.ROTATE: (WEBHOOKS, (0.0, 0.0)),
        FaultKind.CONFIGURE: (WEBHOOKS, (0.0, 0.0)),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong."""

    number: int
    #: Seconds from the beginning of the traffic to its injection; it waits for its target if an
    #: earlier fault still has it.
    at: float
    kind: FaultKind
    target: str
    #: From the injection to its end.
    seconds: float
    #: What else the kind needs, from 0 to 1: a latency, the length and direction of a jump.
    strength: float

    def __str__(self) -> str:
        what = f"{self.kind} {self.target} for {self.seconds:.1f} s"
        return f"#{self.number} {self.at:7.1f} s {what}"


def draw_schedule(seed: int, *, fault_count: int, seconds: float) -> list[Fault]:
    """Return the faults of a run, spread evenly with some chance over its time.

    Every kind hits every target once before any does so again.
    """
    chance = Random(seed)
    pairs = _pairs(chance)
    faults = []
    for number in range(fault_count):
        kind, target = next(pairs)
        _, bounds = _CHOICES[kind]
        faults.append(
            Fault(
                number=number,
                at=(number + chance.random()) * seconds / max(fault_count, 1),
                kind=kind,
                target=target,
                seconds=chance.uniform(*bounds),
                strength=chance.random(),
            )
        )
    return faults


def _pairs(chance: Random) -> Iterator[tuple[FaultKind, str]]:
    deck = [(kind, target) for kind, (targets, _) in _CHOICES.items() for target in targets]
    while True:
        chance.shuffle(deck)
        yield from deck
