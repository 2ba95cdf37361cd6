"""The command ``skfuse``."""

import sys


def main():
    """Run the command line; say what to install where its libraries are absent."""
    try:
        from skfuse.cli import app
    except ImportError as error:
        if error.name not in ("typer", "rich"):
            raise
        sys.exit(f'The command line needs {error.name}: pip install "skfuse[app]"')
    for stream in (sys.stdout, sys.stderr):
        # A terminal or file that cannot show an arrow must not cost the results of a long comparison.
        stream.reconfigure(errors="replace")
    app()


if __name__ == "__main__":
    main()
