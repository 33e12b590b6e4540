"""Where a scan keeps finished points: one file each, written in one step, with a checksum."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from assocmem.scan.designs import Design, point_key
from assocmem.scan.outcomes import Outcome

__all__ = ["FORMAT", "Store", "StoreError", "point_keys"]

FORMAT = 2
_ENTRIES = {
    "format": int,
    "function": str,
    "source": str,
    "version": str,
    "seed": int,
    "repeats": int | None,
    "fixed": dict,
    "contents": dict,
    "design": dict,
}
_DIGEST = 64  # characters of a SHA-256
_LEFT_OVER = 24 * 3600  # seconds after which nobody is still writing a file


class StoreError(RuntimeError):
    """A store could not be read or written; the message says which, and why."""


def point_keys(design: Design, repeats: int | None, seed: int, contents: dict) -> list[str]:
    """Names of all points of a scan in the order of its results.

    A name depends on all that goes into a point, and on nothing else of the design: its parameters, what their labels
    stand for, the fixed parameters, the repeat and the seed of the scan.

    Parameters
    ----------
    design : Design
    repeats : int, optional
    seed : int
    contents : dict
        Digests of the fixed parameters, "fixed", and of the objects on every axis that has some, "axes".
    """
    # no parameter has such names: they are no identifiers
    fixed = {f"fixed {name}": digest for name, digest in contents["fixed"].items()}
    keys = []
    for label, places in zip(design.labels(), design.indices(), strict=True):
        at = {axis.name: place for axis, place in zip(design.axes, places, strict=True)}
        held = {f"content of {name}": digests[at[name]] for name, digests in contents["axes"].items()}
        keys += [point_key({**label, **fixed, **held}, repeat, seed) for repeat in range(repeats or 1)]
    return keys


class Store:
    """A folder with the finished points of a scan and a manifest that says what they are.

    Any number of processes may read and write it at the same time: files appear whole, in one step, and what is not
    one of them is never read. Reading writes nothing.

    Parameters
    ----------
    folder : path
        Made by `prepare` if it is missing; its parent must exist.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self.points = self.folder / "points"
        self.n_corrupt = 0

    def prepare(self) -> None:
        """Make the folder if it is missing, and see that it can be written.

        Raises
        ------
        StoreError
            If it cannot be made or written.
        """
        try:
            self.folder.mkdir(exist_ok=True)
            self.points.mkdir(exist_ok=True)
            with tempfile.TemporaryFile(dir=self.points) as probe:
                probe.write(b"x")
            self._remove_leftovers()
        except OSError as error:
            raise StoreError(f"store {self.folder} must be a folder that can be written: {error}") from error

    def _remove_leftovers(self) -> None:
        """Files that were being written when a process was killed, a day ago or more."""
        for path in (*self.folder.glob("*.partial"), *self.points.glob("*.partial")):
            try:
                if time.time() - path.stat().st_mtime > _LEFT_OVER:
                    path.unlink()
            except FileNotFoundError:  # its writer has finished, or another process has removed it
                continue

    def manifest(self) -> dict | None:
        """What the points are, or None if the store is new.

        Raises
        ------
        StoreError
            If it cannot be read, or is none, or is missing although there are points.
        """
        path = self.folder / "manifest.json"
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            if self.keys():
                raise StoreError(f"store {self.folder} has points but no manifest that says what they are") from None
            return None
        except (OSError, ValueError) as error:
            raise StoreError(f"{path} must be the manifest of a scan: {error}") from error
        problem = _problem(manifest)
        if problem:
            raise StoreError(f"{path} must be the manifest of a scan: {problem}")
        return manifest

    def write_manifest(self, manifest: dict) -> None:
        """Say what the points are.

        Raises
        ------
        StoreError
            If it cannot be written.
        """
        self._write(self.folder / "manifest.json", json.dumps(manifest, indent=1).encode())

    def save(self, key: str, outcome: Outcome) -> None:
        """Keep a finished point.

        Raises
        ------
        StoreError
            If it cannot be written.
        """
        content = outcome.to_bytes()
        self._write(self._path(key), hashlib.sha256(content).hexdigest().encode() + content)

    def load(self, key: str) -> Outcome | None:
        """A finished point, or None if there is none. One that is damaged counts as missing, and in `n_corrupt`.

        Raises
        ------
        StoreError
            If the file is there but cannot be read.
        """
        try:
            content = self._path(key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"store {self.folder} could not be read: {error}") from error
        digest, content = content[:_DIGEST], content[_DIGEST:]
        if hashlib.sha256(content).hexdigest().encode() != digest:
            self.n_corrupt += 1
            return None
        return Outcome.from_bytes(content)

    def keys(self) -> set[str]:
        """Names of the points that are there.

        Raises
        ------
        StoreError
            If the folder is there but cannot be read.
        """
        try:
            names = os.listdir(self.points)
        except (FileNotFoundError, NotADirectoryError):
            return set()
        except OSError as error:
            raise StoreError(f"store {self.folder} could not be read: {error}") from error
        return {name.removesuffix(".point") for name in names if name.endswith(".point")}

    def _path(self, key: str) -> Path:
        return self.points / f"{key}.point"

    def _write(self, path: Path, content: bytes) -> None:
        # no other thread of any machine that shares the disk writes a file of this name
        writer = f"{platform.node()}-{os.getpid()}-{threading.get_ident()}"
        partial = path.with_name(f"{path.name}.{writer}.partial")
        try:
            partial.write_bytes(content)
            os.replace(partial, path)
        except BaseException as error:
            with suppress(OSError):  # the disk that has just refused to write may refuse this, too
                partial.unlink()
            if isinstance(error, OSError):
                raise StoreError(f"store {self.folder} could not be written: {error}") from error
            raise


def _problem(manifest) -> str:
    """What is wrong with a manifest; empty if nothing is."""
    if not isinstance(manifest, dict):
        return f"it has to hold an object, got {json.dumps(manifest)[:40]}"
    if manifest.get("format", FORMAT) != FORMAT:
        return f"it is of format {manifest['format']}, and this version reads {FORMAT}; use another folder"
    missing = [name for name in _ENTRIES if name not in manifest]
    if missing:
        return f"it lacks {', '.join(missing)}"
    wrong = [name for name, kind in _ENTRIES.items() if not isinstance(manifest[name], kind)]
    return f"the type of {', '.join(wrong)} is wrong" if wrong else ""
