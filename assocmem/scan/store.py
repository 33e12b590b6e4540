"""Where a scan keeps finished points: one file each, written in one step, with a checksum."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path

from assocmem.scan.outcomes import Outcome

__all__ = ["Store", "StoreError"]

FORMAT = 1
_DIGEST = 64  # characters of a SHA-256


class StoreError(RuntimeError):
    """A store could not be read or written; the message says which, and why."""


class Store:
    """A folder with the finished points of a scan and a manifest that says what they are.

    Parameters
    ----------
    folder : path
        Made if it is missing; its parent must exist.

    Raises
    ------
    StoreError
        If it cannot be made or written.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self.points = self.folder / "points"
        self.n_corrupt = 0
        try:
            self.folder.mkdir(exist_ok=True)
            self.points.mkdir(exist_ok=True)
            with tempfile.TemporaryFile(dir=self.points) as probe:
                probe.write(b"x")
        except OSError as error:
            raise StoreError(f"store {self.folder} must be a folder that can be written: {error}") from error
        self._remove_partial_files()

    def _remove_partial_files(self) -> None:
        """Files that were being written when a process was killed."""
        for path in self.points.glob("*.partial"):
            path.unlink(missing_ok=True)

    def manifest(self) -> dict | None:
        """What the points are, or None if the store is new.

        Raises
        ------
        StoreError
            If it cannot be read.
        """
        path = self.folder / "manifest.json"
        if not path.exists():
            return None
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StoreError(f"{path} must be the manifest of a scan: {error}") from error

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
        """Names of the points that are there."""
        return {path.stem for path in self.points.glob("*.point")}

    def _path(self, key: str) -> Path:
        return self.points / f"{key}.point"

    def _write(self, path: Path, content: bytes) -> None:
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        try:
            partial.write_bytes(content)
            os.replace(partial, path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise StoreError(f"store {self.folder} could not be written: {error}") from error
