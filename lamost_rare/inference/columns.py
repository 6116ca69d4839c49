"""The columns of a catalogue: name, type, description, unit, format and UCD of each, in order.

The one place for it: every table, whatever door or file format it comes through, takes its columns
from here. Another column is an entry here, and its values where they are computed.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..spectra.lines import LINES
from .column import Column

__all__ = [
    "FLAGS",
    "GENERAL_CATALOGUE",
    "IDENTITY",
    "O_SUBTYPE",
    "REJECTED",
    "VELOCITY",
    "Column",
    "catalogue_order",
    "classifier_columns",
    "closer_columns",
    "columns_of_catalogue",
    "evidence_columns",
    "significance_column",
    "star_columns",
    "survey_column",
]

_PATH = "meta.ref;meta.file"

IDENTITY = (
    Column(
        "path",
        str,
        "absolute path of where the spectrum was read from; empty for an object in memory",
        ucd=_PATH,
    ),
    Column(
        "obsid", "i8", "LAMOST observation identifier; -1 if there is none", ucd="meta.id;meta.main"
    ),
    Column("designation", str, "name of the object in its file", ucd="meta.id;src"),
    Column("ra", "f8", "right ascension (ICRS)", "deg", ".5f", "pos.eq.ra;meta.main"),
    Column("dec", "f8", "declination (ICRS)", "deg", ".5f", "pos.eq.dec;meta.main"),
    Column("snr_g", "f8", "signal-to-noise ratio in the g band", None, ".1f", "stat.snr;em.opt"),
)
"""What a spectrum is of: `~lamost_rare.spectra.batch.IDENTITY_DTYPES`."""

FLAGS = Column("flags", "i8", "sum of quality flag bits", ucd="meta.code.qual")

_SUBTYPE = "subtype from He I 4471 / He II 4541: 7.5 is O7.5, 10 is B0"

O_SUBTYPE = (
    Column("o_subtype", "f4", _SUBTYPE, None, ".1f", "src.spType"),
    Column(
        "o_subtype_err", "f4", "standard error of o_subtype", None, ".1f", "stat.error;src.spType"
    ),
)
"""Of presets whose rare class is O; the step ``line_evidence`` adds them to the widths."""

_VELOCITY = "radial velocity, positive if receding, of what may be of the rare class"

VELOCITY = (
    Column("velocity", "f4", _VELOCITY, "km/s", ".0f", "spect.dopplerVeloc"),
    Column(
        "velocity_err",
        "f4",
        "standard error of velocity",
        "km/s",
        ".0f",
        "stat.error;spect.dopplerVeloc",
    ),
)
"""Null for rare classes for which there are no templates."""

_NOVELTY = "-log10 of the part of known spectra, of such noise, that are as unlike all others"

_SNR = "signal-to-noise ratio in the g band, general catalogue"

GENERAL_CATALOGUE = (
    Column("catalogue_class", str, "class in the general catalogue", ucd="src.class"),
    Column("catalogue_subclass", str, "subclass in the general catalogue", ucd="src.spType"),
    Column("catalogue_snr_g", "f8", _SNR, None, ".1f", "stat.snr;em.opt"),
)
"""What a row of LAMOST's general catalogue adds."""

_REASON = "code of lamost_rare.spectra.quality.REJECT_REASONS"

REJECTED = (
    Column("path", str, "input that is not in the catalogue", ucd=_PATH),
    Column("reason", str, _REASON, ucd="meta.code.status"),
    Column("detail", str, "what was wrong with it", ucd="meta.note"),
)
"""The columns of the rejected table."""


def survey_column(rare_class: str) -> Column:
    """Return the column of the probability of a rare class in a survey."""
    says = f"probability of class {rare_class} in a survey with the preset's prevalences, or others"
    return Column(f"p_{rare_class}_survey", "f4", says, None, ".4f", "stat.probability;src.class")


def classifier_columns(classes: Iterable[str], rare_class: str = "") -> tuple[Column, ...]:
    """Return the columns that a classifier adds.

    Parameters
    ----------
    classes : iterable of str
        There is a column ``p_<class>`` for each.
    rare_class : str
        With one, ``p_<rare>_survey`` and what it is computed from are among the columns.

    Returns
    -------
    tuple of Column

    Examples
    --------
    >>> from lamost_rare.inference.columns import classifier_columns
    >>> [column.name for column in classifier_columns(["O", "B"])]
    ['prediction', 'p_O', 'p_B', 'candidate', 'novelty']
    """
    says, ucd = "calibrated probability of class", "stat.probability;src.class"
    rare = "whether it is worth a look as a member of the rare class"
    of = f"that p_{rare_class}_survey comes of"
    survey = (
        survey_column(rare_class),
        Column("survey_score", "f4", f"score {of}", None, ".2f", "stat.likelihood"),
        Column("survey_snr", "f4", f"S/N in g, measured, {of}", None, ".1f", "stat.snr;em.opt"),
        Column(
            "survey_lost",
            "f4",
            f"lost part of the pixels {of}",
            None,
            ".2f",
            "stat.value;arith.ratio",
        ),
    )
    return (
        Column("prediction", str, "most probable class", ucd="src.class"),
        *(Column(f"p_{name}", "f4", f"{says} {name}", None, ".4f", ucd) for name in classes),
        *(survey if rare_class else ()),
        Column("candidate", bool, rare, ucd="meta.code.member"),
        Column("novelty", "f4", _NOVELTY, None, ".2f", "stat.likelihood"),
        *(closer_columns(rare_class) if rare_class else ()),
    )


