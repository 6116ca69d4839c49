"""Configuration of the documentation site: `make docs` builds it into ``docs/_build/html``.

Nothing is fetched while it is built: what other projects document is listed in ``inventories/``.
"""

import ast
import inspect
import os
import sys
import textwrap
from pathlib import Path

# Before a page or a notebook loads TensorFlow: its start-up messages are no part of any output.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

HERE = Path(__file__).parent

# Notebooks call the command that is installed beside this Python, draw into the page, and see no
# settings of whoever builds the site.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
os.environ.pop("MPLBACKEND", None)
os.environ["IPYTHONDIR"] = str(HERE / "_build" / "ipython")
_profile = HERE / "_build" / "ipython" / "profile_default"
_profile.mkdir(parents=True, exist_ok=True)
(_profile / "ipython_kernel_config.py").write_text(
    "c.IPKernelApp.log_level = 40  # no word on sockets of this computer\n"
    "c.InlineBackend.rc = {'figure.dpi': 110, 'savefig.dpi': 110}\n"
)
sys.path.insert(0, str(HERE / "_ext"))

import lamost_rare  # noqa: E402
from inventories import ALIASES, intersphinx_entries  # noqa: E402 (the path comes first)

project = "lamost-rare"
author = "The lamost-rare developers"
copyright = author
release = version = lamost_rare.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "numpydoc",
    "myst_nb",
    "sphinx_copybutton",
    "code_links",
    "generated_text",
    "nothing_fetched",
]
exclude_patterns = ["_build", "**.ipynb_checkpoints"]
templates_path = ["_templates"]
nitpicky = True
default_role = "obj"

autosummary_ignore_module_all = False
autosummary_imported_members = True
autodoc_typehints = "none"  # types are in the docstrings, with shapes and units
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # the template of a class lists them
numpydoc_xref_param_type = True
numpydoc_xref_aliases = ALIASES
numpydoc_xref_ignore = "all"

intersphinx_mapping = intersphinx_entries(HERE / "inventories", HERE / "_build" / "inventories")


def original_docstring(app, what, name, obj, options, lines):
    """Show what is written: ceci appends to the docstrings of stages, without indentation."""
    if what == "class" and name.startswith("lamost_rare_ceci."):
        tree = ast.parse(textwrap.dedent(inspect.getsource(obj)))
        lines[:] = ast.get_docstring(tree.body[0]).splitlines()


def setup(app):
    """Register with Sphinx."""
    app.connect("autodoc-process-docstring", original_docstring, priority=100)


myst_enable_extensions = ["deflist"]
myst_heading_anchors = 4
nb_execution_mode = "force"
# With this, tutorials that train or start clusters are shown without outputs: for quick builds.
if os.environ.get("LAMOST_RARE_QUICK_DOCS"):
    nb_execution_excludepatterns = ["*own_class*", "*cluster*", "*pipelines*"]
    suppress_warnings = ["myst-nb.lexer"]  # without a kernel nobody says that cells are Python
nb_execution_show_tb = True
nb_execution_timeout = 600  # seconds a cell, on a busy machine
nb_execution_in_temp = True
nb_ipywidgets_js = {}  # what it holds by default would be fetched by the reader's browser
nb_merge_streams = True

html_context = {"default_mode": "auto"}
html_theme = "pydata_sphinx_theme"
html_title = "lamost-rare"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {
    "logo": {"text": "lamost-rare"},
    "navbar_align": "left",
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
