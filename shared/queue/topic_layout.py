"""What the topic of deliveries has to be, and which settings would break a promise. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from aiokafka.codec import has_lz4, has_snappy, has_zstd

from shared.settings import Settings
from shared.wire.delivery_v1 import LARGEST_RECORD_BYTES

_HOUR_MS = 3_600_000
#: Kafka's way of saying without limit.
_UNLIMITED = -1


class SettingFault(NamedTuple):
    """A setting of a topic that breaks a promise."""

    name: str
    found: str
    wanted: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name} is {self.found}, wanted is {self.wanted}: {self.reason}"


@dataclass(frozen=True, slots=True)
class TopicState:
    """What a cluster says of a topic."""

    partitions: int
    #: Copies of the partition that has fewest.
    replication_factor: int
    configs: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicLayout:
    """What is wanted of a topic; more of each is no fault."""

    partitions: int = 12
    replication_factor: int = 1
    min_insync_replicas: int = 1
    retention_hours: int = 168

    def configs(self) -> dict[str, str]:
        """Return the settings with which a topic is created."""
        return {
            "cleanup.policy": "delete",
            "compression.type": "producer",
            "max.message.bytes": str(LARGEST_RECORD_BYTES * 2),
            # By CreateTime brokers refuse the records of a program whose clock is an hour ahead.
            "message.timestamp.type": "LogAppendTime",
            "min.insync.replicas": str(self.min_insync_replicas),
            "retention.bytes": str(_UNLIMITED),
            "retention.ms": str(self.retention_hours * _HOUR_MS),
            "unclean.leader.election.enable": "false",
        }

    def faults(self, state: TopicState) -> list[SettingFault]:
        """Return every setting that would break a promise."""
        found = [
            *self._size_faults(state),
            self._insync_fault(state),
            self._retention_fault(state.configs),
            *_config_faults(state.configs),
        ]
        return [fault for fault in found if fault is not None]

    def _size_faults(self, state: TopicState) -> list[SettingFault]:
        sizes = (
            ("partitions", state.partitions, self.partitions, "they bound what is sent at a time"),
            (
                "replication factor",
                state.replication_factor,
                self.replication_factor,
                "the loss of brokers would stop the queue or empty it",
            ),
        )
        return [
            SettingFault(name, str(found), f"{wanted} or more", reason)
            for name, found, wanted, reason in sizes
            if found < wanted
        ]

    def _insync_fault(self, state: TopicState) -> SettingFault | None:
        name = "min.insync.replicas"
        found = int(state.configs[name])
        if found < self.min_insync_replicas:
            reason = "what counts as sent could be on too few brokers"
            return SettingFault(name, str(found), f"{self.min_insync_replicas} or more", reason)
        if found > state.replication_factor:
            reason = "there are not as many copies, so that nothing could be sent"
            return SettingFault(name, str(found), f"{self.min_insync_replicas}", reason)
        return None

    def _retention_fault(self, configs: Mapping[str, str]) -> SettingFault | None:
        wanted = self.retention_hours * _HOUR_MS
        found = int(configs["retention.ms"])
        if found == _UNLIMITED or found >= wanted:
            return None
        reason = "deliveries would be deleted unread in an outage of workers"
        return SettingFault("retention.ms", str(found), f"{wanted} or more", reason)


def layout_of(settings: Settings) -> TopicLayout:
    """Return what a program's settings want of the topic."""
    return TopicLayout(
        partitions=settings.kafka_partitions,
        replication_factor=settings.kafka_replication_factor,
        min_insync_replicas=settings.kafka_min_insync_replicas,
        retention_hours=settings.kafka_retention_hours,
    )


def mending_command(fault: SettingFault, *, bootstrap: str, topic: str) -> str:
    """Return the command of Kafka's own tools that mends a fault."""
    value = fault.wanted.split()[0]
    if fault.name == "replication factor":
        return (
            f"kafka-reassign-partitions.sh --bootstrap-server {bootstrap} --execute "
            f"--reassignment-json-file <{value} replicas for each partition of {topic}>"
        )
    if fault.name == "partitions":
        return (
            f"kafka-topics.sh --bootstrap-server {bootstrap} --alter --topic {topic} "
            f"--partitions {value}"
        )
    return (
        f"kafka-configs.sh --bootstrap-server {bootstrap} --alter --entity-type topics "
        f"--entity-name {topic} --add-config {fault.name}={value}"
    )


def _config_faults(configs: Mapping[str, str]) -> list[SettingFault | None]:
    return [
        _unless(configs, "cleanup.policy", {"delete"}, "compaction would delete deliveries"),
        _unless(
            configs,
            "retention.bytes",
            {str(_UNLIMITED)},
            "a burst would delete deliveries unread, however young they are",
        ),
        _unless(
            configs,
            "message.timestamp.type",
            {"LogAppendTime"},
            "records of a program whose clock is off would be refused, or deleted early",
        ),
        _unless(
            configs,
            "unclean.leader.election.enable",
            {"false"},
            "a broker that lags could become the leader and lose what was sent",
        ),
        _unless(
            configs,
            "compression.type",
            _readable_compressions(),
            "workers cannot read the others: they need the package cramjam",
        ),
        _message_fault(configs),
    ]


def _unless(
    configs: Mapping[str, str], name: str, wanted: set[str], reason: str
) -> SettingFault | None:
    found = configs[name]
    if found in wanted:
        return None
    # The plainest first: it is the one that a mending command names.
    named = sorted(wanted, key=lambda value: (value != "producer", value))
    return SettingFault(name, found, " or ".join(named), reason)


def _readable_compressions() -> set[str]:
    optional = {"snappy": has_snappy(), "lz4": has_lz4(), "zstd": has_zstd()}
    return {"producer", "uncompressed", "gzip", *(name for name, has in optional.items() if has)}


def _message_fault(configs: Mapping[str, str]) -> SettingFault | None:
    found = int(configs["max.message.bytes"])
    if found >= LARGEST_RECORD_BYTES:
        return None
    reason = "the largest deliveries would be refused"
    wanted = f"{LARGEST_RECORD_BYTES} or more"
    return SettingFault("max.message.bytes", str(found), wanted, reason)
