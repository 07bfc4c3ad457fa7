"""Conditional requests (RFC 9110 section 13): who changes what somebody else has changed is told.

The tag of a webhook is its version and, behind a hyphen, a digest of the whole answer: samples and
circuit breakers change without a new version. A change is held against the version alone; an
answer that the caller has is held against the whole tag.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request

from control_api.documentation import answering
from shared.errors import Conflict, Fault, InvalidInput

_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAGS = re.compile(rf"[ \t]*{_TAG}(?:[ \t]*,[ \t]*{_TAG})*[ \t]*")
_DIGEST_CHARACTERS = 16

_FORM = 'Use "*", or tags as they came in ETag, separated by commas'
_IF_MATCH = (
    "The ETag of an earlier answer: the change is made only if nobody has changed the webhook "
    "since. `*` or no header: it is made in any case."
)
_IF_NONE_MATCH = "The ETag of an earlier answer: 304 without a body where it is still the same."


class ChangedMeanwhile(Conflict):
    """Somebody else has changed it since it was read."""

    code = "precondition_failed"


def entity_tag(version: int, content: bytes) -> str:
    """Return the strong tag of a webhook's answer."""
    return f'"{version}-{hashlib.sha256(content).hexdigest()[:_DIGEST_CHARACTERS]}"'


@dataclass(frozen=True, slots=True)
class Precondition:
    """What the header If-Match of a change demands."""

    #: None: nothing, whether by ``*`` or without the header.
    tags: frozenset[str] | None

    def check(self, version: int) -> None:
        """Check that the caller has read this version.

        Raises:
            ChangedMeanwhile: The tags are of other versions, or weak.
        """
        if self.tags is None or str(version) in {_version_of(tag) for tag in self.tags}:
            return
        raise ChangedMeanwhile(
            f"somebody has changed it since you read it: it has version {version} by now; read it "
            "again, and make your change on that"
        )


def _version_of(tag: str) -> str | None:
    """Return the version in a tag; weak ones say nothing about equality (section 13.1.1)."""
    return None if tag.startswith("W/") else tag.strip('"').partition("-")[0]


def parse_tags(lines: list[str], *, header: str) -> frozenset[str] | None:
    """Return the tags of all the lines of a header; None for ``*`` and for no line.

    Raises:
        InvalidInput: It is neither.
    """
    value = ",".join(lines)
    if value.strip() in {"", "*"}:
        return None
    if not _TAGS.fullmatch(value):
        faults = [Fault(header, "entity_tag", _FORM, value[:200])]
        raise InvalidInput(f"{header}: {_FORM}", faults=faults)
    return frozenset(re.findall(_TAG, value))


@answering(
    {
        412: "somebody has changed it since the tag in If-Match was read",
        422: "If-Match holds no tags",
    }
)
async def _if_match(
    request: Request,
    _: Annotated[str | None, Header(alias="If-Match", description=_IF_MATCH)] = None,
) -> Precondition:
    return Precondition(parse_tags(request.headers.getlist("if-match"), header="If-Match"))


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """Which answers the caller has already, from the header If-None-Match."""

    lines: tuple[str, ...]

    def is_current(self, tag: str) -> bool:
        """Tell whether the caller has the answer with this tag."""
        if not self.lines:
            return False
        known = parse_tags(list(self.lines), header="If-None-Match")
        return known is None or tag in {item.removeprefix("W/") for item in known}


@answering({422: "If-None-Match holds no tags"})
async def _if_none_match(
    request: Request,
    _: Annotated[str | None, Header(alias="If-None-Match", description=_IF_NONE_MATCH)] = None,
) -> KnownAnswer:
    return KnownAnswer(tuple(request.headers.getlist("if-none-match")))


IfMatch = Annotated[Precondition, Depends(_if_match)]
IfNoneMatch = Annotated[KnownAnswer, Depends(_if_none_match)]
