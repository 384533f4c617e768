"""Packs what is installed here into wheels, for a machine without a network.

A wheel of a package is its files as RECORD lists them. The hashes are not those that
requirements.txt was locked with, so that file is written anew, with the same versions.
"""

from __future__ import annotations

import hashlib
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_ALSO = ("hatchling", "aiosmtpd")  # builds the auditor; takes its mail
_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)
_LEFT_OUT = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})


def main(checkout: str, wheels: str, requirements: str) -> None:
    """Write the wheels, and the requirements with their hashes."""
    locked = _LOCKED.findall((Path(checkout) / "requirements.txt").read_text())
    here = list(_installed(locked))
    made = {package.name: pack(package, Path(wheels)) for package in [*here, *_needed(_ALSO)]}
    lines = [
        f"{package.name}=={package.version} --hash=sha256:{_digest(made[package.name])}\n"
        for package in here
    ]
    Path(requirements).write_text("".join(lines))


def pack(packed: Distribution, folder: Path) -> Path:
    """Return a wheel of an installed package; its scripts are made again at installation."""
    tags = re.findall(r"^Tag: (\S+)-(\S+)-(\S+)$", packed.read_text("WHEEL") or "", re.MULTILINE)
    tag = "-".join(".".join(dict.fromkeys(part)) for part in zip(*tags, strict=True))
    name = canonicalize_name(packed.name).replace("-", "_")
    files = sorted(_files(packed))
    wheel = folder / f"{name}-{packed.version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for file in files:
            archive.write(str(packed.locate_file(file)), str(file))
        record = PurePosixPath(_information(files), "RECORD")
        archive.writestr(str(record), "".join(f"{file},,\n" for file in [*files, record]))
    return wheel


def _files(packed: Distribution) -> Iterator[PurePosixPath]:
    for file in packed.files or ():
        own = file.suffix != ".pyc" and ".." not in file.parts
        if own and not (file.name in _LEFT_OUT and file.parent.suffix == ".dist-info"):
            yield PurePosixPath(file)


def _information(files: Iterable[PurePosixPath]) -> str:
    return next(file.parts[0] for file in files if file.parts[0].endswith(".dist-info"))


def _installed(names: Iterable[str]) -> Iterator[Distribution]:
    for name in names:
        try:
            yield distribution(name)
        except PackageNotFoundError:  # meant for another platform
            continue


def _needed(names: Iterable[str]) -> list[Distribution]:
    """Return the packages with everything that they need."""
    found: dict[str, Distribution] = {}
    left = list(names)
    while left:
        name = canonicalize_name(left.pop())
        if name in found:
            continue
        found[name] = distribution(name)
        wanted = [Requirement(line) for line in found[name].requires or ()]
        left += [
            requirement.name
            for requirement in wanted
            if requirement.marker is None or requirement.marker.evaluate()
        ]
    return list(found.values())


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


if __name__ == "__main__":
    main(*sys.argv[1:])
