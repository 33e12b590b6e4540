"""One page of HTML about a scan: its figures, parameters, provenance and failures, in one file."""

from __future__ import annotations

import base64
import html
import io
import platform
from collections import Counter
from pathlib import Path

import numpy as np
import xarray as xr

from assocmem.plotting.studies import plot_scan
from assocmem.plotting.style import make_figure, style
from assocmem.provenance import package_version
from assocmem.scan import load_scan

__all__ = ["scan_report", "write_scan_report"]

_MOST_FIGURES, _MOST_FAILURES, _MOST_WORDS = 40, 50, 20
_RECORDS = ("status", "error", "seconds")
_CSS = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: 0.5rem 0 1.5rem; }
td, th { border-bottom: 1px solid #ddd; padding: 0.2rem 0.8rem 0.2rem 0; text-align: left; vertical-align: top; }
figure { display: inline-block; margin: 0 1rem 1rem 0; } img { max-width: 100%; }
pre { background: #f6f6f6; padding: 0.6rem; overflow-x: auto; font-size: 12px; }
"""


def write_scan_report(store: str | Path, path: str | Path | None = None) -> Path:
    """Write the report of the scan in a store, and return where.

    Parameters
    ----------
    store : path
        Of `assocmem.scan.scan`.
    path : path, optional
        ``report.html`` in the store if None.

    Raises
    ------
    StoreError
        If the folder is not the store of a scan.
    OSError
        If the page cannot be written.
    """
    path = Path(store) / "report.html" if path is None else Path(path)
    path.write_text(scan_report(load_scan(store), title=Path(store).resolve().name), encoding="utf-8")
    return path


def scan_report(result: xr.Dataset, *, title: str) -> str:
    """A page of HTML about a scan that needs no other file.

    Parameters
    ----------
    result : Dataset
        Of `assocmem.scan.scan` or `load_scan`.
    title : str
    """
    parts = [
        f"<h1>{_text(title)}</h1>",
        _summary(result),
        "<h2>Results</h2>",
        _figures(result),
        "<h2>Parameters</h2>",
        _parameters(result),
        "<h2>Failures</h2>",
        _failures(result),
        "<h2>Provenance</h2>",
        _table({**result.attrs, **_versions()}.items()),
    ]
    head = f'<meta charset="utf-8"><title>{_text(title)}</title><style>{_CSS}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>\n' + "\n".join(parts) + "\n</body></html>\n"


def _text(value) -> str:
    return html.escape(str(value))


def _table(rows, head: tuple[str, ...] = ()) -> str:
    cells = ["".join(f"<td>{_text(value)}</td>" for value in row) for row in rows]
    first = "<tr>" + "".join(f"<th>{_text(name)}</th>" for name in head) + "</tr>" if head else ""
    return "<table>" + first + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"


def _summary(result):
    status = result.status.values
    counts = {name: int((status == value).sum()) for value, name in enumerate(("done", "failed", "missing"))}
    seconds = result.seconds.values
    spent = f"{np.nansum(seconds):.3g} s in the function"
    if np.isfinite(seconds).any():
        spent += f", {np.nanmean(seconds):.3g} s a point"
    counted = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f"<p>{status.size} points: {counted}; {spent}.</p>"


def _figures(result):
    shown, words, left = [], [], []
    for name in (str(name) for name in result.data_vars if name not in _RECORDS):
        is_inside = set(result[name].dims) <= set(result.status.dims)
        is_flat = 1 <= len(set(result[name].dims) - {"repeat"}) <= 2
        if is_inside and result[name].dtype.kind in "UOT":
            words.append(name)
        elif is_inside and is_flat and result[name].dtype.kind in "biuf" and len(shown) < _MOST_FIGURES:
            shown.append(name)
        else:
            left.append(name)
    page = "".join(f'<figure><img alt="{_text(n)}" src="{_png(result, n)}"></figure>' for n in shown)
    if words:
        page += _table(_counts(result, words), ("result", "word", "points"))
    if left:
        rows = [(name, result[name].dtype, dict(result[name].sizes)) for name in left]
        page += "<p>Not drawn:</p>" + _table(rows, ("result", "type", "sizes"))
    return page or "<p>None.</p>"


def _counts(result, names):
    """How many finished points have which word, the most frequent first."""
    for name in names:
        values = result[name].values[result.status.values == 0]
        counts = Counter(str(value) for value in values).most_common()
        yield from ((name, word, count) for word, count in counts[:_MOST_WORDS])
        if more := counts[_MOST_WORDS:]:
            yield name, f"{len(more)} others", sum(count for _, count in more)


def _png(result, name):
    with style():
        figure, axes = make_figure(width="column", height=62)
        plot_scan(result, name, axes[0])
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=160)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _parameters(result):
    rows = []
    for name, coordinate in result.coords.items():
        if set(coordinate.dims) <= set(result.status.dims) and name not in ("point",):
            values = np.atleast_1d(coordinate.values)
            listed = ", ".join(f"{value:g}" if coordinate.dtype.kind in "iuf" else str(value) for value in values[:12])
            rows.append((name, values.size, listed + (", ..." if values.size > 12 else "")))
    return _table(rows, ("parameter", "number", "values"))


def _failures(result):
    failed = np.argwhere(result.status.values == 1)
    if not len(failed):
        return "<p>None.</p>"
    page = []
    for place in failed[:_MOST_FAILURES]:
        at = dict(zip(result.status.dims, place, strict=True))
        point = result.isel(at)
        named = {n: c.item() for n, c in point.coords.items() if c.ndim == 0 and n != "point"}
        where = ", ".join(f"{name} = {value}" for name, value in named.items())
        page.append(f"<h3>{_text(where)}</h3><pre>{_text(point.error.item())}</pre>")
    more = len(failed) - _MOST_FAILURES
    return "".join(page) + (f"<p>and {more} more.</p>" if more > 0 else "")


def _versions():
    packages = ("assocmem", "numpy", "numba", "scipy", "xarray")
    return {f"{name} here": package_version(name) for name in packages} | {"python here": platform.python_version()}
