"""The yardstick: the least that Starlette on uvicorn can do with a request, on one route.

Served with the gateway's own options, so that the difference is what the gateway does.
"""

import argparse

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PATH = "/hook"


async def hook(request: Request) -> Response:
    """Read the body and answer 200."""
    await request.body()
    return JSONResponse({"status": "accepted"})


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark.bare", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    uvicorn.run(
        Starlette(routes=[Route(PATH, hook, methods=["POST"])]),
        host="127.0.0.1",
        port=parser.parse_args().port,
        http="httptools",
        loop="uvloop",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
    )


if __name__ == "__main__":
    main()
