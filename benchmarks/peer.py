"""Processes of their own: competitors in their environments, and single measurements.

The interpreter of a competitor is named by an environment variable.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ENVIRONMENTS = Path(__file__).with_name("environments")
#: Environment of a process that computes with one thread.
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}


def in_own_process(module, *arguments):
    """What a module prints last, as JSON, when it runs in a process of its own with one thread."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=os.environ | ONE_THREAD,
    )
    return json.loads(done.stdout.splitlines()[-1])


class Peer:
    """A package that skfuse is measured against.

    Parameters
    ----------
    name : str
        As in ``environments/<name>.txt``; the variable ``SKFUSE_<NAME>`` names the interpreter of that environment.
    script : path
        What the interpreter runs, with two files: arrays that it reads, and where it writes its own (``.npz``).
    """

    def __init__(self, name, script):
        self.name, self.script, self.variable = name, Path(script), f"SKFUSE_{name.upper()}"

    @property
    def interpreter(self):
        """The interpreter; None where the variable does not name one."""
        path = os.environ.get(self.variable, "")
        return path if path and Path(path).exists() else None

    def is_there(self):
        """Whether there is an interpreter; says how to get one if not."""
        if self.interpreter is None:
            print(f"{self.name}: skipped, set {self.variable} to the interpreter of benchmarks/environments/"
                  f"{self.name}.txt")  # fmt: skip
        return self.interpreter is not None

    def run(self, **given):
        """Arrays that the peer makes of those given, in a process with one thread."""
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "given.npz"), Path(folder, "made.npz")
            np.savez(source, **given)
            done = subprocess.run(
                [self.interpreter, self.script, source, target],
                capture_output=True,
                text=True,
                check=False,
                env=os.environ | ONE_THREAD,
            )
            if done.returncode:
                environment = ENVIRONMENTS / f"{self.name}.txt"
                raise RuntimeError(f"{self.name} failed in {self.interpreter}; see {environment}.\n{done.stderr}")
            with np.load(target) as found:
                return {name: found[name] for name in found}
