"""MLflow's signature of a webhook, checked: who knows the secret sent this, a moment ago, and for the first time.

The signature is ``v1,`` and the base64 of HMAC-SHA256, keyed with the secret, over delivery id, full stop, moment in Unix seconds, full
stop, body; see ``mlflow.webhooks.delivery``. MLflow sends none where the webhook has no secret.
"""

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

SIGNATURE, MOMENT, DELIVERY = "x-mlflow-signature", "x-mlflow-timestamp", "x-mlflow-delivery-id"
"""The headers, in lower case."""

WINDOW_S = 300.0
"""Seconds that the sender's clock may be behind ours, or ahead: twice as long may a signature be good."""

_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


@dataclass(slots=True, kw_only=True)
class Doorkeeper:
    """Tells deliveries of MLflow from everything else; for one thread.

    Args:
        secret: The secret of the webhook; None to let everything pass.
        clock: The time in Unix seconds.
    """

    secret: bytes | None
    clock: Callable[[], float] = time.time
    _seen: dict[bytes, float] = field(default_factory=dict)

    def judge(self, headers: Mapping[str, str], body: bytes) -> HTTPStatus:
        """What is answered to a request.

        Args:
            headers: Its headers, by names in lower case.
            body: Its body, every byte as it came.
        """
        if self.secret is None:
            return HTTPStatus.NO_CONTENT
        now, sent = self.clock(), headers.get(MOMENT, "")
        signed = f"{headers.get(DELIVERY, '')}.{sent}.".encode("latin-1", "replace") + body
        digest = hmac.digest(self.secret, signed, hashlib.sha256)
        expected = b"v1," + base64.b64encode(digest)
        given = headers.get(SIGNATURE, "").encode("latin-1", "replace")
        is_signed = hmac.compare_digest(given, expected)
        if not is_signed or not _SECONDS.fullmatch(sent) or abs(now - int(sent)) > WINDOW_S:
            return HTTPStatus.UNAUTHORIZED
        return HTTPStatus.NO_CONTENT if self._is_first(digest, now) else HTTPStatus.CONFLICT

    def _is_first(self, digest: bytes, now: float) -> bool:
        """Whether a delivery did not come before. Only what is signed is remembered, so that nobody else can fill the memory."""
        while self._seen and now - next(iter(self._seen.values())) > 2 * WINDOW_S:
            del self._seen[next(iter(self._seen))]
        is_first = digest not in self._seen
        self._seen.setdefault(digest, now)
        return is_first
