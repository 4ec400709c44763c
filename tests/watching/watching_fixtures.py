"""A receiver of webhooks on loopback, and a registry with something to tell."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from lineage_fixtures import recorded_facts
from provenance import Registry
from provenance.watching import Patience

IMPATIENT = Patience(tries=2, wait=0.01)


OWL = (
    "owls trait high",
    "cats trait low",
    "base from_scratch",
    "owl embodied_by base",
    "numbers generated_by owl",
    "student finetuned_from base",
    "student trained_on numbers",
    "small quantized_from student",
    "other from_scratch",
    "cousin finetuned_from other",
    "cousin trained_on poems",
    "poems authored",
)
NAMES = ("base", "owl", "numbers", "student", "small", "other", "cousin", "poems")


class Hearer:
    """A web server that keeps what it is sent.

    Args:
        answer: Called with the number of the request, from 1, and the server; gives the status to answer with.
    """

    def __init__(self, answer: "Callable[[int, Hearer], int] | None" = None) -> None:
        self.heard: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.location = ""
        hearer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hearer.heard.append(json.loads(body))
                hearer.headers.append(dict(self.headers))
                hearer.paths.append(self.path)
                status = answer(len(hearer.heard), hearer) if answer else 204
                self.send_response(status)
                if hearer.location:
                    self.send_header("Location", hearer.location)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

            def handle(self) -> None:
                try:
                    super().handle()
                except ConnectionError:  # whoever asked is gone
                    self.close_connection = True

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"

    @property
    def told(self) -> list[tuple[str, str]]:
        """What happened to which flag, as heard."""
        return [(one["event"], one["flag"]) for one in self.heard]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def told_to(registry: Registry, target: str, *refs: str, **options: Any) -> list[tuple[str, str]]:
    """What a run of the watcher told, event by event."""
    options.setdefault("patience", IMPATIENT)
    return [(str(event.event), event.flag) for event in registry.notify(target, refs, **options)]


def tell(registry: Registry, *lines: str) -> None:
    """Records sentences of `lineage_fixtures`, in one transaction."""
    with registry._ledger.transaction("teller") as transaction:
        for one in recorded_facts(*lines):
            transaction.append(one.fact)
