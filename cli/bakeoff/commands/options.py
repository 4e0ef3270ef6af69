"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Template = Annotated[Path, typer.Option(help="The SAM template of the stack.")]
Logs = Annotated[Path, typer.Option(help="Folder that gets one log a function.")]
