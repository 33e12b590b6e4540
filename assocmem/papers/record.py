"""The record of a reproduction on disk: Datasets, figures and the table of claims."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import xarray as xr
from matplotlib.figure import Figure

from assocmem.plotting import style

CLAIM_KEYS = (
    "paper",
    "experiment",
    "claim",
    "theirs",
    "ours",
    "tolerance",
    "verdict",
    "scale",
    "seed",
    "version",
)
CLAIMS_FILE = "claims.json"


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Call `write` with a temporary path beside `path` and move the result there in one step.

    Whoever looks at `path`, at whatever moment, finds the old file or the new one, never a part.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def save_dataset(dataset: xr.Dataset, path: Path) -> None:
    """Write a Dataset as netCDF, compressed."""
    encoding = {name: {"zlib": True} for name, v in dataset.variables.items() if v.ndim and v.dtype.kind in "fiub"}
    write_atomically(path, lambda p: dataset.to_netcdf(p, engine="h5netcdf", encoding=encoding))


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG and PDF; `path` is without suffix."""
    for suffix in (".png", ".pdf"):
        # without the creation date, so that an unchanged figure is an unchanged file
        metadata = {"CreationDate": None} if suffix == ".pdf" else {"Software": None}
        target = path.with_name(path.name + suffix)
        with style():  # resolution and fonts are those of the style sheet
            write_atomically(target, lambda p, metadata=metadata: figure.savefig(p, metadata=metadata))


def read_claims(folder: Path) -> list[dict]:
    """Rows recorded in `folder`; none where there is no record.

    Raises
    ------
    ValueError
        If the file is no list of rows with the keys of a claim.
    """
    path = folder / CLAIMS_FILE
    if not path.exists():
        return []
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        readable = all(set(row) == set(CLAIM_KEYS) for row in rows)
    except (json.JSONDecodeError, TypeError) as error:
        raise ValueError(f"{path} must be a list of claims, got something else: {error}") from error
    if not readable:
        raise ValueError(f"{path} must be a list of claims with the keys {', '.join(CLAIM_KEYS)}")
    return rows


def merge_claims(rows: Iterable[dict], folder: Path) -> list[dict]:
    """Record rows, in place of all earlier ones of the same paper, experiment and scale.

    Returns
    -------
    list of dict
        The whole record, ordered by paper, then as first recorded.
    """
    rows = [{key: row[key] for key in CLAIM_KEYS} for row in rows]
    groups: dict[tuple, list[dict]] = {}
    for row in read_claims(folder):
        groups.setdefault(_group(row), []).append(row)
    groups |= {_group(row): [] for row in rows}
    for row in rows:
        groups[_group(row)].append(row)
    return _write_claims([row for group in groups.values() for row in group], folder)


def remove_claims(paper: str, experiment: str, scale: str, folder: Path) -> list[dict]:
    """Drop the rows of an experiment at a scale from the record; returns what remains."""
    return _write_claims([r for r in read_claims(folder) if _group(r) != (paper, experiment, scale)], folder)


def _write_claims(rows, folder):
    text = json.dumps(rows, indent=1, ensure_ascii=False) + "\n"
    write_atomically(folder / CLAIMS_FILE, lambda p: p.write_text(text, encoding="utf-8"))
    return rows


def claims_table(rows: list[dict], *, keys: tuple[str, ...] = CLAIM_KEYS) -> str:
    """Rows as aligned text, one line per claim below a line of keys."""
    if not rows:
        return "no claims recorded"
    lines = [list(keys)] + [[str(row[key]) for key in keys] for row in rows]
    widths = [max(len(line[k]) for line in lines) for k in range(len(keys))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _group(row):
    return row["paper"], row["experiment"], row["scale"]
