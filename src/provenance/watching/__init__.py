"""Watching: what happens to flags, told to whoever wants to know, at least once and in order."""

from provenance.watching.events import BEGINNING, Event, EventKind, Mark, Watch
from provenance.watching.receivers import Command, Receiver, Webhook, receiver
from provenance.watching.telling import Patience, Teller, key_of

__all__ = [
    "BEGINNING",
    "Command",
    "Event",
    "EventKind",
    "Mark",
    "Patience",
    "Receiver",
    "Teller",
    "Watch",
    "Webhook",
    "key_of",
    "receiver",
]
