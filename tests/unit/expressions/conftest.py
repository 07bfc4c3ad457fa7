"""A profile for a long run of the property tests: --hypothesis-profile million --timeout 0."""

from hypothesis import settings

settings.register_profile("million", max_examples=1_000_000, deadline=None)
