"""Who runs a command, as audit trails name them."""

from getpass import getuser


def operator() -> str:
    """Name the user of this machine, or say `unknown`."""
    try:
        return getuser()
    except (KeyError, OSError):
        return "unknown"
