"""How the code is kept: sizes of functions and files, docstrings, imports.

What does not yet keep to it is listed; who mends it removes it from the list.
"""

import ast
from functools import cache
from pathlib import Path

import lamost_rare

ROOT = Path(lamost_rare.__file__).parent
FILES = {
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}
HEAVY = {
    "astropy", "h5py", "keras", "matplotlib", "pyarrow", "scipy", "sklearn", "specutils",
    "tensorflow",
}  # fmt: skip
"""What takes long to load: imports of it, or of a module that imports it, may wait."""
ASKING = ("What", "Whether", "Which", "How")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


LONG_FUNCTIONS: set[str] = set()
"""Longer than 90 lines, without the docstring: parameters and examples are not what is long."""

LONG_FILES: set[str] = {
    "training.estimator",
}
"""Longer than 300 lines."""

LATE_IMPORTS: set[str] = {
    "commands.classify",
    "commands.demo",
    "commands.run",
    "commands.scan",
    "commands.train",
    "pipeline.steps.line_evidence",
    "pipeline.steps.normalize",
    "pipeline.steps.resample",
}
"""Loaded to print a help text or to list steps: what these modules import late loads numpy."""

ASKING_DOCSTRINGS: set[str] = set()
"""Docstrings that do not say what is done."""


@cache
def tree_of(module):
    return ast.parse(FILES[module].read_text(encoding="utf-8"))


def imported_by(module, node):
    """Modules that an import statement names: of this package by their full names."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if not node.level:
        base = node.module
    else:
        package = module if FILES[module].name == "__init__.py" else module.rpartition(".")[0]
        parts = package.split(".")[: len(package.split(".")) - node.level + 1]
        base = ".".join([*parts, *([node.module] if node.module else [])])
    below = {f"{base}.{alias.name}" for alias in node.names} & FILES.keys()
    return below or {base}


def at_the_top(module):
    """Statements that are run when the module is imported."""
    open_ = list(tree_of(module).body)
    while open_:
        node = open_.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        yield node
        if isinstance(node, (ast.If, ast.Try, ast.With)):
            open_ += node.body


@cache
def is_heavy(module):
    """Tell whether importing a module of the package loads any of `HEAVY`."""
    seen, open_ = set(), [module]
    while open_:
        name = open_.pop()
        if name in seen:
            continue
        seen.add(name)
        for node in at_the_top(name):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                found = imported_by(name, node)
                if any(other.split(".")[0] in HEAVY for other in found):
                    return True
                open_ += found & FILES.keys()
            elif not isinstance(node, (*FUNCTIONS, ast.ClassDef)) and calls(node, "load_keras"):
                return True
    return False


def calls(node, name):
    return any(
        isinstance(x, ast.Call) and isinstance(x.func, ast.Name) and x.func.id == name
        for x in ast.walk(node)
    )


def functions(module):
    """Functions and methods of a module with their dotted names."""

    def walk(node, above):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (*FUNCTIONS, ast.ClassDef)):
                name = f"{above}.{child.name}" if above else child.name
                if isinstance(child, FUNCTIONS):
                    yield name, child
                yield from walk(child, name)
            else:
                yield from walk(child, above)

    return walk(tree_of(module), "")


def late_imports(module):
    """Own modules that are imported inside functions although they load quickly."""
    for _, function in functions(module):
        for node in ast.walk(function):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                own = imported_by(module, node) & FILES.keys()
                yield from (other for other in own if not is_heavy(other))


def names(values):
    """Names without that of the package."""
    return {value.removeprefix("lamost_rare.") for value in values}


def length(node):
    """Lines of a function without those of its docstring."""
    first = node.body[0]
    said = first.end_lineno - first.lineno + 1 if ast.get_docstring(node, clean=False) else 0
    return node.end_lineno - node.lineno + 1 - said


def test_functions_are_short():
    found = names(
        f"{module}.{name}"
        for module in FILES
        for name, node in functions(module)
        if length(node) > 90
    )
    assert found == LONG_FUNCTIONS


def test_files_are_short():
    found = names(
        module
        for module, path in FILES.items()
        if len(path.read_text(encoding="utf-8").splitlines()) > 300
    )
    assert found == LONG_FILES


def test_imports_wait_only_for_what_takes_long_to_load():
    found = {module: sorted(late_imports(module)) for module in FILES}
    assert names(module for module, late in found.items() if late) == LATE_IMPORTS, found


def test_docstrings_say_what_is_done():
    found = names(
        f"{module}.{name}"
        for module in FILES
        for name, node in functions(module)
        if not node.name.startswith("_") and (ast.get_docstring(node) or "").split(" ")[0] in ASKING
    )
    assert found == ASKING_DOCSTRINGS
