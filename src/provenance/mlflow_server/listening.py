"""Listening: MLflow's webhooks as the signal to import.

A webhook is lossy (MLflow keeps those that it has to deliver in memory) and says nothing of runs or logged models. So what came in it is
not believed and not needed: each is only a reason to look at once, and without any a look is taken every few minutes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address

from provenance.errors import UsageError
from provenance.mlflow_server.bell import Bell
from provenance.mlflow_server.receiver import receiver, served
from provenance.mlflow_server.signature import Doorkeeper

SECRET_ENVIRONMENT = "PROVENANCE_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable
"""Holds the secret of the webhook."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Door:
    """Where webhooks are awaited, and whose.

    Args:
        host: An address or name of this machine.
        port: The port; 0 for any that is free.
        secret: The secret of the webhook; None to believe everybody, which only a loopback address may.

    Raises:
        UsageError: There is no secret, and others can reach the address.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    secret: str | None = None

    def __post_init__(self) -> None:
        if self.secret is not None and not self.secret.strip():
            raise UsageError("the secret of the webhook is empty")
        if self.secret is None and not self.is_private:
            raise UsageError(
                f"{self.host} can be reached from other machines, and there is no secret to know MLflow by",
                hint=f"Put the secret of the webhook into a file, or into {SECRET_ENVIRONMENT}.",
            )

    @property
    def is_private(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


@contextmanager
def listening(door: Door, bell: Bell) -> Iterator[str]:
    """Awaits webhooks until the end of the block, and tells at which address.

    Args:
        door: Where they are awaited.
        bell: What they ring.

    Raises:
        UsageError: It can't be listened to there.
    """
    doorkeeper = Doorkeeper(secret=None if door.secret is None else door.secret.encode())
    with served(receiver(doorkeeper, bell.ring), host=door.host, port=door.port) as address:
        yield address
