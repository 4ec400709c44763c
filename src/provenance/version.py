"""The version of this program, for whatever says which one wrote it."""

__version__ = "0.1.0"
