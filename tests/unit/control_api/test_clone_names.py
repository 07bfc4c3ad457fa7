"""Names of copies."""

from hypothesis import given
from hypothesis import strategies as st

from control_api.clone_names import clone_name, clone_slug, slug_stem
from shared.domain.webhook import SLUG_PATTERN


def test_name_when_it_is_long() -> None:
    """The longest name leaves room for its end."""
    assert clone_name("x" * 255) == "x" * 248 + " (copy)"


@given(st.from_regex(SLUG_PATTERN, fullmatch=True), st.integers(0, 20))
def test_slug_when_others_are_taken(slug: str, count: int) -> None:
    """A copy's slug is a slug, and none that is taken; all copies of one have the same stem."""
    taken: list[str] = []
    for _ in range(count):
        taken.append(clone_slug(slug, taken))
    assert len(set(taken)) == count
    assert all(SLUG_PATTERN.fullmatch(made) for made in taken)
    assert all(made.startswith(slug_stem(slug)) for made in taken)
