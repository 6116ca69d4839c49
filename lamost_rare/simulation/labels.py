"""Which class a label means, and which star a name means.

Labels are not taken at their word where they are known to be wrong: see `library_class`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from ..spectra.batch import SpectrumBatch

__all__ = [
    "CLASSES",
    "SDSS_TEMPLATES",
    "classes_of",
    "labelled",
    "library_class",
    "model_name",
    "star_name",
    "survey_class",
]

CLASSES = ("O", "B", "A", "F", "G", "K", "M", "hot_subdwarf", "white_dwarf", "other")
"""Classes of the default preset, in the order of its outputs."""

# The "O" and early "B" templates of SDSS are hot subdwarfs and blue horizontal-branch stars.
SDSS_TEMPLATES = ("pyhammer_boss", "sdss_star_templates")

# Stars whose library label contradicts what is known of them.
_KNOWN = {
    "HD 149382": "hot_subdwarf",  # MILES: B5 (sdB, Teff 36 kK)
    "FEIGE 110": "hot_subdwarf",  # STELIB: DA
    "NGC7293": "white_dwarf",  # central star, DAO
    "HD 338529": None,  # B5, but Teff 6200 K
    "HD 37269": None,  # B9.5V + G
    "BD+39 4926": None,  # post-AGB
    "HD 105262": None,  # post-AGB, B9
    "FEIGE 40": None,  # halo B star or subdwarf
    "BD+33 2642": None,  # B2IVp: central star of a planetary nebula
    "MK T070L50P00": None,  # B0 V of MKCLASS; its name is unknown, υ Ori would be O9.7 V
}

_ALIASES = {
    "MU COL": "HD 38666",
    "SIGMA ORI": "HD 37468",
    "ETA UMA": "HD 120315",
    "LAMBDA LEP": "HD 34816",
    "KSI2 CETI": "HD 15318",
    "HR718": "HD 15318",
    "HR8634": "HD 214923",
    "HR9087": "HD 224926",
    "HR3454": "HD 74280",
    "HR4468": "HD 100889",
    "HR5501": "HD 129956",
    "HR7950": "HD 198001",
    "HR7001": "HD 172167",
    "HR4963": "HD 114330",
    "HR1544": "HD 30739",
    "HR4554": "HD 103287",
    "HR5191": "HD 120315",
    "HR1996": "HD 38666",
    "HZ438": "HZ43",
    "WD 0308-565": "WD0308-565",
}


def classes_of(label: Iterable[str]) -> list[str]:
    """Return the classes that occur among labels: those of `CLASSES` first, then any others."""
    present = set(label) - {""}
    return [c for c in CLASSES if c in present] + sorted(present - set(CLASSES))


def star_name(name: str, library: str = "") -> str:
    """Return one name for one star, whatever library it stands in.

    HD numbers win; BD numbers are brought to one form; the MK standards of the two MKCLASS
    libraries, whose names are unknown, go by their code, which is the same in both.

    >>> star_name("HR7589 / HD188209"), star_name("HD 188209")
    ('HD 188209', 'HD 188209')
    >>> star_name("BDp284211"), star_name("bd_28d4211_002")
    ('BD+28 4211', 'BD+28 4211')
    """
    text = " ".join(name.upper().split())
    if library.startswith("mkclass"):
        return "MK " + text.split(".")[0]
    if found := re.search(r"\bHD[ _]*0*(\d+)", text):
        # CALSPEC appends a digit to some names: "HD607537" is HD 60753.
        number = found.group(1)
        return f"HD {60753 if number == '607537' else int(number)}"
    if found := re.search(r"\bBD[ _]?([P+M-]?)(\d{2})[ _D]?0*(\d{1,4})", text):
        sign = "-" if found.group(1) in ("-", "M") else "+"
        return f"BD{sign}{found.group(2)} {int(found.group(3))}"
    text = re.sub(r"-\d{8}.*$|_\w*\d+$", "", text)  # dates of observation, version numbers
    text = _ALIASES.get(text, text)
    if found := re.match(r"(FEIGE|HZ|GD|LTT|LDS) ?(\d+)", text):
        return f"{found.group(1)} {int(found.group(2))}"
    return text or library


def model_name(name: str) -> str:
    """Return one name for models of one temperature and gravity, whatever else differs in them.

    >>> model_name("TLUSTY HHe-NLTE 28000/3.3"), model_name("TLUSTY HHeCSi-NLTE 28000/3.3_vmic20")
    ('model 28000/3.3', 'model 28000/3.3')
    """
    return "model " + " ".join(name.split()[2:]).split("_")[0]


def library_class(letter: str, label: str, teff: float, library: str, star: str) -> str | None:
    """Return the class of a library spectrum, or None if it is better not used.

    Parameters
    ----------
    letter, label : str
        Letter and MK type as the library gives them.
    teff : float
        K; NaN where unknown.
    library, star : str
        File stem, and name as from `star_name`.
    """
    if star in _KNOWN:
        return _KNOWN[star]
    text = label.strip()
    if library in SDSS_TEMPLATES:
        if letter == "O":
            return "hot_subdwarf"
        if letter == "B" and re.match(r"B[0-5]", text):
            return None
    if not letter and re.match(r"0[4-9]", text):  # "09Ib", a zero for the letter O
        return "O"
    if letter in ("sdO", "sdB"):
        return "hot_subdwarf"
    if letter in ("DA", "DB", "DC", "DO", "WD"):
        return "white_dwarf"
    if letter == "CSPN":
        if library == "postagb":
            return "hot_subdwarf"  # He II in absorption beside broad Balmer lines, as in sdO
        return "white_dwarf" if "DAO" in text else None
    if letter in ("WN", "WC", "C", "S", "L", "T", "R", "N"):
        return "other"
    if not letter and (found := re.match(r"sd:?([AFGK])\d", text)):
        return found.group(1)  # metal-poor subdwarfs
    if letter == "B" and teff == teff and teff < 8800:
        return None
    if letter == "O" and teff == teff and teff < 25000:
        return None
    return letter if letter in CLASSES else None


def survey_class(class_name: str, subclass: str, shows_he_i: bool = False) -> str | None:
    """Return the class of a real spectrum with LAMOST's own label; None if it is not to be used.

    Any other name than STAR, QSO, GALAXY or Unknown is a class of the user's own. ``shows_he_i``
    marks spectra in which He I is seen, whatever the label: B stars.
    """
    class_name, subclass = class_name.strip(), subclass.strip()
    if class_name.upper() not in ("STAR", "QSO", "GALAXY", "UNKNOWN", ""):
        return class_name  # the user's own
    if shows_he_i:
        return "B"
    if class_name.upper() in ("QSO", "GALAXY"):
        return "other"
    if (
        class_name.upper() != "STAR"
        or "double" in subclass.lower()
        or subclass in ("EM", "Non", "")
    ):
        return None
    if subclass.upper().startswith(("WD", "DA", "DB", "DO", "DZ", "DC", "DQ")):
        return "white_dwarf"
    if subclass.lower().startswith(("sdo", "sdb")):
        return "hot_subdwarf"
    if subclass.upper().startswith(("CARBON", "CV", "WR", "WN", "WC")):
        return "other"
    found = re.match(r"(?:[dg]|sd:?)?([OBAFGKM])", subclass)
    return found.group(1) if found else None


def labelled(batch: SpectrumBatch) -> SpectrumBatch:
    """Return the spectra of a batch that have a label.

    Parameters
    ----------
    batch : SpectrumBatch
        With a column ``label``, or with ``class`` and ``subclass`` as
        `~lamost_rare.spectra.reading.read_batch` gives them, from which `survey_class` makes it.

    Returns
    -------
    SpectrumBatch
        With a column ``label``; spectra whose label is empty are left out.

    Raises
    ------
    ValueError
        If it has neither.
    """
    columns = batch.columns
    if "label" in columns:
        labels = np.asarray(columns["label"], dtype=object)
    elif {"class", "subclass"} <= columns.keys():
        pairs = zip(columns["class"], columns["subclass"], strict=True)
        labels = np.array([survey_class(*pair) or "" for pair in pairs], dtype=object)
    else:
        raise ValueError("no labels: the spectra need a column 'label', or 'class' and 'subclass'")
    batch = batch[labels != ""]
    batch.columns["label"] = labels[labels != ""]
    return batch
