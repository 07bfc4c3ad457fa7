"""A webhook's stored configuration and its typed form."""

import pytest

from shared.domain.webhook import (
    RESERVED_SLUGS,
    SLUG_PATTERN,
    Auth,
    BearerAuth,
    DirectAction,
    ExpressionKey,
    Handler,
    HeaderKey,
    HmacAuth,
    IdempotencySource,
    IpAllowlistAuth,
    PathTokenAuth,
    SignatureAuth,
    WorkflowStart,
    auth_from_config,
    auth_type_of,
    handler_from_config,
    idempotency_from_config,
)


@pytest.mark.parametrize(
    ("auth_type", "config", "expected"),
    [
        ("hmac_sha256", {"signature_header": "X-Sig"}, HmacAuth("X-Sig")),
        ("bearer", {}, BearerAuth()),
        ("ip_allowlist", {"ip_cidrs": ["10.0.0.0/8"]}, IpAllowlistAuth(("10.0.0.0/8",))),
        ("path_token", {}, PathTokenAuth("token")),
        ("path_token", {"query_param": "key"}, PathTokenAuth("key")),
        ("signature", {"preset": "stripe"}, SignatureAuth("stripe")),
        (
            "signature",
            {"preset": "stripe", "options": {"tolerance_seconds": 9}},
            SignatureAuth("stripe", tolerance_seconds=9),
        ),
        (
            "signature",
            {"preset": "square", "options": {"public_url": "https://a.example"}},
            SignatureAuth("square", public_url="https://a.example"),
        ),
    ],
)
def test_auth_from_config(auth_type: str, config: dict[str, object], expected: Auth) -> None:
    """Each stored type has its typed form, and knows its stored name."""
    auth = auth_from_config(auth_type, config)
    assert auth == expected
    assert auth_type_of(auth) == auth_type


@pytest.mark.parametrize(
    ("auth_type", "config"),
    [("hmac_sha256", {}), ("ip_allowlist", {}), ("signature", {}), ("digest", {})],
)
def test_auth_from_config_refuses(auth_type: str, config: dict[str, object]) -> None:
    """An unknown type or a missing key is a ValueError that names it."""
    with pytest.raises(ValueError, match=r"lacks|unknown"):
        auth_from_config(auth_type, config)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (None, None),
        ({"type": "header", "value": "X-GitHub-Delivery"}, HeaderKey("x-github-delivery")),
        ({"type": "jsonata", "value": "event.id"}, ExpressionKey("event.id")),
    ],
)
def test_idempotency_from_config(
    config: dict[str, str] | None, expected: IdempotencySource | None
) -> None:
    """Header names are kept in lower case, as requests carry them here."""
    assert idempotency_from_config(config) == expected


def test_idempotency_from_config_refuses_an_unknown_type() -> None:
    """A source that is neither header nor expression is a ValueError."""
    with pytest.raises(ValueError, match="cookie"):
        idempotency_from_config({"type": "cookie", "value": "id"})


@pytest.mark.parametrize(
    ("handler_type", "config", "expected"),
    [
        ("direct_action", {"action": "a"}, DirectAction("a", {})),
        (
            "direct_action",
            {"action": "a", "field_mapping": {"x": "y"}},
            DirectAction("a", {"x": "y"}),
        ),
        ("workflow", {"workflow": "w"}, WorkflowStart("w")),
    ],
)
def test_handler_from_config(
    handler_type: str, config: dict[str, object], expected: Handler
) -> None:
    """Each stored handler has its typed form; a mapping may be absent."""
    assert handler_from_config(handler_type, config) == expected


@pytest.mark.parametrize(
    ("handler_type", "config"), [("direct_action", {}), ("workflow", {}), ("script", {})]
)
def test_handler_from_config_refuses(handler_type: str, config: dict[str, object]) -> None:
    """An unknown type or a missing key is a ValueError that names it."""
    with pytest.raises(ValueError, match=r"lacks|unknown"):
        handler_from_config(handler_type, config)


@pytest.mark.parametrize("slug", ["a", "a1", "rmm-device-updates", "0", "a" * 64])
def test_slug_pattern_takes(slug: str) -> None:
    """Letters, digits and inner hyphens, 1 to 64 of them."""
    assert SLUG_PATTERN.fullmatch(slug)


@pytest.mark.parametrize("slug", ["", "-a", "a-", "A", "a_b", "a" * 65, "a\n", "ä", "a/b"])
def test_slug_pattern_refuses(slug: str) -> None:
    """Anything that would need escaping in a path, or reads like another, is refused."""
    assert not SLUG_PATTERN.fullmatch(slug)


def test_reserved_slugs_are_slugs() -> None:
    """A reserved name that is no slug would reserve nothing."""
    assert [slug for slug in RESERVED_SLUGS if not SLUG_PATTERN.fullmatch(slug)] == []
