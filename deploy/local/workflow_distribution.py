"""Makes workflows of a module found as those of an installed distribution."""

from pathlib import Path


def install_workflows(directory: Path, module: str) -> None:
    """Write what names the module; processes with the directory in their PYTHONPATH find it."""
    name = module.rpartition(".")[2]
    installed = directory / f"{name}-1.0.dist-info"
    installed.mkdir(parents=True, exist_ok=True)
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    (installed / "METADATA").write_text(metadata)
    (installed / "entry_points.txt").write_text(f"[postern.workflows]\n{name} = {module}\n")
