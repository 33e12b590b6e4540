"""Writes pages that are made from other files: notebooks, and the gallery of figures with the record of claims."""

import json
import shutil
import string
from collections import Counter
from pathlib import Path

from PIL import Image

from assocmem.papers import PAPERS, read_claims

_THUMBNAIL = (720, 720)  # pixels, twice those of the page
_ESCAPES = str.maketrans({character: "\\" + character for character in string.punctuation})
_COLUMNS = ("claim", "theirs", "ours", "tolerance", "verdict")


def write_notebooks(source: Path, folder: Path) -> None:
    """Copy all notebooks from `source`, and nothing else, to a folder, with a page that lists them."""
    notebooks = sorted(source.glob("*.ipynb"))
    if not notebooks:
        raise FileNotFoundError(f"there must be notebooks in {source}, found none")
    emptied(folder)
    for path in notebooks:
        shutil.copy(path, folder / path.name)
    lines = ["# Notebooks", "", "Each runs from top to bottom in a minute or less, at sizes of a toy.", ""]
    lines += [f"- [{_title(path)}]({path.name})" for path in notebooks]
    _write(folder / "index.md", [*lines, "", *_toctree([path.stem for path in notebooks])])


def write_gallery(figures: Path, folder: Path) -> None:
    """Write a page of thumbnails, and for each paper one of its figures at full size with the claims about them."""
    emptied(folder)
    claims = [row for row in read_claims(figures) if row["scale"] == "paper"]
    names = [name for name in PAPERS if (figures / name).is_dir()]
    lines = [
        "# Gallery",
        "",
        "Experiments at full size, as `assocmem reproduce --scale paper` computes them. A thumbnail leads to the",
        "figure and to the claims that were checked on its data; what does not reproduce is listed as such.",
        "",
    ]
    for name in names:
        paper, rows = PAPERS[name], [row for row in claims if row["paper"] == name]
        shown = [e for e in paper.experiments if _figure(figures, name, e.name).exists()]
        reference = f"{_escaped(paper.reference)}. **{_count(rows)}**"
        lines += [f"## [{_escaped(paper.title)}]({name}.md)", "", reference, ""]
        lines += _grid(figures, folder, name, shown, rows)
        _write_paper(figures, folder / f"{name}.md", name, shown, rows)
    _write(folder / "index.md", [*lines, *_toctree(names)])


def emptied(folder: Path) -> None:
    """Make an empty folder, in place of what was there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


def _write_paper(figures, path, name, shown, rows):
    paper = PAPERS[name]
    lines = [f"# {_escaped(paper.title)}", "", f"{_escaped(paper.reference)}.", "", f"**{_count(rows)}**", ""]
    for experiment in shown:
        own = [row for row in rows if row["experiment"] == experiment.name]
        image = _figure(Path("../..") / figures.name, name, experiment.name).as_posix()
        lines += [f"({_label(name, experiment)})=", f"## {_headline(experiment)}", ""]
        lines += [f":::{{image}} {image}", f":alt: {experiment.title}", ":width: 100%", ":::", ""]
        lines += [f"`assocmem reproduce {name}/{experiment.name} --scale paper`", "", *_claims(own)]
    _write(path, lines)


def _grid(figures, folder, name, shown, rows):
    lines = ["::::{grid} 1 2 3 3", ":gutter: 3", ""]
    for experiment in shown:
        own = [row for row in rows if row["experiment"] == experiment.name]
        thumbnail = f"{name}-{experiment.name}.png"
        with Image.open(_figure(figures, name, experiment.name)) as image:
            image.thumbnail(_THUMBNAIL)
            image.save(folder / thumbnail)
        link = [f":link: {_label(name, experiment)}", ":link-type: ref"]
        lines += [":::{grid-item-card}", f":img-top: {thumbnail}", *link, ":class-card: gallery-thumbnail", ""]
        lines += [_headline(experiment), "", f"*{_count(own)}*", ":::", ""]
    return [*lines, "::::", ""]


def _claims(rows):
    if not rows:
        return []
    lines = [f":::{{dropdown}} {_count(rows)}", "", "| " + " | ".join(_COLUMNS) + " |", "|---" * len(_COLUMNS) + "|"]
    lines += ["| " + " | ".join(_escaped(row[key]) for key in _COLUMNS) + " |" for row in rows]
    return [*lines, ":::", ""]


def _count(rows):
    if not rows:
        return "no claims recorded"
    verdicts = Counter(row["verdict"] for row in rows)
    return f"{verdicts['reproduced']} of {len(rows)} claims reproduced"


def _figure(figures, paper, experiment):
    return figures / paper / f"{experiment}-paper.png"


def _label(paper, experiment):
    return f"{paper}-{experiment.name}".replace("_", "-")


def _headline(experiment):
    return _escaped(experiment.title[0].upper() + experiment.title[1:])


def _title(notebook):
    first = "".join(json.loads(notebook.read_text(encoding="utf-8"))["cells"][0]["source"])
    return first.splitlines()[0].removeprefix("# ")


def _toctree(names):
    return ["```{toctree}", ":hidden:", "", *names, "```"]


def _escaped(text):
    return str(text).translate(_ESCAPES).replace("\n", " ")


def _write(path, lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
