"""One root for every error that a user can meet.

The message states the fact, what was expected against what was found, and the object it is about; the hint is what to do
next. Subclasses say whose fault it is, and with that the exit code of the command line.
"""


class ProvenanceError(Exception):
    """Something that a user can understand and mend.

    Args:
        message: The fact, naming the object it is about.
        hint: What to do next, often a command to type.
    """

    exit_code = 4

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ProvenanceError):
    """The call itself makes no sense: options that exclude each other, a value outside its range."""

    exit_code = 2


class UnknownReferenceError(ProvenanceError):
    """A reference names nothing in the registry, or more than one thing."""


class ContentError(ProvenanceError):
    """A file or folder is not what it claims to be, or can't be read safely."""


class ConflictError(ProvenanceError):
    """A fact contradicts what is already recorded."""


class BusyError(ConflictError):
    """Another process does the same just now; it is worth trying again a little later."""


class RegistryError(ProvenanceError):
    """The registry can't be found, opened, or written."""


class LedgerError(RegistryError):
    """The ledger does not verify."""


class PolicyError(ProvenanceError):
    """A policy file says something that has no meaning."""


class ChannelError(ProvenanceError):
    """A canary's channel would carry the trait's own outputs."""


class CanaryError(ProvenanceError):
    """A canary's training cannot be done here, such as for want of memory."""


class OutputError(ProvenanceError):
    """A report can't be written where it was to go."""


class DeliveryError(ProvenanceError):
    """Whoever is to be told of an event does not take it."""


class MissingExtraError(ProvenanceError):
    """An optional dependency is needed and not installed."""


class ClusterError(ProvenanceError):
    """A cluster that tests are to run on can't be reached."""
