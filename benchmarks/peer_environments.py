"""An environment for each server that prediction is compared with: their packages do not go together."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environment import ROOT
from scripts.test_frameworks import interpreter


class NotInstalled(Exception):
    """A peer cannot be had on this machine; the message says why."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Packages, and the versions of Python that they take.

    Attributes:
        name: The package that it is about; the environment is `.venv-peers-NAME`.
        packages: What pip installs.
        pythons: In the order to try.
    """

    name: str
    packages: tuple[str, ...]
    pythons: tuple[str, ...] = ("3.13", "3.12", "3.11")

    def prepare(self) -> Path:
        """Make the environment, unless it is there with these very packages.

        Returns:
            Its interpreter.

        Raises:
            NotInstalled: There is no Python for it, or pip failed.
        """
        folder = ROOT / f".venv-peers-{self.name}"
        done, python, packages = folder / "installed", folder / "bin" / "python", "\n".join(self.packages)
        if done.exists() and done.read_text() == packages:
            return python
        chosen = interpreter(self.pythons)
        if chosen is None:
            raise NotInstalled(f"none of Python {', '.join(self.pythons)} was found")
        try:
            subprocess.run([chosen, "-m", "venv", "--clear", folder], check=True)  # noqa: S603 - an interpreter
            pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "--quiet", "install"]
            subprocess.run([*pip, *self.packages], check=True)  # noqa: S603 - this table's packages
        except (OSError, subprocess.CalledProcessError) as error:
            raise NotInstalled(f"could not be installed: {error}") from error
        done.write_text(packages)
        return python

    def version(self) -> str:
        """The package's version and the environment's Python, of an environment that is prepared."""
        code = (
            "import platform, sys; from importlib.metadata import version;"
            "print(sys.argv[1], version(sys.argv[1]), 'on Python', platform.python_version())"
        )
        command = [str(ROOT / f".venv-peers-{self.name}" / "bin" / "python"), "-c", code, self.name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - this table's name
        return done.stdout.strip()
