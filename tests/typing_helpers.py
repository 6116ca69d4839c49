"""What of a function, or of a class's public methods, has no annotation."""

import inspect


def functions_of(thing, name):
    """A function, or the public methods of a class that are its own, with their names."""
    if inspect.isfunction(thing):
        yield name, thing
    if inspect.isclass(thing):
        for key, value in vars(thing).items():
            value = getattr(value, "fget", getattr(value, "__func__", value))
            if inspect.isfunction(value) and (key == "__init__" or not key.startswith("_")):
                yield f"{name}.{key}", value


def untyped(thing, name):
    """Names of arguments, and of results as ``return``, that say no type."""
    found = []
    for where, function in functions_of(thing, name):
        if function.__qualname__ == "__create_fn__.<locals>.__init__":
            continue  # of a dataclass
        signature = inspect.signature(function)
        given = {n: p.annotation for n, p in signature.parameters.items()}
        if not where.endswith("__init__"):
            given["return"] = signature.return_annotation
        found += [
            f"{where}: {n}"
            for n, annotation in given.items()
            if annotation is signature.empty and n not in ("self", "cls")
        ]
    return found
