"""The jars of a Java server for development and tests, fetched with Maven on first use.

Named by ``deploy/<server>/pom.xml``, and kept in ``.postern/<server>``.
"""

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree


class JarsUnavailable(Exception):
    """A Java server cannot be run here: Java, Maven or its jars are missing."""


def prepare_jars(root: Path, server: str) -> Path:
    """Return the directory of a server's jars.

    Raises:
        JarsUnavailable: Java or Maven is missing, or Maven failed.
    """
    _require("java")
    lib_dir = _lib_dir(root, server)
    if lib_dir.exists():
        return lib_dir
    _require("mvn")
    lib_dir.parent.mkdir(parents=True, exist_ok=True)
    with (lib_dir.parent / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not lib_dir.exists():
            _fetch(_pom(root, server), lib_dir)
    return lib_dir


def installed_version(root: Path, server: str) -> str:
    """Return a server's version, fetched or not.

    Raises:
        JarsUnavailable: It cannot run here.
    """
    _require("java")
    if not _lib_dir(root, server).exists():
        _require("mvn")
    project = ElementTree.parse(_pom(root, server))  # noqa: S314 - our own file
    version = project.find(f"{{*}}properties/{{*}}{server}.version")
    return "unknown" if version is None or version.text is None else version.text


def _fetch(pom: Path, lib_dir: Path) -> None:
    # Renamed when complete, so that a download that was cut short is not taken for one.
    fresh = lib_dir.with_name(lib_dir.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fetched = subprocess.run(
        [
            *("mvn", "-q", "-B", "-f", str(pom)),
            *("dependency:copy-dependencies", f"-DoutputDirectory={fresh}"),
        ],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if fetched.returncode:
        raise JarsUnavailable(f"Maven could not fetch it: {fetched.stdout.strip()[-500:]}")
    fresh.rename(lib_dir)


def _pom(root: Path, server: str) -> Path:
    return root / "deploy" / server / "pom.xml"


def _lib_dir(root: Path, server: str) -> Path:
    # Named for the list of jars, so that a changed list is fetched anew.
    digest = hashlib.sha256(_pom(root, server).read_bytes()).hexdigest()[:12]
    return root / ".postern" / server / f"lib-{digest}"


def _require(program: str) -> None:
    if shutil.which(program) is None:
        raise JarsUnavailable(f"{program} is not installed")
