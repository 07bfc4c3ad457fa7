"""Which tests go to the same process where several share them (``pytest -n``)."""

from xdist.scheduler import LoadScopeScheduling

#: Values of the parameters that name a running system, see tests/e2e/conftest.py.
_SYSTEMS = ("kafka", "postgres")


class ScopeScheduling(LoadScopeScheduling):  # type: ignore[misc] # published without types
    """Tests of one system go to one process, which starts it once; so do those of one file."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def scope_of(nodeid: str) -> str:
    """Return what a test shares with those that go where it goes."""
    file, _, test = nodeid.partition("::")
    if "e2e" in file.split("/"):
        for system in _SYSTEMS:
            if test.endswith((f"[{system}]", f"-{system}]")):
                return f"e2e on {system}"
    return file
