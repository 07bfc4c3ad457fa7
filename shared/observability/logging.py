"""Structured logs on standard output: fixed snake_case event names with fields."""

import logging
import sys

import structlog

Logger = structlog.typing.FilteringBoundLogger


def configure_logging(*, level: str, form: str, program: str) -> None:
    """Set up structlog and the standard library's logging for this process; once, at start."""
    numeric = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        # Plain tracebacks: the rich ones print local variables, payloads and secrets among them.
        structlog.dev.ConsoleRenderer(
            colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        if form == "console"
        else structlog.processors.JSONRenderer()
    )
    final = [structlog.processors.format_exc_info, renderer] if form == "json" else [renderer]
    structlog.configure(
        processors=[*shared, *final],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(program=program)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(numeric)
    # aiokafka tells of every retry at warning and above while a broker is away; ours say it once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    # At debug, httpcore tells the headers of answers.
    logging.getLogger("httpcore").setLevel(logging.WARNING)


def get_logger(name: str) -> Logger:
    """Return a logger whose lines carry ``source=name``."""
    logger: Logger = structlog.get_logger(source=name)
    return logger
