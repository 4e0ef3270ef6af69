"""A stand-in for AWS on one machine: the stack of `template.yaml`, served on loopback."""

from bakeoff.standin.standin import Standin

__all__ = ["Standin"]
