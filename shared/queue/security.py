"""How we prove ourselves to Kafka, and Kafka to us: the same for producer, consumer and admin."""

import ssl
from dataclasses import dataclass
from typing import Any

from aiokafka.abc import AbstractTokenProvider

from shared.errors import QueueUnavailable
from shared.queue.tokens import ClientCredentials, TokenFile
from shared.settings import Secret, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSecurity:
    """Security settings of a cluster; the fields are those of ``shared.settings``."""

    protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "SCRAM-SHA-512"
    username: str | None = None
    password: Secret | None = None
    token_url: str | None = None
    token_scope: str | None = None
    token_file: str | None = None
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    key_password: Secret | None = None
    check_hostname: bool = True

    def client_options(self) -> dict[str, Any]:
        """Return what every client of aiokafka takes; files are read anew for each client.

        Raises:
            QueueUnavailable: A certificate or key cannot be read, at this moment at least.
        """
        options: dict[str, Any] = {"security_protocol": self.protocol}
        if self.protocol.endswith("SSL"):
            options["ssl_context"] = self._ssl_context()
        if self.protocol.startswith("SASL_"):
            options |= self._sasl_options()
        return options

    def _ssl_context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.certificate_file is not None:
                # Always a password: without one OpenSSL would ask at the terminal, and wait.
                password = self.key_password.reveal() if self.key_password else ""
                context.load_cert_chain(self.certificate_file, self.key_file, password)
        except (OSError, ValueError) as error:  # SSLError is an OSError
            raise QueueUnavailable(f"Kafka's certificates cannot be read: {error}") from error
        context.check_hostname = self.check_hostname
        return context

    def _sasl_options(self) -> dict[str, Any]:
        if self.sasl_mechanism == "OAUTHBEARER":
            return {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_oauth_token_provider": self._token_provider(),
            }
        return {
            "sasl_mechanism": self.sasl_mechanism,
            "sasl_plain_username": self.username,
            "sasl_plain_password": _revealed(self.password),
        }

    def _token_provider(self) -> AbstractTokenProvider:
        if self.token_file is not None:
            return TokenFile(self.token_file)
        return ClientCredentials(
            self.token_url or "",
            client_id=self.username or "",
            client_secret=self.password or Secret(""),
            scope=self.token_scope,
            ca_file=self.ca_file,
        )


def security_of(settings: Settings) -> KafkaSecurity:
    """Return the security settings of a program."""
    return KafkaSecurity(
        protocol=settings.kafka_security_protocol,
        sasl_mechanism=settings.kafka_sasl_mechanism,
        username=settings.kafka_username,
        password=settings.kafka_password,
        token_url=settings.kafka_token_url,
        token_scope=settings.kafka_token_scope,
        token_file=settings.kafka_token_file,
        ca_file=settings.kafka_ca_file,
        certificate_file=settings.kafka_certificate_file,
        key_file=settings.kafka_key_file,
        key_password=settings.kafka_key_password,
        check_hostname=settings.kafka_check_hostname,
    )


def _revealed(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal()
