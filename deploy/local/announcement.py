"""What `make run` prints when everything is up."""

from pathlib import Path
from shlex import quote

from deploy.local.demo_tenant import DemoTenant, path_of
from deploy.local.examples import device_event, push_event, signature
from deploy.local.stack import Stack


def announcement(stack: Stack, demo: DemoTenant) -> str:
    """Return where things are and what to paste."""
    lines = [
        "",
        "Postern is running. Ctrl-C drains and stops it; the data stays.",
        "",
        f"  receiver     {demo.receiver_url('rmm-device-updates')}",
        f"  control API  {demo.control_api_url}  (described at /api/v1/openapi.json)",
        f"  API key      {demo.api_key}",
        f"  queue        {_queue(stack)}",
        "",
        "Send a signed event; a second time, the same command is answered as a duplicate:",
        "",
        _signed_post(demo, "rmm-device-updates", device_event(), "X-RMM-Signature"),
        "",
        "See the asset that it made, and the delivery:",
        "",
        _get(demo, "/api/v1/assets"),
        _get(demo, "/api/v1/deliveries"),
        "",
        "The same as GitHub would send it:",
        "",
        _signed_post(
            demo,
            "github-events",
            push_event(),
            "X-Hub-Signature-256",
            prefix="sha256=",
        ),
        "",
        "Where to look next:",
        "",
        *(
            f"  {program.operations_url}/metrics  (also /livez, /readyz)  {name}"
            for name, program in stack.programs.items()
        ),
        f"  {_shown(stack.plan.directory / 'logs')}  logs",
        f"  {_shown(path_of(stack.plan.directory))}  API key and secrets of the demo tenant",
        "  make demo  walks through duplicate, wrong signature, replay, a workflow and a burst",
        "",
    ]
    return "\n".join(lines)


def _queue(stack: Stack) -> str:
    if stack.kafka is None:
        return "the outbox in PostgreSQL (make run KAFKA=1 adds a broker)"
    return f"Apache Kafka at {stack.kafka.bootstrap}"


def _signed_post(
    demo: DemoTenant, slug: str, body: bytes, header: str, *, prefix: str = ""
) -> str:
    signed = f"{header}: {prefix}{signature(demo.secrets[slug], body)}"
    return (
        f"  curl -i -X POST {demo.receiver_url(slug)} \\\n"
        f"    -H 'content-type: application/json' -H {quote(signed)} \\\n"
        f"    -d {quote(body.decode())}"
    )


def _get(demo: DemoTenant, path: str) -> str:
    return f"  curl -s -H {quote('x-api-key: ' + demo.api_key)} {demo.control_api_url}{path}"


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
