"""Settings of Sphinx. Pages that are made from other files are written before Sphinx reads its sources."""

import os
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE))

import generated_pages  # noqa: E402
from without_torch import import_without_torch  # noqa: E402

project = "assocmem"
author = "the assocmem developers"
copyright = author
release = version = installed_version("assocmem")

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_design",
    "docstrings",
]
exclude_patterns = ["_build", "**.ipynb_checkpoints"]
templates_path = ["_templates"]
default_role = "py:obj"

# the API: a page for each name in the tables of api/*.rst
autosummary_generate = True
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"  # docstrings say types together with shapes
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

# guides and notebooks
myst_enable_extensions = ["colon_fence", "dollarmath", "deflist"]
myst_heading_anchors = 3
executed_notebooks = os.environ.get("ASSOCMEM_EXECUTED_NOTEBOOKS")
nb_execution_mode = "off" if executed_notebooks else "force"
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_merge_streams = True

# drawn as SVG, which needs no fonts from elsewhere
mathjax_path = "https://cdn.jsdelivr.net/npm/mathjax@4/tex-mml-svg.js"

html_theme = "pydata_sphinx_theme"
html_title = f"assocmem {release}"
html_static_path = ["_static"]
html_css_files = ["assocmem.css"]
html_theme_options = {
    "collapse_navigation": True,  # without it the sidebars of hundreds of pages take most of the build
    "navigation_with_keys": False,
    "navbar_persistent": ["search-button"],
    "header_links_before_dropdown": 8,
    "secondary_sidebar_items": {"**": ["page-toc"], "gallery/index": [], "index": []},
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
}
# pages with figures and long lines of code have the whole width
_WITHOUT_SIDEBAR = ["index", "installation", "studies", "models", "cluster", "reproducibility", "notebooks/**"]
html_sidebars = {page: [] for page in _WITHOUT_SIDEBAR}
html_copy_source = False
html_show_sphinx = False

if os.environ.get("ASSOCMEM_INTERSPHINX"):  # links to other projects need the network
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "xarray": ("https://docs.xarray.dev/en/stable", None),
    }

generated_pages.emptied(HERE / "api" / "objects")  # a name that is gone must not leave its page
generated_pages.write_notebooks(Path(executed_notebooks or ROOT / "notebooks"), HERE / "notebooks")
generated_pages.write_gallery(ROOT / "figures", HERE / "gallery")
import_without_torch()
