"""Installs packages with actions or workflows."""

import shutil
import subprocess
import sys
from pathlib import Path


def install(package: Path, directory: Path) -> Path:
    """Install a package as its author would, from a copy; return where it then lies."""
    source, target = directory / "source", directory / "site-packages"
    shutil.copytree(package, source, ignore=shutil.ignore_patterns("build", "*.egg-info"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, *offline, "--target", target, source], check=True)
    return target
