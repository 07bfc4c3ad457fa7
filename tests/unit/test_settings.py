"""Settings: typed, complete, masked, every fault at once."""

from dataclasses import dataclass
from typing import ClassVar

import pytest

from shared.errors import ConfigurationError
from shared.settings import Secret, Settings, describe, load, setting

GOOD = {"POSTERN_DATABASE_URL": "postgresql:///x", "POSTERN_MASTER_KEYS": "k:abc"}


@dataclass(frozen=True, kw_only=True)
class WidgetSettings(Settings):
    """Settings of a made-up program."""

    prefix: ClassVar[str] = "POSTERN_WIDGET_"

    count: int = setting("How many.", default=3)
    ratio: float = setting("How much.", default=0.5)
    verbose: bool = setting("Whether to talk.", default=False)
    networks: tuple[str, ...] = setting("Which.", default=())
    label: str | None = setting("Called what.", default=None)


def faults_of(environ: dict[str, str]) -> tuple[str, ...]:
    """Return the faults that loading reports."""
    with pytest.raises(ConfigurationError) as caught:
        load(WidgetSettings, environ)
    return caught.value.faults


def test_load_takes_types_from_the_fields() -> None:
    """Each variable becomes a value of its field's type, defaults fill the rest."""
    loaded = load(
        WidgetSettings,
        {
            **GOOD,
            "POSTERN_WIDGET_COUNT": "7",
            "POSTERN_WIDGET_VERBOSE": "TRUE",
            "POSTERN_WIDGET_NETWORKS": "10.0.0.0/8, ::1/128,",
            "POSTERN_WIDGET_LABEL": "blue",
        },
    )
    assert (loaded.count, loaded.ratio, loaded.verbose) == (7, 0.5, True)
    assert loaded.networks == ("10.0.0.0/8", "::1/128")
    assert loaded.label == "blue"
    assert loaded.queue_url == "postgres:"


def test_load_reports_all_faults_at_once() -> None:
    """A missing, an unknown and two malformed variables are all in one error, by name."""
    faults = faults_of(
        {
            "POSTERN_MASTER_KEYS": "k:abc",
            "POSTERN_WIDGET_COUNT": "many",
            "POSTERN_WIDGET_VERBOSE": "yes",
            "POSTERN_WIDGET_COLOUR": "red",
        }
    )
    assert sorted(fault.partition(":")[0] for fault in faults) == [
        "POSTERN_DATABASE_URL",
        "POSTERN_WIDGET_COLOUR",
        "POSTERN_WIDGET_COUNT",
        "POSTERN_WIDGET_VERBOSE",
    ]


def test_load_leaves_other_programs_settings_alone() -> None:
    """Variables of other programs and of other software are none of this one's business."""
    load(WidgetSettings, {**GOOD, "POSTERN_GATEWAY_PORT": "1", "PATH": "/bin"})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("POSTERN_QUEUE_URL", "redis://localhost"),
        ("POSTERN_LOG_LEVEL", "loud"),
        ("POSTERN_LOG_FORMAT", "xml"),
    ],
)
def test_load_refuses_a_value_that_no_program_knows(variable: str, value: str) -> None:
    """A value outside its few choices is refused under the variable's name."""
    assert [fault.partition(":")[0] for fault in faults_of({**GOOD, variable: value})] == [
        variable
    ]


def test_describe_masks_secrets() -> None:
    """Effective values are shown by variable, secrets only as stars."""
    shown = describe(load(WidgetSettings, GOOD))
    assert shown["POSTERN_WIDGET_COUNT"] == "3"
    assert shown["POSTERN_DATABASE_URL"] == shown["POSTERN_MASTER_KEYS"] == "***"


def test_secret_shows_itself_to_reveal_alone() -> None:
    """Neither repr nor str nor an enclosing repr gives a secret away."""
    secret = Secret("hunter2-hunter2")
    assert "hunter2" not in f"{secret!r} {secret} {load(WidgetSettings, GOOD)!r}"
    assert secret.reveal() == "hunter2-hunter2"
    assert secret == Secret("hunter2-hunter2")
    assert len({secret, Secret("hunter2-hunter2"), Secret("other")}) == 2
    assert secret != "hunter2-hunter2"


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"SECURITY_PROTOCOL": "TLS"}, ["SECURITY_PROTOCOL"]),
        ({"SECURITY_PROTOCOL": "SASL_SSL"}, ["USERNAME", "PASSWORD"]),
        ({"SECURITY_PROTOCOL": "SASL_SSL", "SASL_MECHANISM": "GSSAPI"}, ["SASL_MECHANISM"]),
        (
            {"SECURITY_PROTOCOL": "SASL_SSL", "SASL_MECHANISM": "OAUTHBEARER"},
            ["USERNAME", "PASSWORD", "TOKEN_URL or POSTERN_KAFKA_TOKEN_FILE"],
        ),
        ({"KEY_FILE": "k.pem"}, ["KEY_FILE"]),
        ({"MIN_INSYNC_REPLICAS": "4"}, ["MIN_INSYNC_REPLICAS"]),
        ({"PARTITIONS": "0", "RETENTION_HOURS": "0"}, ["PARTITIONS", "RETENTION_HOURS"]),
    ],
)
def test_load_refuses_kafka_settings_that_cannot_work(
    environ: dict[str, str], named: list[str]
) -> None:
    """What a protocol or mechanism needs, and what contradicts itself, is told by name."""
    faults = faults_of({**GOOD, **{f"POSTERN_KAFKA_{name}": v for name, v in environ.items()}})
    assert [fault.partition(":")[0] for fault in faults] == [
        f"POSTERN_KAFKA_{name}" for name in named
    ]


def test_a_token_file_needs_no_user() -> None:
    """Whoever renews the file has the credentials."""
    load(
        WidgetSettings,
        {
            **GOOD,
            "POSTERN_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "POSTERN_KAFKA_SASL_MECHANISM": "OAUTHBEARER",
            "POSTERN_KAFKA_TOKEN_FILE": "token",
        },
    )
