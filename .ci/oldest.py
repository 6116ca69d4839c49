"""Print the oldest version of each dependency that setup.cfg allows, as constraints of pip."""

import configparser
import re
from pathlib import Path

ALSO = ("pyparsing == 3.2.0", "pandas == 2.2.3")
"""Needed by the oldest in an old version too: matplotlib calls what pyparsing 3.3 warns of."""

setup = configparser.ConfigParser()
setup.read(Path(__file__).parents[1] / "setup.cfg", encoding="utf-8")
wanted = setup["options"]["install_requires"].splitlines()
wanted += setup["options.extras_require"]["dask"].splitlines()
for line in map(str.strip, wanted):
    if not line or line.startswith("#"):
        continue
    name, version = re.fullmatch(r"([\w-]+)(?:\[.*\])?\s*>=\s*([\d.]+)", line).groups()
    print(f"{name} == {version}")
print("\n".join(ALSO))
