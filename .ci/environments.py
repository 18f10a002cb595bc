"""Make virtual environments, and run programs in them, on any system."""

import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def make(folder):
    """Return the Python of a virtual environment, which is made where there is none."""
    folder = Path(folder)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists():
        venv.create(folder, with_pip=True)
    return python


def run(*command, folder=ROOT):
    """Print and run a command; end this process as it ends where it fails."""
    command = [str(word) for word in command]
    print("+", *command, flush=True)
    code = subprocess.run(command, cwd=folder, check=False).returncode
    if code:
        sys.exit(code)


def install(python, *what):
    """Install packages."""
    run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *what)
