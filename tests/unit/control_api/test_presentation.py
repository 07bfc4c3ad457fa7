"""How stored things look in answers."""

from control_api.presentation import headers_content


def test_headers_when_repeated() -> None:
    """Values of one name are joined in order."""
    block = b"x-a: 1\r\nx-b: 2\r\nx-a: 3\r\n"
    assert headers_content(block) == {"x-a": "1, 3", "x-b": "2"}
