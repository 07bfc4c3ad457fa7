"""What the embedded broker is started with."""

import base64

from shared.embedded.kafka import new_cluster_id


def test_cluster_id_is_never_taken_for_an_option() -> None:
    """It holds 16 bytes, and Kafka's tools do not see a leading dash."""
    ids = [new_cluster_id() for _ in range(2000)]
    assert len(set(ids)) == len(ids)
    assert not any(cluster_id.startswith("-") for cluster_id in ids)
    assert {len(base64.urlsafe_b64decode(cluster_id + "==")) for cluster_id in ids} == {16}
