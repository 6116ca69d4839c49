"""Wavelengths with units, where numbers are in Å."""

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Column

from lamost_rare import completeness
from lamost_rare.spectra import LAMOST_GRID, RawSpectrum, air_to_vacuum, vacuum_to_air
from lamost_rare.spectra.air_vacuum import refractive_index

AT = np.array([[1500.0, 3933.66], [4685.71, 9000.0]])


@pytest.mark.parametrize("turn", [air_to_vacuum, vacuum_to_air])
@pytest.mark.parametrize("unit", [u.AA, u.nm, u.um])
def test_between_air_and_vacuum_in_any_unit(turn, unit):
    numbers = turn(AT)
    assert type(numbers) is np.ndarray
    found = turn((AT * u.AA).to(unit))
    assert (found.unit, found.shape) == (unit, AT.shape)
    np.testing.assert_allclose(found.to_value(u.AA), numbers, rtol=1e-12)
    assert turn(0.5 * u.um).to_value(u.AA) == pytest.approx(float(turn(5000.0)), rel=1e-12)


def test_the_refractive_index_is_a_number():
    assert float(refractive_index(0.5 * u.um)) == pytest.approx(float(refractive_index(5000)))


def test_pixels_at_wavelengths_with_units():
    for given in (AT[1] * u.AA, (AT[1] / 10) * u.nm, Column(AT[1] / 10, unit="nm"), list(AT[1])):
        np.testing.assert_allclose(LAMOST_GRID.pixel_of(given), LAMOST_GRID.pixel_of(AT[1]))
    axis = LAMOST_GRID.spectral_axis
    assert axis.unit == u.AA
    np.testing.assert_allclose(LAMOST_GRID.pixel_of(axis), np.arange(len(axis)), atol=1e-6)


def test_a_spectrum_whose_wavelengths_have_a_unit():
    ones, bad = np.ones(3, np.float32), np.zeros(3, bool)
    spectrum = RawSpectrum([0.4, 0.5, 0.6] * u.um, ones, ones, bad)
    assert type(spectrum.wavelength) is np.ndarray
    np.testing.assert_allclose(spectrum.wavelength, [4000, 5000, 6000])


@pytest.mark.parametrize("use", [air_to_vacuum, vacuum_to_air, LAMOST_GRID.pixel_of])
@pytest.mark.parametrize("unit", [u.s, u.Hz, u.dimensionless_unscaled])
def test_what_is_no_wavelength_is_refused(use, unit):
    with pytest.raises(ValueError, match=r"^wavelength: .*not convertible$"):
        use(5000 * unit)


def test_extinction_and_signal_to_noise_may_be_quantities():
    plain = completeness(snr=20, a_v=3)
    given = completeness(snr=20 * u.one, a_v=3 * u.mag)
    assert given["a_v"].unit == u.mag
    assert list(given["completeness"]) == list(plain["completeness"])
