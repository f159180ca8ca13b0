"""`make ui`: MLflow's own UI, opened at the last sweep's ready-made page.

The server runs one worker and no jobs of its own: 0.4 GB and some seconds, instead of 2.3 GB and 14 s.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from simplicity_sweep.mlflow_page import page_link, plain_link, publish_page, runs_link
from simplicity_sweep.recorded import existing_store, last_sweep
from simplicity_sweep.store import Store, TrackingError

_START_SECONDS = 120
_STOP_SECONDS = 10
_PORTS_TRIED = 20


class UIError(Exception):
    """The UI can't be shown; the message says why and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status, once the user has ended the server with Ctrl-C; at once where a server runs already.

    Args:
        arguments: the command line after the program's name; the process's own by default.
    """
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # unwinds, so that the server ends too
    try:
        store = existing_store(options.uri, options.experiment)
        if not store.is_file:
            _show(store, base=None, browser=options.browser)
            return 0
        with serving(store, free_port(options.port)) as (base, server):
            _show(store, base, browser=options.browser)
            print("Ctrl-C ends it.", flush=True)
            return server.wait()
    except (TrackingError, UIError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def free_port(wanted: int) -> int:
    """`wanted`, or the next port that nobody listens on; that it is another one is printed.

    Raises:
        UIError: the 20 ports from `wanted` on are all taken.
    """
    for port in range(wanted, min(wanted + _PORTS_TRIED, 2**16)):
        with socket.socket() as probe:
            # Allows a port that a server which just ended has left behind, as the server itself will.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                if port != wanted:
                    print(f"Port {wanted} is in use; taking {port}. Another one is chosen by: --port PORT")
                return port
    raise UIError(f"--port {wanted}: it and the {_PORTS_TRIED - 1} next are in use. Choose another one: --port PORT")


@contextmanager
def serving(store: Store, port: int) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address and process of MLflow's server of a store in a file, for the block's length.

    Raises:
        UIError: the server ended or did not answer within two minutes; the message holds its last words.
    """
    base = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile() as output:
        server = _start(store, port, output)
        try:
            _await(f"{base}/health", server, output)
            yield base, server
        finally:
            _stop(server)


def _start(store: Store, port: int, output: IO[bytes]) -> subprocess.Popen[bytes]:
    folder = Path(store.uri.removeprefix("sqlite:///")).parent
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", store.uri]
    command += ["--default-artifact-root", (folder / "mlartifacts").as_uri()]
    return subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # a group to end as a whole; the terminal's Ctrl-C reaches this process only
    )


def _await(address: str, server: subprocess.Popen[bytes], output: IO[bytes]) -> None:
    direct = build_opener(ProxyHandler({}))  # a proxy, if one is set, does not know this machine's ports
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(URLError, OSError), direct.open(address, timeout=5):
            return
        time.sleep(0.1)
    output.seek(0)
    said = output.read().decode(errors="replace")[-2000:]
    raise UIError(f"MLflow's server did not start. What it said last:\n{said}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    for ending in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(server.pid, ending)
        with suppress(subprocess.TimeoutExpired):
            server.wait(_STOP_SECONDS)
            return


def _show(store: Store, base: str | None, *, browser: bool) -> None:
    parent = last_sweep(store)
    if parent is None:
        link = runs_link(store, base)
        print(f"No sweep is recorded yet. All runs: {link}", flush=True)
    else:
        publish_page(store, parent.info.run_id)  # of a sweep that is under way: with the jobs that it has so far
        link = page_link(store, parent.info.run_id, base)
        print(f"The last sweep, charts: {link}")
        print(f"                 table: {page_link(store, parent.info.run_id, base, 'TABLE')}")
        print(f"        plain MLflow's: {plain_link(store, parent.info.run_id, base)}", flush=True)
    if browser and _has_browser():
        webbrowser.open(link)


def _has_browser() -> bool:
    """Whether a window can be opened: without one, `webbrowser` may start a text browser in this terminal."""
    shown = {"DISPLAY", "WAYLAND_DISPLAY", "BROWSER"} & os.environ.keys()
    return bool(shown) or sys.platform in ("darwin", "win32")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simplicity_sweep.ui", description=__doc__.splitlines()[0])
    parser.add_argument("--uri", help="the tracking store (default: tracking.uri of the configuration)")
    parser.add_argument("--experiment", help="(default: tracking.experiment of the configuration)")
    parser.add_argument("--port", type=int, default=5000, help="first port to try (default: %(default)s)")
    parser.add_argument("--no-browser", dest="browser", action="store_false", help="print the links only")
    return parser


if __name__ == "__main__":
    sys.exit(main())
