"""How a model version is named on the command line."""

from bakeoff.errors import UsageError


def read_key(key: str) -> tuple[str, str]:
    """Split `name:version`.

    Raises:
        UsageError: It is not of that form.
    """
    name, colon, version = key.partition(":")
    if not (name and colon and version):
        raise UsageError(f"{key}: must be NAME:VERSION")
    return name, version
