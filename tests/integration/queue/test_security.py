"""Admin, producer and consumer against a real broker that asks who is there."""

import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from shared.database.pool import SYSTEM_ROLE, Pool, create_pool
from shared.errors import QueueUnavailable
from shared.queue.connect import (
    GroupMember,
    connect_backlog,
    connect_consumer,
    connect_producer,
)
from shared.queue.security import KafkaSecurity
from shared.queue.topic_layout import TopicLayout
from shared.queue.topics import Topic
from shared.settings import Secret
from tests.contract.ledger import make_delivery
from tests.contract.queue_contract import delivery_of, receive_count
from tests.integration.queue.secured import (
    SecuredBroker,
    password_security,
    running_broker,
    write_certificates,
)
from tests.servers import jars_of

_LAYOUT = TopicLayout(partitions=4)
_WAYS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "TLS"]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    """A broker with a listener for each way."""
    with running_broker(tmp_path_factory.mktemp("secured"), jars_of("kafka")) as running:
        yield running


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool of the system role."""
    async with await create_pool(
        database_url, role=SYSTEM_ROLE, application_name="security-tests", size=2
    ) as opened:
        yield opened


@pytest.mark.parametrize("way", _WAYS)
async def test_every_client_proves_itself(broker: SecuredBroker, pool: Pool, way: str) -> None:
    """A topic is made and checked, a delivery sent and received, all in the same way."""
    bootstrap, security = broker.access(way)
    topic = Topic(bootstrap, f"secured-{uuid4().hex}", _LAYOUT, security)
    await topic.create()
    await topic.check()
    url = f"kafka://{bootstrap}"
    producer = connect_producer(url, topic=topic.name, pool=pool, security=security)
    sent = make_delivery(b"behind a door")
    await producer.send([sent])
    await producer.close()
    member = GroupMember(group_id=topic.name, security=security)
    consumer = connect_consumer(url, topic=topic.name, pool=pool, member=member)
    (receipt,) = await receive_count(consumer, 1)
    assert delivery_of(receipt) == sent
    await consumer.ack(receipt)
    await consumer.close()
    backlog = connect_backlog(url, topic=topic.name, member=member)
    assert await backlog.finished_seconds_ago() is not None


async def _refused(bootstrap: str, security: KafkaSecurity, pool: Pool) -> None:
    url = f"kafka://{bootstrap}"
    with pytest.raises(QueueUnavailable):
        await Topic(bootstrap, "any", _LAYOUT, security).check()
    producer = connect_producer(url, topic="any", pool=pool, security=security)
    with pytest.raises(QueueUnavailable):
        await producer.send([make_delivery()])
    member = GroupMember(group_id="any", security=security)
    consumer = connect_consumer(url, topic="any", pool=pool, member=member)
    with pytest.raises(QueueUnavailable):
        await consumer.receive(limit=1, wait_seconds=0.1)
    await consumer.close()


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
async def test_a_wrong_password_is_an_outage(
    broker: SecuredBroker, pool: Pool, mechanism: str
) -> None:
    """No client gets in; each says so as the queue's outage, and the program goes on."""
    await _refused(broker.sasl, password_security(mechanism, "another"), pool)


async def test_a_client_without_its_certificate_is_turned_away(
    broker: SecuredBroker, pool: Pool
) -> None:
    """Mutual TLS asks us too."""
    nobody = replace(broker.tls, certificate_file=None, key_file=None, key_password=None)
    await _refused(broker.mutual_tls, nobody, pool)


async def test_a_broker_of_another_authority_is_not_believed(
    broker: SecuredBroker, pool: Pool, tmp_path: Path
) -> None:
    """We ask the broker."""
    write_certificates(tmp_path)
    stranger = replace(broker.tls, ca_file=str(tmp_path / "ca.pem"))
    await _refused(broker.mutual_tls, stranger, pool)


async def test_the_name_of_a_broker_counts_unless_told_otherwise(broker: SecuredBroker) -> None:
    """A certificate for 127.0.0.1 does not prove localhost; without the check it does."""
    localhost = broker.mutual_tls.replace("127.0.0.1", "localhost")
    with pytest.raises(QueueUnavailable):
        await Topic(localhost, "any", _LAYOUT, broker.tls).create()
    lenient = replace(broker.tls, check_hostname=False)
    await Topic(localhost, f"lenient-{uuid4().hex}", _LAYOUT, lenient).create()


def test_a_key_that_stays_locked_is_told(broker: SecuredBroker) -> None:
    """A wrong or missing password of the key, or a missing file, never asks at the terminal."""
    for wrong in (
        replace(broker.tls, key_password=Secret("wrong")),
        replace(broker.tls, key_password=None),
        replace(broker.tls, certificate_file="nowhere.pem"),
    ):
        with pytest.raises(QueueUnavailable, match="certificates cannot be read"):
            wrong.client_options()


def test_brokers_are_verified_by_default(broker: SecuredBroker) -> None:
    """The context of a client asks for a certificate that names the host."""
    context = broker.tls.client_options()["ssl_context"]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
