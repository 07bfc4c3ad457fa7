"""Documents and paths through them, drawn so that most paths find something.

Drawn from a seed: Hypothesis's own recursive strategies rarely nest objects in arrays deep enough
for a path to meet them, and take ten times as long.
"""

from random import Random

NAMES = [
    *("a", "b", "id", "_x9", "and", "or", "in", "true", "false", "null", "function", "λ"),
    *("", " ", "a b", "a.b", "0", "7", "$", "$x", "*", "**", "%", "été", "\x00", "a\x00", "'"),
]
SCALARS = [
    *(None, True, False, 0, -1, 7, 2**53, 2**53 + 1, -(2**53) - 1, 2**63, 2**64 - 1, -(2**63)),
    *(0.0, -0.0, 1.0, 0.5, 1e22, -1.5e300, 5e-324),
    *("", "a", "null", "été", "\x00", "\U0001f600", "'\"\\", "line\nline"),
]
_BARE = frozenset({"a", "b", "id", "_x9", "and", "true", "été", "function"})


def draw_document(random: Random) -> object:
    """Return a document; its root is an object nine times in ten."""
    return _value(random, 0) if random.random() < 0.1 else _object(random, 0)


def draw_path(random: Random, document: object) -> str:
    """Return a path that mostly follows what the document has, or goes one step beyond."""
    steps: list[str] = []
    value = document
    while len(steps) < 5 and (not steps or random.random() < 0.8):
        while isinstance(value, list) and value:
            value = random.choice(value)
        if not isinstance(value, dict) or not value or random.random() < 0.1:
            steps.append(random.choice(NAMES))
            break
        name = random.choice(list(value))
        steps.append(name)
        value = value[name]
    root = ["$"] if random.random() < 0.1 else []
    return ".".join(root + [_written(random, name) for name in steps])


def _written(random: Random, name: str) -> str:
    return name if name in _BARE and random.random() < 0.7 else f"`{name}`"


def _value(random: Random, depth: int) -> object:
    kind = random.random()
    if depth < 4 and kind < 0.45:
        return _object(random, depth)
    if depth < 4 and kind < 0.65:
        return [_value(random, depth + 1) for _ in range(random.choice([0, 1, 1, 2, 3]))]
    return random.choice(SCALARS)


def _object(random: Random, depth: int) -> object:
    names = random.sample(NAMES, random.choice([0, 1, 2, 3, 5]))
    return {name: _value(random, depth + 1) for name in names}
