"""Where the public cohorts lie: the folder in SKFUSE_DATA, else ../shared/data beside the project."""

import os
from pathlib import Path


def data_folder(name):
    """Folder of one public cohort; None where it is absent."""
    root = Path(os.environ.get("SKFUSE_DATA", Path(__file__).parents[1].parent / "shared" / "data"))
    return root / name if (root / name).is_dir() else None
