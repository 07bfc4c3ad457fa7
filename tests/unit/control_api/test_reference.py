"""The reference page: whole, and closed in itself."""

import re

import httpx
import pytest

from control_api.api import ControlApi
from tests.documented_answers import openapi_document

PAGE = "/api/v1/reference"


@pytest.fixture
def client() -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(ControlApi()), base_url="http://api")


async def test_page_when_read(client: httpx.AsyncClient) -> None:
    """Every operation is there with its path, its permissions and its problems."""
    page = (await client.get(PAGE)).text
    for path, operations in openapi_document()["paths"].items():
        assert f"<code>{path}</code>" in page
        for operation in operations.values():
            assert page.count(f'id="{operation["operationId"]}"') == 1
            assert f'href="#{operation["operationId"]}"' in page
    assert "inbound_webhook_id" in page
    assert "hmac_sha256" in page


async def test_page_when_it_loads_what_it_needs(client: httpx.AsyncClient) -> None:
    """Every address in it is of this origin and answers; scripts and other origins are barred."""
    answer = await client.get(PAGE)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    addresses = set(re.findall(r'(?:href|src|action)="([^"#][^"]*)"', answer.text))
    assert addresses == {"/api/v1/reference.css", "/api/v1/openapi.json"}
    for address in addresses:
        assert (await client.get(address)).status_code == 200
    style = await client.get("/api/v1/reference.css")
    assert "url(" not in style.text
    assert "@import" not in style.text
    for answered in (answer, style):
        policy = answered.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'self';")
        assert answered.headers["x-content-type-options"] == "nosniff"
    assert "<script" not in answer.text
    assert "style=" not in answer.text


async def test_method_when_a_path_has_others(client: httpx.AsyncClient) -> None:
    """The answer names every method of the path."""
    answer = await client.request("DELETE", "/api/v1/clients")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")
    answer = await client.request("PUT", "/api/v1/deliveries")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
