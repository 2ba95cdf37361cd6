"""Install skfuse alone and with each of its extras into fresh environments, and use what was installed."""

import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
CHECK = REPOSITORY / ".ci" / "check_extra.py"


def check(extra, folder):
    """Build an environment with `extra` (``"core"``: none) and run its check from outside the repository."""
    environment = folder / extra
    python = environment / "bin" / "python"
    uv = Path(sys.executable).with_name("uv")
    requirement = str(REPOSITORY) if extra == "core" else f"{REPOSITORY}[{extra}]"
    # uv keeps the wheel of a local project until its pyproject.toml changes; --reinstall-package builds it anew.
    install = [uv, "pip", "install", "--quiet", "--reinstall-package", "skfuse", "--python", python, requirement]
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, environment],
        install,
        [python, CHECK, extra],
    ):
        subprocess.run(command, check=True, cwd=folder, env={**os.environ, "PYTHONPATH": ""})


def main():
    """Check the extras named on the command line, or the core and all extras."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = sys.argv[1:] or ["core", *project["optional-dependencies"]]
    with tempfile.TemporaryDirectory() as folder:
        for extra in extras:
            check(extra, Path(folder))


if __name__ == "__main__":
    main()
