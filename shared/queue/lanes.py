"""Which partitions serve which deliveries, so that one tenant's crowd does not stand in front.

Pure. The partitions of the topic are split into lanes by number, the same way everywhere:

* plain: deliveries without an ordering key, of every tenant that sends no more than its share;
* ordered: deliveries with an ordering key, which may have to wait for an earlier one of their key;
* crowded: deliveries without a key of tenants that send far more than the others.

A worker takes from the crowded lane only a part of what it has in hand, and from plain first.
"""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

#: Below as many partitions, lanes of their own would leave workers without work.
_FEWEST_PARTITIONS = 4

#: What a tenant may have sent lately, whatever the others do: about 50 to 100 a second.
_ALWAYS_ALLOWED = 100.0
#: Times the mean of the other tenants from which on a tenant is a crowd.
_CROWD_FACTOR = 4.0
_HALF_LIFE_SECONDS = 1.0
#: A tenant with less is forgotten: it has sent nothing for some seconds.
_LEAST_COUNT = 0.5


class Lanes(NamedTuple):
    """Partitions by lane."""

    plain: Sequence[int]
    ordered: Sequence[int]
    crowded: Sequence[int]


def lanes_of(partitions: Sequence[int]) -> Lanes:
    """Return the lanes of sorted partitions: a quarter each for ordered and crowded ones."""
    count = len(partitions)
    if count < _FEWEST_PARTITIONS:
        return Lanes(partitions, partitions, partitions)
    quarter = count // 4
    plain = count - 2 * quarter
    return Lanes(
        partitions[:plain], partitions[plain : plain + quarter], partitions[plain + quarter :]
    )


class CrowdWatch:
    """Counts what each tenant sent lately, and tells who sends far more than the others."""

    def __init__(self, now: float) -> None:
        self._counts: dict[Hashable, float] = {}
        self._total = 0.0
        self._halve_at = now + _HALF_LIFE_SECONDS

    def note(self, tenant: Hashable, now: float) -> bool:
        """Note one delivery; tell whether its tenant crowds. A tenant that is alone never does."""
        if now >= self._halve_at:
            self._halve(now)
        count = self._counts[tenant] = self._counts.get(tenant, 0.0) + 1.0
        self._total += 1.0
        others = len(self._counts) - 1
        return (
            count > _ALWAYS_ALLOWED
            and others > 0
            and count * others > _CROWD_FACTOR * (self._total - count)
        )

    def _halve(self, now: float) -> None:
        part = 0.5 ** ((now - self._halve_at) // _HALF_LIFE_SECONDS + 1)
        self._counts = {
            tenant: count * part
            for tenant, count in self._counts.items()
            if count * part >= _LEAST_COUNT
        }
        self._total = sum(self._counts.values())
        self._halve_at = now + _HALF_LIFE_SECONDS
