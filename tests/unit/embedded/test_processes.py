"""What is asked of the kernel about processes."""

import os

from shared.embedded.processes import children_of, is_alive, wait_until


def test_is_alive() -> None:
    """This process lives; one beyond the largest number does not."""
    assert is_alive(os.getpid())
    assert not is_alive(2**22 + 1)


def test_children_of_a_process_that_is_gone() -> None:
    """A process that ended meanwhile has no children, and that is no error."""
    assert children_of(2**22 + 1) == []


def test_wait_until_gives_up() -> None:
    """A condition that never holds ends the wait with False, one that holds with True."""
    assert wait_until(lambda: True, timeout_seconds=0)
    assert not wait_until(lambda: False, timeout_seconds=0)
