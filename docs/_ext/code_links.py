"""Names of code become links, in docstrings and in the pages.

In a docstring a name in single backticks is looked for among what is documented, also by its end:
`SpectrumBatch` is found wherever it is. What exists in the package and has no page is shown as
code. What does not exist is left to Sphinx, which warns.

In a page a public name in backticks, such as ``scan_directory``, leads to its page; pages need no
other mark-up than a code host shows.
"""

import builtins
import re
import sys
from importlib import import_module

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.nodes import make_refnode

import lamost_rare
from dotted_names import leads_somewhere

__all__ = ["exists", "setup"]


def exists(name: str, module: str | None, cls: str | None) -> bool:
    """Tell whether a name of a docstring is of the package, or built into Python."""
    homes = [f"{module}.{cls}" if cls else None, module, "lamost_rare"]
    if hasattr(builtins, name.split(".")[0]):
        return True
    loaded = sorted(module for module in sys.modules if module.startswith("lamost_rare"))
    return any(_of_package(f"{home}.{name}" if home else name) for home in [*homes, None, *loaded])


def _of_package(dotted: str) -> bool:
    return dotted.split(".")[0] == "lamost_rare" and leads_somewhere(dotted)


def _by_end(objects: dict, name: str) -> str | None:
    """Return the one documented object whose dotted name ends like this, if there is one."""
    if name in objects:
        return name
    found = [full for full in objects if full.endswith(f".{name}")]
    found = [full for full in found if not objects[full].aliased] or found
    return min(found, key=len) if len(found) == 1 or _same(found) else None


def _same(names: list[str]) -> bool:
    """Tell whether names are of one object, as that of a package and of its module."""
    things = []
    for name in names:
        module, _, last = name.rpartition(".")
        try:
            things.append(getattr(import_module(module), last))
        except (ImportError, AttributeError):
            return False
    return bool(things) and all(thing is things[0] for thing in things)


def resolve(app, env, node, contnode):
    """Resolve what Sphinx did not find."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"].lstrip("~.")
    objects = env.get_domain("py").objects
    if full := _by_end(objects, target):
        return _link(app.builder, node["refdoc"], objects[full], contnode, full)
    if exists(target, node.get("py:module"), node.get("py:class")):
        return contnode
    return None


def _link(builder, docname, entry, content, title):
    return make_refnode(builder, docname, entry.docname, entry.node_id, [content], title)


class LinkLiterals(SphinxPostTransform):
    """Turn public names that stand in backticks in a page into links."""

    default_priority = 400

    def run(self, **kwargs):
        """Look at each literal of the page."""
        docname = self.env.docname
        objects = self.env.get_domain("py").objects
        for node in list(self.document.findall(nodes.literal)):
            if isinstance(node.parent, nodes.reference) or _in_title(node):
                continue
            name = node.astext().removesuffix("()")
            entry = objects.get(name if "." in name else f"lamost_rare.{name}")
            if entry is None or entry.docname == docname or name in NOT_ALONE:
                continue
            if not re.fullmatch(r"[A-Za-z_][\w.]*", name):
                continue
            copy = node.deepcopy()
            node.replace_self(_link(self.app.builder, docname, entry, copy, name))


NOT_ALONE = {"completeness"}
"""Also words of other things: columns, subcommands."""


def _in_title(node) -> bool:
    while node is not None:
        if isinstance(node, (nodes.title, nodes.term)):
            return True
        node = node.parent
    return False


def setup(app):
    """Register with Sphinx."""
    assert lamost_rare.__all__  # names without a module are looked for there
    app.connect("missing-reference", resolve)
    app.add_post_transform(LinkLiterals)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
