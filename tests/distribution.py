"""Makes actions and workflows found as those of installed distributions."""

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


def install_workflows(directory: Path, module: str) -> None:
    """Write what names the module; processes with the directory in their PYTHONPATH find it."""
    name = module.rpartition(".")[2]
    installed = directory / f"{name}-1.0.dist-info"
    installed.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    (installed / "METADATA").write_text(metadata)
    (installed / "entry_points.txt").write_text(f"[postern.workflows]\n{name} = {module}\n")
