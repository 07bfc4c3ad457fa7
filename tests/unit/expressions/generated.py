"""Documents and texts over them, drawn so that most paths find something.

Drawn from a seed: Hypothesis's own recursive strategies rarely nest objects in arrays deep enough
for a path to meet them, and take ten times as long.
"""

from random import Random

NAMES = [
    *("a", "b", "id", "_x9", "and", "or", "in", "true", "false", "null", "function", "λ"),
    *("", " ", "a b", "a.b", "0", "7", "$", "$x", "*", "**", "%", "été", "\x00", "a\x00", "'"),
    *("length", "sequence", "keys", "__class__", "get", "items", "A", "a-b", "\U0001f600", "\\"),
]
SCALARS = [
    *(
        None,
        None,
        None,
        True,
        False,
        0,
        -1,
        7,
        2**53,
        2**53 + 1,
        -(2**53) - 1,
        2**63,
        2**64 - 1,
        -(2**63),
    ),
    *(0.0, -0.0, 1.0, 0.5, 1e22, -1.5e300, 5e-324),
    *("", "a", "null", "été", "\x00", "\U0001f600", "'\"\\", "line\nline"),
]
_BARE = frozenset({"a", "b", "id", "_x9", "and", "true", "été", "function", "length", "A", "get"})
_STRING_PARTS = [*"ab.'\"$`", " ", "é", "\n", "\\n", "\\\\", "\\/", "\\'", '\\"', "\\u0041", "\\"]
_WORDS = ["$", "$$", "true", "false", "null", "and", "in", "or", "undefined", "$.$", "$$.a", "%"]
_NOISE = [*" \t\n.`'\"$*%[]()&-+", "/**/", "..", "[]", "[0]", "$.", ".$", "\u00a0", "\ufeff"]


def draw_document(random: Random) -> object:
    """Return a document; its root is an object nine times in ten."""
    return _value(random, 0) if random.random() < 0.1 else _object(random, 0)


def draw_variant(random: Random, document: object, depth: int = 0) -> object:
    """Return a document like another, here and there with something else in its place."""
    if depth and random.random() < 0.12:
        return _replacement(random, document, depth)
    if isinstance(document, dict):
        return {
            name: draw_variant(random, item, depth + 1)
            for name, item in document.items()
            if random.random() > 0.05
        }
    if isinstance(document, list):
        return [draw_variant(random, item, depth + 1) for item in document]
    return document


def _replacement(random: Random, document: object, depth: int) -> object:
    kind = random.random()
    if kind < 0.25:
        return [document]
    if kind < 0.4:
        return [document, _value(random, depth)]
    if kind < 0.5 and isinstance(document, list) and document:
        return document[0]
    return _value(random, depth)


def draw_text(random: Random, document: object) -> str:
    """Return a path, a literal, or either with something odd in it."""
    kind = random.random()
    if kind < 0.8:
        text = draw_path(random, document)
    elif kind < 0.88:
        text = _string(random)
    elif kind < 0.96:
        text = _numeral(random)
    else:
        text = random.choice(_WORDS)
    if random.random() < 0.08:
        at = random.randrange(len(text) + 1)
        text = text[:at] + random.choice(_NOISE) + text[at:]
    return (
        random.choice(["", "", "", " ", "\n", "\t "]) + text + random.choice(["", "", " ", "\n"])
    )


def draw_path(random: Random, document: object) -> str:
    """Return a path that mostly follows what the document has, or goes one step beyond."""
    steps: list[str] = []
    value = document
    while len(steps) < 5 and (not steps or random.random() < 0.8):
        while isinstance(value, list) and value:
            value = random.choice(value)
        if random.random() < 0.05 or (not steps and not (isinstance(value, dict) and value)):
            steps.append(random.choice(NAMES))
            break
        if not isinstance(value, dict) or not value:
            break
        name = random.choice(list(value))
        steps.append(name)
        value = value[name]
    root = ["$"] if random.random() < 0.1 else []
    return ".".join(root + [_written(random, name) for name in steps])


def _written(random: Random, name: str) -> str:
    return name if name in _BARE and random.random() < 0.7 else f"`{name}`"


def _string(random: Random) -> str:
    quote = random.choice("'\"")
    inside = "".join(random.choices(_STRING_PARTS, k=random.randrange(6)))
    return quote + inside.replace(quote, "") + quote


def _numeral(random: Random) -> str:
    kind = random.random()
    if kind < 0.3:
        return str(random.randint(-20, 2 ** random.choice([4, 31, 53, 54, 64])))
    if kind < 0.6:
        return repr(random.uniform(-1, 1) * 10.0 ** random.randint(-20, 20))
    fraction = random.choice(["", ".0", ".50", ".125", ".1e2", "."])
    exponent = random.choice(["", "", "e3", "E-2", "e+15", "e16", "e400", "e-400"])
    return f"{random.choice(['', '-', '--', '0'])}{random.randint(0, 999)}{fraction}{exponent}"


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
