"""The lines that tell a hot star's type, and where each is measured.

Each line has a window, and side bands on both sides of it through which the continuum is drawn.
Both were chosen so that no neighbouring line of an OBA star is taken for continuum.
"""

from __future__ import annotations

from dataclasses import dataclass

from .air_vacuum import air_to_vacuum

__all__ = ["EMISSION_LINES", "LINES", "Line"]


@dataclass(frozen=True)
class Line:
    """A line and where it is measured; wavelengths in Å, in vacuum.

    Attributes
    ----------
    name : str
        As in the column names ``ew_<name>`` and ``ew_<name>_err``.
    label : str
        For people.
    wavelength : float
        Of the line's centre.
    window : (float, float)
        Over which the equivalent width is integrated.
    bands : tuple of (float, float)
        Side bands: one or more on each side of the window.
    """

    name: str
    label: str
    wavelength: float
    window: tuple[float, float]
    bands: tuple[tuple[float, float], ...]


# Air wavelengths, Å. Positions: NIST Atomic Spectra Database (multiplets: strength-weighted mean).
# What to keep out of windows and bands: the line lists of Walborn & Fitzpatrick (1990, PASP 102,
# 379), Sota et al. (2011, ApJS 193, 24), diffuse bands: Hobbs et al. (2008, ApJ 680, 1256).
# Windows of single lines are about +-7 Å: at R = 1800 a line spans +-2.5 Å; rotation of 300 km/s
# and a velocity of 250 km/s add 4 Å each.
# fmt: off
_AIR = (
    # name, label, centre, window, side bands
    ("caii_k", "Ca II K", 3933.66, (3927, 3943),
     ((3908, 3922), (3945, 3954))),
    ("hei_4026", "He I 4026", 4026.19, (4019, 4033.5),
     ((3999, 4005), (4014, 4018), (4035, 4046))),
    # In the blue wing of H delta: the bands follow the wing, and stop short of N III 4097.
    ("siiv_4089", "Si IV 4089", 4088.86, (4085, 4092),
     ((4076, 4084), (4092, 4095.5))),
    ("hdelta", "H delta", 4101.73, (4081.7, 4121.7),
     ((4048, 4066), (4127, 4139))),
    # C III 4187 and O II 4185-90 precede.
    ("heii_4200", "He II 4200", 4199.83, (4192.5, 4207),
     ((4173.5, 4183.5), (4209, 4224))),
    ("hgamma", "H gamma", 4340.46, (4320.5, 4360.5),
     ((4290, 4312), (4364, 4376))),
    ("hei_4387", "He I 4387", 4387.93, (4381.5, 4395),
     ((4367, 4376.5), (4397, 4411))),
    ("hei_4471", "He I 4471", 4471.48, (4464.5, 4476.5),
     ((4449.5, 4463), (4488, 4504))),
    ("mgii_4481", "Mg II 4481", 4481.21, (4476.5, 4487),
     ((4449.5, 4463), (4488, 4504))),
    # Between N III 4510-18 and Si III 4553; Al III 4529 and Si III 4568, 4575 are left out.
    ("heii_4541", "He II 4541", 4541.59, (4535, 4548.5),
     ((4521, 4526.5), (4531, 4534.5), (4557, 4564), (4579, 4588))),
    # Emission of Of stars; C III 4647-51 follows at once, N V 4604-20 precedes in the earliest.
    ("niii_4634", "N III 4634-41", 4637.9, (4630, 4645),
     ((4607, 4617), (4624, 4628), (4663, 4675))),
    # Between C III 4647-51, C IV 4658 and He I 4713; O II 4662, 4676 and 4699-4705 are left out.
    ("heii_4686", "He II 4686", 4685.71, (4678, 4693.5),
     ((4665, 4673.5), (4694, 4697), (4719, 4734))),
    ("hbeta", "H beta", 4861.33, (4841, 4881.5),
     ((4806, 4834), (4889, 4913))),
    ("heii_5411", "He II 5411", 5411.52, (5403, 5420),
     ((5382, 5400), (5423, 5444))),
    # Na I 5890-96, interstellar and sky, follows: the red band lies behind it.
    ("hei_5876", "He I 5876", 5875.62, (5867.5, 5883.5),
     ((5848, 5865), (5902, 5920))),
    # The window includes nebular [N II] 6548, 6583.
    ("halpha", "H alpha", 6562.80, (6541, 6587),
     ((6500, 6535), (6591, 6608), (6620, 6640))),
)
# fmt: on


def _line(name, label, centre, window, bands) -> Line:
    def vacuum(span):
        return tuple(float(air_to_vacuum(edge)) for edge in span)

    return Line(
        name, label, float(air_to_vacuum(centre)), vacuum(window), tuple(map(vacuum, bands))
    )


LINES: dict[str, Line] = {definition[0]: _line(*definition) for definition in _AIR}
"""The measured lines by name, in order of wavelength."""

# Narrow windows for emission, with bands as near as may be: in the wings of the Balmer lines, so
# that absorption is positive and emission within it negative. The bands of [O III] 5007 stop short
# of He I 5015, those of [N II] 6583 lie on the wing of H alpha.
# fmt: off
_AIR_EMISSION = (
    ("hbeta_core", "H beta, core", 4861.33, (4854, 4868.5),
     ((4838, 4850), (4873, 4886))),
    ("oiii_4959", "[O III] 4959", 4958.91, (4955, 4963),
     ((4938, 4952), (4967, 4988))),
    ("oiii_5007", "[O III] 5007", 5006.84, (5003, 5011),
     ((4972, 4996), (5022, 5040))),
    ("halpha_core", "H alpha, core", 6562.80, (6555, 6571),
     ((6526, 6543), (6589, 6603))),
    ("nii_6583", "[N II] 6583", 6583.45, (6579.5, 6587.5),
     ((6573, 6579), (6588.5, 6598))),
    ("sii_6716", "[S II] 6716, 6731", 6723.6, (6712.5, 6735),
     ((6688, 6708), (6740, 6762))),
)
# fmt: on

EMISSION_LINES: dict[str, Line] = {
    **{definition[0]: _line(*definition) for definition in _AIR_EMISSION},
    **{name: LINES[name] for name in ("niii_4634", "heii_4686")},
}
"""Where emission is looked for; no columns of the catalogue."""
