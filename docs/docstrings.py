"""What docstrings mean to Sphinx: short names are links, private bases and members of other packages are not shown."""

from collections import defaultdict
from functools import lru_cache

from sphinx.application import Sphinx

_OF_MODULES = ("class", "exception", "function")


def setup(app: Sphinx) -> dict:
    """Register the extension with Sphinx."""
    app.connect("missing-reference", _resolve)
    app.connect("autodoc-skip-member", _is_foreign)
    app.connect("autodoc-process-bases", _without_private)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _is_foreign(app, what, name, member, skip, options):
    module = getattr(getattr(member, "fget", None) or member, "__module__", None)
    return True if isinstance(module, str) and module.partition(".")[0] != "assocmem" else None


def _without_private(app, name, member, options, bases):
    while any(base.__name__.startswith("_") for base in bases):
        bases[:] = [b for base in bases for b in (base.__bases__ if base.__name__.startswith("_") else (base,))]


def _resolve(app, env, node, content):
    """A link to the one documented object that has the end of the target as its name.

    Single words in lower case are left alone: in docstrings most of them are parameters or variables.
    """
    target = node.get("reftarget", "").removesuffix("()")
    *_, last = parts = target.split(".")
    is_ours = len(parts) == 1 or parts[0] == "assocmem" or parts[0][:1].isupper()
    is_name = len(parts) > 1 or "_" in last or last != last.lower() or last in ("simulate", "iterate")
    if node.get("refdomain") != "py" or not is_ours or not is_name:
        return None
    found = _by_end(env)[".".join(parts[-2:])] or _by_end(env)[last]
    if len(found) != 1:
        return None
    return env.domains["py"].resolve_xref(env, node["refdoc"], app.builder, "obj", found[0], node, content)


@lru_cache(maxsize=1)
def _by_end(env):
    """Names of documented objects by their last part, those of members by their last two."""
    names = defaultdict(list)
    for name, entry in env.domains["py"].objects.items():
        if not entry.aliased and entry.objtype != "module":
            n_parts = 1 if entry.objtype in _OF_MODULES else 2
            names[".".join(name.split(".")[-n_parts:])].append(name)
    return names