def closer_columns(rare_class: str) -> tuple[Column, ...]:
    """Return the columns of a closer look at what may be of the rare class: velocity, and subtype
    of O stars. They stand behind those of lines."""
    return (*VELOCITY, *(O_SUBTYPE if rare_class == "O" else ()))


def evidence_columns() -> tuple[Column, ...]:
    """Return the columns of line evidence, which every catalogue of a scan has.

    Returns
    -------
    tuple of Column
        ``ew_<line>`` and ``ew_<line>_err`` in Å for each line.

    Examples
    --------
    >>> from lamost_rare.inference.columns import evidence_columns
    >>> width, error = evidence_columns()[:2]
    >>> width.name, width.unit
    ('ew_caii_k', 'Angstrom')
    """
    ucd, columns = "spect.line.eqWidth", []
    for name, line in LINES.items():
        width, how = f"equivalent width of {line.label}", ("Angstrom", ".3f")
        columns += [
            Column(f"ew_{name}", "f4", f"{width}, absorption positive", *how, ucd),
            Column(
                f"ew_{name}_err", "f4", f"standard error of the {width}", *how, f"stat.error;{ucd}"
            ),
        ]
    return tuple(columns)


def significance_column(lines: Iterable[str]) -> Column:
    """Return the column by which candidates are sorted, which these lines speak for."""
    labels = ", ".join(LINES[line].label for line in lines)
    says = f"significance of the mean equivalent width of {labels}"
    return Column("evidence", "f4", says, None, ".1f", "stat.snr;spect.line.eqWidth")


def star_columns(rare_class: str = "") -> tuple[Column, ...]:
    """Return the columns of a table of stars.

    Parameters
    ----------
    rare_class : str
        With one, the columns that a classifier is needed for are among them.

    Returns
    -------
    tuple of Column

    Examples
    --------
    >>> from lamost_rare.inference.columns import star_columns
    >>> [column.name for column in star_columns("O")][-6:-3]
    ['p_O_survey_min', 'p_O_survey_max', 'candidate']
    """
    p = f"p_{rare_class}_survey"
    says, kind, member = (
        f"of the {p} of its spectra",
        "stat.probability;src.class",
        "meta.code.member",
    )
    return (
        Column("path", str, "where its best spectrum was read from", ucd=_PATH),
        Column("obsid", "i8", "LAMOST observation identifier of that", ucd="meta.id"),
        Column("designation", str, "name of the object in that", ucd="meta.id;src"),
        Column("ra", "f8", "right ascension (ICRS), mean", "deg", ".5f", "pos.eq.ra;meta.main"),
        Column("dec", "f8", "declination (ICRS), mean", "deg", ".5f", "pos.eq.dec;meta.main"),
        Column("n_spectra", "i4", "number of its spectra", ucd="meta.number"),
        Column("n_used", "i4", "number of those that it is judged by", ucd="meta.number"),
        Column("snr_g", "f8", "S/N in g of those used, together", None, ".1f", "stat.snr;em.opt"),
        *(
            (
                Column("prediction", str, "most probable class, by all used", ucd="src.class"),
                Column(p, "f4", f"{survey_column(rare_class).description}, by all used", None,
                       ".4f", kind),
                Column(f"{p}_min", "f4", f"least {says}", None, ".4f", f"{kind};stat.min"),
                Column(f"{p}_max", "f4", f"greatest {says}", None, ".4f", f"{kind};stat.max"),
                Column("candidate", bool, "whether it is a candidate, by all used", ucd=member),
                Column("n_candidates", "i4", "number of its spectra that are", ucd="meta.number"),
                Column("disagree", bool, "whether its spectra contradict each other",
                       ucd="meta.code.qual"),
            )
            if rare_class
            else ()
        ),
        Column("flags", "i8", "sum of the flag bits that all used have", ucd="meta.code.qual"),
    )  # fmt: skip


def columns_of_catalogue(
    classes: Iterable[str], rare_class: str, *, evidence: bool = True
) -> list[Column]:
    """Return the columns of the catalogue of a classifier, in their order.

    Parameters
    ----------
    classes : iterable of str
        Names of the classes that the classifier tells apart.
    rare_class : str
        The one that it looks for.
    evidence : bool
        With the columns of line evidence.

    Returns
    -------
    list of Column

    Examples
    --------
    >>> from lamost_rare.inference.columns import columns_of_catalogue
    >>> [column.name for column in columns_of_catalogue(["O", "B"], "O")][:4]
    ['path', 'obsid', 'designation', 'ra']
    """
    return catalogue_order(classifier_columns(classes, rare_class), evidence=evidence)


def catalogue_order(added: Iterable[Column], *, evidence: bool = True) -> list[Column]:
    """Return the columns of a catalogue to which steps add some, in their order.

    A classifier's columns have their place before the flags, those of line evidence are there
    anyway (without ``evidence``, they are not), and all others come last, a classifier's
    `closer_columns` among them.
    """
    added = list(added)
    closer = {column.name for column in closer_columns("O")}
    names = {column.name for column in classifier_columns((), "rare")} - closer
    classifier = [c for c in added if c.name in names or c.name.startswith("p_")]
    lines = evidence_columns() if evidence else ()
    columns = [*IDENTITY, *classifier, FLAGS, *lines, *added]
    return list({column.name: column for column in columns}.values())
