"""The generated part of the till's client: what ariadne-codegen makes of the schema and the till's documents.

The generator lives in .tools, beside the environment that this runs in: its graphql-core is not ours. Where it is not
installed, as in a service's own environment, there is nothing to compare with.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from membership.cli.failures import CommandFailed

_PACKAGE = "generated"
_BY_HAND = ("base_client.py", "base_model.py")
"""What the generator puts into its package and ours has beside it."""


def generator() -> Path | None:
    """The command, if it is installed."""
    program = Path(sys.prefix).parent / ".tools" / "bin" / "ariadne-codegen"
    return program if program.exists() else None


def client_code(program: Path, root: Path, schema: str) -> dict[Path, str | None]:
    """Every file of the package and what belongs in it; None: it does not. `schema`: as it is about to be written.

    Raises CommandFailed with what the generator said.
    """
    package = root / "src" / "membership" / "till_client" / _PACKAGE
    with TemporaryDirectory() as folder:
        made = _run(program, root, Path(folder), schema)
        files = {package / path.name: path.read_text(encoding="utf-8") for path in made if path.name not in _BY_HAND}
    there = package.glob("*.py") if package.exists() else ()
    return dict.fromkeys(there) | files


def _run(program: Path, root: Path, folder: Path, schema: str) -> list[Path]:
    """In a folder of its own: paths in what it writes are then the same on every machine."""
    shutil.copytree(root / "graphql", folder / "graphql")
    (folder / "graphql" / "schema.graphql").write_text(schema, encoding="utf-8")
    shutil.copy(root / "src" / "membership" / "till_client" / "base_client.py", folder)
    told = subprocess.run(  # noqa: S603 - our own command line
        [program, "--config", root / "pyproject.toml"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(root / "tools"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode:
        raise CommandFailed(f"ariadne-codegen: {(told.stderr or told.stdout).strip()}")
    return sorted((folder / _PACKAGE).glob("*.py"))
