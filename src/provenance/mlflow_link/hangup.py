"""Connections that are hung up when their time is over, whatever the other side sends meanwhile.

The timeout of a socket bounds the silence between two bytes: who sends one now and then, of a header or of a handshake, would be
listened to for ever. Imported only where requests are sent, since it loads what sends them.
"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from threading import Timer
from typing import Any

from requests.adapters import HTTPAdapter

Pools = dict[str, Any]
"""Scheme to urllib3's class of connection pools."""

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def deadline(moment: float) -> Iterator[None]:
    """Has every request within end by a moment on the clock of `time.monotonic`."""
    before = _deadline.set(moment)
    try:
        yield
    finally:
        _deadline.reset(before)


def time_left(most_s: float) -> float:
    """How long a request that begins now may take: at most some seconds, and none where the deadline has passed."""
    moment = _deadline.get()
    return most_s if moment is None else min(most_s, max(0.0, moment - time.monotonic()))


class Line(HTTPAdapter):
    """The connection to one server; requests go over it one at a time."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self.is_over = False
        super().__init__()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Hangs up when some seconds are over; `is_over` says then that it did, and that what was read may be a part."""
        self.is_over = False
        timer = Timer(seconds, self._hang_up)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def init_poolmanager(self, *args: Any, **more: Any) -> None:  # noqa: ANN401, D102 - as requests calls it
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = self._kept(self.poolmanager.pool_classes_by_scheme)

    def proxy_manager_for(self, proxy: str, **more: Any) -> Any:  # noqa: ANN401, D102 - as requests calls it
        is_new = proxy not in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **more)
        if is_new:
            manager.pool_classes_by_scheme = self._kept(manager.pool_classes_by_scheme)
        return manager

    def close(self) -> None:  # noqa: D102 - as requests calls it
        super().close()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _kept(self, pools: Pools) -> Pools:
        return {scheme: _keeping(pool, self._keep) for scheme, pool in pools.items()}

    def _keep(self, made: socket.socket) -> None:
        if self._socket is not None:
            self._socket.close()
        # A second handle of the same connection: the first one changes hands when encryption begins.
        self._socket = made.dup()
        if self.is_over:
            self._hang_up()

    def _hang_up(self) -> None:
        self.is_over = True
        if self._socket is not None:
            with suppress(OSError):  # It ended by itself.
                self._socket.shutdown(socket.SHUT_RDWR)


def _keeping(pool: Any, keep: Callable[[socket.socket], None]) -> Any:  # noqa: ANN401 - a class of urllib3
    """A class of connection pools that tells of each socket when it is connected, and before anything is said."""

    class Connection(pool.ConnectionCls):  # type: ignore[misc]  # whichever it is: plain, encrypted, by a proxy
        def _new_conn(self) -> socket.socket:
            made: socket.socket = super()._new_conn()
            keep(made)
            return made

    return type(pool.__name__, (pool,), {"ConnectionCls": Connection})
