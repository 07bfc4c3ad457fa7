"""A real broker that asks who is there, in each of the ways that Postern knows."""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from shared.clock import SystemClock, unix_ms
from shared.embedded.kafka import EmbeddedKafka
from shared.embedded.ports import free_port
from shared.queue.security import KafkaSecurity
from shared.settings import Secret

USER = "postern"
PASSWORD = "a-password"
KEY_PASSWORD = "opens-the-key"
_MODULES = "org.apache.kafka.common.security"
_KeyPair = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


@dataclass(frozen=True)
class SecuredBroker:
    """Addresses of a running broker by what it asks for."""

    sasl: str
    oauth: str
    mutual_tls: str
    certificates: Path

    @property
    def tls(self) -> KafkaSecurity:
        """Both sides prove themselves with certificates."""
        return KafkaSecurity(
            protocol="SSL",
            ca_file=str(self.certificates / "ca.pem"),
            certificate_file=str(self.certificates / "client.pem"),
            key_file=str(self.certificates / "client.key"),
            key_password=Secret(KEY_PASSWORD),
        )

    def access(self, kind: str) -> tuple[str, KafkaSecurity]:
        """Return where and how to connect."""
        if kind == "TLS":
            return self.mutual_tls, self.tls
        if kind == "OAUTHBEARER":
            token_file = self.certificates / "token"
            token_file.write_text(unsecured_token() + "\n")
            return self.oauth, KafkaSecurity(
                protocol="SASL_PLAINTEXT", sasl_mechanism=kind, token_file=str(token_file)
            )
        return self.sasl, password_security(kind)


def password_security(mechanism: str, password: str = PASSWORD) -> KafkaSecurity:
    """Return the settings of a user with a password."""
    return KafkaSecurity(
        protocol="SASL_PLAINTEXT",
        sasl_mechanism=mechanism,
        username=USER,
        password=Secret(password),
    )


def unsecured_token(subject: str = USER) -> str:
    """Return a token that Kafka takes where nobody checks signatures."""
    now = unix_ms() // 1000
    claims = {"sub": subject, "iat": now, "exp": now + 600}
    return ".".join([*(_part(part) for part in ({"alg": "none"}, claims)), ""])


def _part(content: Mapping[str, object]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(content)).decode().rstrip("=")


@contextmanager
def running_broker(directory: Path, jars: Path) -> Iterator[SecuredBroker]:
    """Run a broker with one listener for each way."""
    certificates = directory / "certificates"
    certificates.mkdir()
    write_certificates(certificates)
    ports = {"SASL": free_port(), "OAUTH": free_port(), "TLS": free_port()}
    with EmbeddedKafka(
        directory / "data",
        jars,
        properties=_properties(ports, certificates),
        format_options=[
            option
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
            for option in ("--add-scram", f"{mechanism}=[name={USER},password={PASSWORD}]")
        ],
    ):
        addresses = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        yield SecuredBroker(addresses["SASL"], addresses["OAUTH"], addresses["TLS"], certificates)


def _properties(ports: Mapping[str, int], certificates: Path) -> dict[str, str]:
    listeners = ",".join(
        ["CLIENT://127.0.0.1:{port}", *(f"{n}://127.0.0.1:{p}" for n, p in ports.items())]
    )
    sasl = "listener.name.sasl"
    oauth = "listener.name.oauth"
    tls = "listener.name.tls"
    return {
        "listeners": listeners + ",CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": listeners,
        "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT,"
        "SASL:SASL_PLAINTEXT,OAUTH:SASL_PLAINTEXT,TLS:SSL",
        f"{sasl}.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        f"{sasl}.plain.sasl.jaas.config": f"{_MODULES}.plain.PlainLoginModule required "
        f'user_{USER}="{PASSWORD}";',
        **{
            f"{sasl}.scram-sha-{bits}.sasl.jaas.config": f"{_MODULES}.scram.ScramLoginModule "
            "required;"
            for bits in (256, 512)
        },
        f"{oauth}.sasl.enabled.mechanisms": "OAUTHBEARER",
        f"{oauth}.oauthbearer.sasl.jaas.config": f"{_MODULES}.oauthbearer.OAuthBearerLoginModule "
        'required unsecuredLoginStringClaim_sub="broker";',
        f"{tls}.ssl.keystore.type": "PEM",
        f"{tls}.ssl.keystore.location": str(certificates / "broker.pem"),
        f"{tls}.ssl.truststore.type": "PEM",
        f"{tls}.ssl.truststore.location": str(certificates / "ca.pem"),
        f"{tls}.ssl.client.auth": "required",
    }


def write_certificates(directory: Path) -> None:
    """Write an authority, a broker's pair in one file, and a client's with a locked key."""
    authority = _pair("authority", None)
    broker = _pair("127.0.0.1", authority)
    client = _pair(USER, authority)
    (directory / "ca.pem").write_bytes(_pem(authority[0]))
    (directory / "broker.pem").write_bytes(_key_pem(broker[1], None) + _pem(broker[0]))
    (directory / "client.pem").write_bytes(_pem(client[0]))
    (directory / "client.key").write_bytes(_key_pem(client[1], KEY_PASSWORD))


def _pair(name: str, issuer: _KeyPair | None) -> _KeyPair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = SystemClock().now()
    uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
    )
    if issuer is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey, password: str | None) -> bytes:
    lock = (
        serialization.NoEncryption()
        if password is None
        else serialization.BestAvailableEncryption(password.encode())
    )
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
