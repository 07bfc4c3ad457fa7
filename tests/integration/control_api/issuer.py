"""A real issuer of bearer tokens on loopback: discovery, keys, and tokens of any form."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.clock import unix_ms

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

AUDIENCE = "postern-test"


def new_private_key(algorithm: str) -> PrivateKey:
    match algorithm:
        case "RS256":
            return rsa.generate_private_key(public_exponent=65537, key_size=2048)
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case _:
            return ed25519.Ed25519PrivateKey.generate()


def public_pem(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@dataclass
class Issuer:
    """What the issuer answers; tests change it while it runs."""

    address: str = ""
    keys: dict[str, tuple[str, PrivateKey]] = field(default_factory=dict)
    #: Status of every answer; 0 closes connections without one.
    status: int = 200
    #: In place of the discovery document's own.
    overrides: dict[str, Any] = field(default_factory=dict)
    extra_keys: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    #: Holds answers back until it is set.
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def add_key(self, key_id: str, algorithm: str) -> PrivateKey:
        self.keys[key_id] = (algorithm, new_private_key(algorithm))
        return self.keys[key_id][1]

    def token(self, key_id: str, **claims: object) -> str:
        """Return a token that is good unless its claims are overridden; None leaves one out."""
        algorithm, key = self.keys[key_id]
        return jwt.encode(self.claims(**claims), key, algorithm=algorithm, headers={"kid": key_id})

    def claims(self, **overrides: object) -> dict[str, object]:
        now = unix_ms() // 1000
        claims: dict[str, object] = {
            "iss": self.address,
            "aud": AUDIENCE,
            "sub": "user-7",
            "exp": now + 300,
            "nbf": now - 5,
            "tenant": "acme",
            "roles": ["viewer"],
        } | overrides
        return {name: value for name, value in claims.items() if value is not None}

    def content(self, path: str) -> dict[str, Any]:
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.address, "jwks_uri": f"{self.address}/keys"} | self.overrides
        return {"keys": [self.jwk(key_id) for key_id in self.keys] + self.extra_keys}

    def jwk(self, key_id: str) -> dict[str, Any]:
        algorithm, key = self.keys[key_id]
        made: dict[str, Any] = jwt.get_algorithm_by_name(algorithm).to_jwk(
            key.public_key(), as_dict=True
        )
        return made | {"kid": key_id, "use": "sig"}

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        self.requests.append(path)
        await self.gate.wait()
        if self.status:
            body = orjson.dumps(self.content(path))
            head = f"HTTP/1.1 {self.status} X\r\ncontent-length: {len(body)}\r\n"
            writer.write(f"{head}connection: close\r\n\r\n".encode() + body)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def serving_issuer() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    issuer.gate.set()
    server = await asyncio.start_server(issuer.answer, "127.0.0.1", 0)
    issuer.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield issuer
    finally:
        issuer.gate.set()
        server.close()
        await server.wait_closed()


def unsigned(claims: dict[str, object], **header: object) -> str:
    """Return a token of the algorithm none."""
    parts = [orjson.dumps({"alg": "none"} | header), orjson.dumps(claims), b""]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
