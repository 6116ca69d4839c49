"""specutils objects of every kind to `RawSpectrum`, and batches back to specutils."""

import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import (
    InverseVariance,
    StdDevUncertainty,
    UnknownUncertainty,
    VarianceUncertainty,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from specutils import Spectrum, SpectrumCollection, SpectrumList

from lamost_rare.spectra import (
    QualityFlag,
    RawSpectrum,
    SpectrumBatch,
    SpectrumError,
    WavelengthGrid,
    assemble,
)
from lamost_rare.spectra.adapters import (
    iterate_spectra,
    raw_from_spectrum,
    to_spectrum,
    to_spectrum_list,
)
from lamost_rare.spectra.air_vacuum import vacuum_to_air

GRID = WavelengthGrid(3.60, 1e-4, 300)
WAVELENGTH = GRID.wavelength * u.AA
FLAM = u.Unit("1e-17 erg / (s cm2 AA)")


def numbers(n=300, seed=0):
    """Flux and its error."""
    rng = np.random.default_rng(seed)
    return rng.normal(50, 5, n), rng.uniform(1, 3, n)


def uncertainty_of(kind, error, unit):
    quantity = error * unit
    return {
        "deviation": lambda: StdDevUncertainty(quantity),
        "variance": lambda: VarianceUncertainty(quantity**2),
        "inverse": lambda: InverseVariance(quantity**-2),
        "none": lambda: None,
        "unknown": lambda: UnknownUncertainty(error),
    }[kind]()


def simple(**kwargs):
    flux, error = numbers()
    settings = {"flux": flux * u.one, "spectral_axis": WAVELENGTH, **kwargs}
    settings.setdefault("uncertainty", StdDevUncertainty(error))
    return Spectrum(**settings)


AXES = [u.AA, u.nm, u.um, u.m, u.Hz, u.THz, u.eV, u.J, u.cm**-1]
FLUXES = [
    u.one,
    u.percent,
    FLAM,
    u.Unit("W / (m2 um)"),
    u.Jy,
    u.mJy,
    u.Unit("W / (m2 Hz)"),
    u.Unit("photon / (s cm2 AA)"),
    u.Unit("photon / (s cm2 Hz)"),
    u.Unit("erg / (s AA)"),
    u.Unit("W / Hz"),
    u.Unit("MJy / sr"),
    u.Unit("erg / (s cm2)"),  # nu F_nu
]


@settings(max_examples=150, deadline=None)
@given(
    axis_unit=st.sampled_from(AXES),
    flux_unit=st.sampled_from(FLUXES),
    kind=st.sampled_from(["deviation", "variance", "inverse", "none", "unknown"]),
    descending=st.booleans(),
    masked=st.lists(st.integers(0, 299), max_size=40),
    holes=st.lists(st.integers(0, 299), max_size=20),
    edges=st.booleans(),
)
def test_units_uncertainties_order_and_masks(
    axis_unit, flux_unit, kind, descending, masked, holes, edges
):
    """The same star in any dress is the same `RawSpectrum`, up to a factor in flux."""
    flux, error = numbers()
    flux[holes] = np.nan
    mask = np.zeros(300, bool)
    mask[masked] = True
    if flux_unit.is_equivalent(u.one):
        target, equivalencies = u.one, []
    else:
        equivalencies = u.spectral_density(WAVELENGTH)
        target = next(
            t
            for t in (FLAM, u.Unit("1e-17 erg/(s AA)"), u.Unit("1e-17 erg/(s cm2 AA sr)"))
            if flux_unit.is_equivalent(t, equivalencies)
        )
    given_flux = (flux * target).to(flux_unit, equivalencies)
    given_error = (error * target).to_value(flux_unit, equivalencies)
    axis = WAVELENGTH.to(axis_unit, u.spectral())
    if edges:  # specutils turns edges into centres by itself
        order = np.argsort(axis.value)
        ends = np.concatenate([axis.value[order][:1], axis.value[order], axis.value[order][-1:]])
        middle = 0.5 * (ends[1:] + ends[:-1])
        axis = (middle if order[0] == 0 else middle[::-1]) * axis_unit
    uncertainty = uncertainty_of(kind, given_error, flux_unit)
    if (axis[0] > axis[-1]) != descending:
        axis, given_flux, mask_given = axis[::-1], given_flux[::-1], mask[::-1]
        if uncertainty is not None:
            uncertainty = type(uncertainty)(uncertainty.array[::-1], unit=uncertainty.unit)
    else:
        mask_given = mask
    spectrum = Spectrum(
        flux=given_flux, spectral_axis=axis, uncertainty=uncertainty, mask=mask_given
    )
    raw = raw_from_spectrum(spectrum)

    if not edges:
        np.testing.assert_allclose(raw.wavelength, GRID.wavelength, rtol=1e-13)
        assert raw.log10_start == pytest.approx(GRID.log10_start, abs=1e-12)
        assert raw.log10_step == pytest.approx(GRID.log10_step, rel=1e-9)
    assert np.all(np.diff(raw.wavelength) > 0)
    expected_mask = mask | np.isnan(flux)
    np.testing.assert_array_equal(raw.mask, expected_mask)
    good = ~expected_mask
    if edges:  # the axis is moved by a fraction of a pixel, and F_nu to F_lambda with it
        np.testing.assert_allclose(raw.flux[good], flux[good], rtol=2e-3)
        return
    np.testing.assert_allclose(raw.flux[good], flux[good], rtol=1e-5)
    assert bool(raw.flags & QualityFlag.NO_IVAR) == (kind in ("none", "unknown"))
    if kind not in ("none", "unknown"):
        np.testing.assert_allclose(raw.ivar[good], error[good] ** -2, rtol=1e-5)
    else:
        assert np.all(raw.ivar > 0)
        assert np.median(raw.ivar) == pytest.approx(5.0**-2, rel=0.5)
    batch, rejects = assemble([raw], GRID)
    assert not rejects
    assert not batch.flags[0] & QualityFlag.RESAMPLED


def test_redshift_and_radial_velocity_shift_to_rest():
    for kwargs, z in (
        ({"redshift": 0.01}, 0.01),
        ({"radial_velocity": 300 * u.km / u.s}, 1.00100119 - 1),  # relativistic
        ({"radial_velocity": -300 * u.km / u.s}, 0.99899981 - 1),
        ({}, 0.0),
    ):
        raw = raw_from_spectrum(simple(**kwargs))
        np.testing.assert_allclose(raw.wavelength * (1 + z), GRID.wavelength, rtol=1e-8)
        assert raw.log10_step == pytest.approx(1e-4, rel=1e-9)


def test_moved_axis_is_not_shifted_twice():
    spectrum = simple(redshift=0.01)
    spectrum.shift_spectrum_to(redshift=0)
    raw = raw_from_spectrum(spectrum)
    np.testing.assert_allclose(raw.wavelength * 1.01, GRID.wavelength, rtol=1e-8)


def test_air_is_converted_before_the_shift_to_rest():
    axis = vacuum_to_air(GRID.wavelength) * u.AA
    for kwargs, z in (({}, 0), ({"redshift": 0.01}, 0.01)):
        raw = raw_from_spectrum(simple(spectral_axis=axis.to(u.nm), **kwargs), medium="air")
        np.testing.assert_allclose(raw.wavelength * (1 + z), GRID.wavelength, rtol=1e-9)
    unshifted = raw_from_spectrum(simple(spectral_axis=axis))
    np.testing.assert_allclose(unshifted.wavelength, axis.value, rtol=1e-12)


@pytest.mark.parametrize("unit", [u.Hz, u.eV, u.cm**-1])
def test_frequencies_know_no_medium(unit):
    spectrum = simple(spectral_axis=WAVELENGTH.to(unit, u.spectral()))
    raw = raw_from_spectrum(spectrum, medium="air")
    np.testing.assert_allclose(raw.wavelength, GRID.wavelength[::1], rtol=1e-12)


def test_velocity_axis_with_its_rest_value():
    velocity = WAVELENGTH.to(u.km / u.s, u.doppler_optical(4100 * u.AA))
    spectrum = simple(spectral_axis=velocity, rest_value=4100 * u.AA, velocity_convention="optical")
    np.testing.assert_allclose(raw_from_spectrum(spectrum).wavelength, GRID.wavelength, rtol=1e-12)


def test_log_axis_of_a_lookalike():
    class Lookalike:
        flux = numbers()[0]
        spectral_axis = u.Dex(GRID.log_wavelength, u.dex(u.AA))

    raw = raw_from_spectrum(Lookalike())
    np.testing.assert_allclose(raw.wavelength, GRID.wavelength, rtol=1e-12)
    assert raw.flags & QualityFlag.NO_IVAR


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"flux": u.Magnitude(np.full(300, 12.0)), "uncertainty": None}, "bad_spectrum"),
        ({"flux": np.ones(300) * u.ct, "uncertainty": None}, "bad_spectrum"),
        ({"flux": np.ones(300) * u.K, "uncertainty": None}, "bad_spectrum"),
        ({"spectral_axis": np.arange(300) * u.pix}, "bad_spectrum"),
        ({"spectral_axis": np.linspace(-9, 9, 300) * u.km / u.s}, "bad_spectrum"),
        ({"spectral_axis": np.repeat(np.arange(1.0, 151), 2) * u.nm}, "bad_wavelength"),
        ({"spectral_axis": np.linspace(-9, 900, 300) * u.nm}, "bad_wavelength"),
        ({"spectral_axis": np.arange(300.0) * u.Hz}, "bad_wavelength"),
        ({"flux": np.ones(300) * (1 + 1j) * u.one, "uncertainty": None}, "bad_spectrum"),
    ],
)
def test_what_cannot_be_used_says_so(change, reason):
    with pytest.raises(SpectrumError) as caught:
        raw_from_spectrum(simple(**change))
    assert caught.value.reason == reason
    assert "\n" not in str(caught.value)


def test_uncertainty_of_a_wrong_unit_is_refused():
    spectrum = simple()
    spectrum._uncertainty = StdDevUncertainty(np.ones(300), unit=u.m)
    with pytest.raises(SpectrumError, match="uncertainty in m"):
        raw_from_spectrum(spectrum)


def test_medium_must_be_known():
    with pytest.raises(ValueError, match="medium must be"):
        raw_from_spectrum(simple(), medium="water")


def test_bad_uncertainties_are_masked_and_flagged():
    _, error = numbers()
    error[[3, 4, 5, 6]] = 0, -1, np.nan, np.inf
    raw = raw_from_spectrum(simple(uncertainty=StdDevUncertainty(error)))
    np.testing.assert_array_equal(np.flatnonzero(raw.mask), [3, 4, 5, 6])
    assert raw.flags & QualityFlag.BAD_IVAR
    # An inverse variance of zero is the honest way to say that a pixel is bad.
    ivar = numbers()[1] ** -2
    ivar[7] = 0
    raw = raw_from_spectrum(simple(uncertainty=InverseVariance(ivar)))
    np.testing.assert_array_equal(np.flatnonzero(raw.mask), [7])
    assert not raw.flags & QualityFlag.BAD_IVAR


@pytest.mark.parametrize("useless", [0.0, np.nan, -1.0])
def test_uncertainty_that_is_useless_everywhere_is_estimated(useless):
    raw = raw_from_spectrum(simple(uncertainty=StdDevUncertainty(np.full(300, useless))))
    assert raw.flags & QualityFlag.NO_IVAR
    assert not raw.mask.any()


def test_integer_masks_and_masked_flux():
    mask = np.zeros(300, int)
    mask[[2, 9]] = 4, -1
    raw = raw_from_spectrum(simple(mask=mask))
    np.testing.assert_array_equal(np.flatnonzero(raw.mask), [2, 9])
    everything = raw_from_spectrum(simple(mask=np.ones(300, bool), uncertainty=None))
    assert everything.mask.all()
    assert assemble([everything], GRID)[1][0][1].reason == "no_valid_pixels"


def test_noiseless_flux_gets_a_finite_signal_to_noise():
    raw = raw_from_spectrum(simple(flux=np.linspace(2, 3, 300) * u.one, uncertainty=None))
    ratio = raw.flux * np.sqrt(raw.ivar)
    assert np.all((ratio > 500) & (ratio < 2000))


@pytest.mark.parametrize("scale", [1e-17, 1e-30, 1e25])
def test_scales_that_float32_cannot_square(scale):
    flux, error = numbers()
    raw = raw_from_spectrum(
        simple(flux=flux * scale * u.one, uncertainty=StdDevUncertainty(error * scale))
    )
    assert not raw.mask.any()
    assert 1 <= np.median(raw.flux) < 10
    np.testing.assert_allclose(raw.flux * np.sqrt(raw.ivar), flux / error, rtol=1e-5)


def test_several_spectra_in_one_object():
    flux = np.stack([numbers(seed=k)[0] for k in range(3)])
    error = np.stack([numbers(seed=k)[1] for k in range(3)])
    mask = np.zeros((3, 300), bool)
    mask[1, 5] = True
    rows = {"uncertainty": StdDevUncertainty(error), "mask": mask}
    columns = {"uncertainty": StdDevUncertainty(error.T), "mask": mask.T}
    z = np.array([0.0, 0.01, 0.02])
    axes = np.stack([GRID.wavelength * (1 + 1e-5 * k) for k in range(3)]) * u.AA
    objects = {
        "rows": Spectrum(flux=flux * FLAM, spectral_axis=WAVELENGTH, **rows),
        "columns": Spectrum(flux=flux.T * FLAM, spectral_axis=WAVELENGTH, **columns),
        "redshifts": Spectrum(flux=flux * FLAM, spectral_axis=WAVELENGTH, redshift=z, **rows),
        "collection": SpectrumCollection(flux=flux * FLAM, spectral_axis=axes, **rows),
    }
    for name, obj in objects.items():
        raws = [raw_from_spectrum(part) for part in iterate_spectra(obj)]
        assert len(raws) == 3, name
        for k, raw in enumerate(raws):
            np.testing.assert_allclose(raw.flux, flux[k], rtol=1e-6)
            np.testing.assert_allclose(raw.ivar, error[k] ** -2, rtol=1e-5)
            np.testing.assert_array_equal(raw.mask, mask[k])
            shift = {"redshifts": 1 / (1 + z[k]), "collection": 1 + 1e-5 * k}.get(name, 1)
            np.testing.assert_allclose(raw.wavelength, GRID.wavelength * shift, rtol=1e-9)
        with pytest.raises(SpectrumError, match="iterate_spectra"):
            raw_from_spectrum(obj)


def test_collection_has_its_meta_row_by_row():
    flux = np.ones((2, 300)) * u.one
    collection = SpectrumCollection(
        flux=flux,
        spectral_axis=np.stack([GRID.wavelength] * 2) * u.AA,
        meta=[{"header": {"OBSID": 7}}, {"header": {"OBSID": 8}}],
    )
    raws = [raw_from_spectrum(part) for part in iterate_spectra(collection)]
    assert [raw.identity["obsid"] for raw in raws] == [7, 8]


def test_lists_are_flattened_and_keep_what_is_wrong_in_its_place():
    cube = Spectrum(flux=np.ones((2, 3, 300)) * u.one, spectral_axis=WAVELENGTH)
    with pytest.raises(SpectrumError, match="bad_spectrum"):
        iterate_spectra(cube)
    raw = raw_from_spectrum(simple())
    pair = Spectrum(flux=np.ones((2, 300)) * u.one, spectral_axis=WAVELENGTH)
    parts = iterate_spectra(SpectrumList([simple(), cube, [pair, raw]]))
    assert [type(part).__name__ for part in parts] == [
        "Spectrum",
        "SpectrumError",
        "SpectrumRow",
        "SpectrumRow",
        "RawSpectrum",
    ]
    with pytest.raises(SpectrumError, match="bad_spectrum"):
        raw_from_spectrum(parts[1])
    assert raw_from_spectrum(parts[4]) is raw
    for wrong in (np.ones(5), "spec.fits", [3], None):
        with pytest.raises(TypeError, match="is no spectrum"):
            iterate_spectra(wrong)


def test_old_spectrum1d():
    from specutils import Spectrum1D

    flux, error = numbers()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated since specutils 2.0
        old = Spectrum1D(
            flux=flux * FLAM, spectral_axis=WAVELENGTH, uncertainty=StdDevUncertainty(error)
        )
    assert iterate_spectra(old) == [old]
    np.testing.assert_allclose(raw_from_spectrum(old).flux, flux, rtol=1e-6)


def make_batch(n=4):
    rng = np.random.default_rng(5)
    mask = rng.random((n, 300)) < 0.05
    flux = np.where(mask, 0, rng.normal(50, 5, (n, 300))).astype(np.float32)
    ivar = np.where(mask, 0, rng.uniform(0.1, 3, (n, 300))).astype(np.float32)
    identity = {
        "path": np.array([f"{k}.fits" for k in range(n)], object),
        "obsid": np.arange(n) + 2**53 + 1,
        "designation": np.array(["J1"] * n, object),
        "ra": np.linspace(0, 360, n),
        "dec": np.linspace(-90, 90, n),
        "snr_g": np.array([4.5, np.nan, 30, 620.0][:n]),
    }
    flags = np.array([4, int(QualityFlag.NO_IVAR), 0, 0])[:n]
    columns = {"p_O": np.linspace(0, 1, n)}
    return SpectrumBatch(GRID, flux, ivar, mask, identity, flags, columns)


@pytest.mark.parametrize("unit", [u.one, FLAM])
def test_round_trip(unit):
    batch = make_batch()
    spectra = to_spectrum_list(batch, unit=unit)
    assert isinstance(spectra, SpectrumList)
    assert [s.flux.unit for s in spectra] == [unit] * 4
    again, rejects = assemble([raw_from_spectrum(s) for s in iterate_spectra(spectra)], GRID)
    assert not rejects
    np.testing.assert_array_equal(again.mask, batch.mask)
    np.testing.assert_allclose(again.flux, batch.flux, rtol=2e-7)
    np.testing.assert_allclose(again.ivar, batch.ivar, rtol=3e-7)
    for name, column in batch.identity.items():
        np.testing.assert_array_equal(again.identity[name], column)
    np.testing.assert_array_equal(again.flags, batch.flags)


def test_spectrum_to_batch_to_spectrum():
    flux, error = numbers()
    mask = np.zeros(300, bool)
    mask[8] = True
    spectrum = simple(mask=mask)
    batch, _ = assemble([raw_from_spectrum(spectrum)], GRID)
    back = to_spectrum(batch, 0)
    np.testing.assert_allclose(back.spectral_axis, WAVELENGTH)
    np.testing.assert_array_equal(back.mask, mask)
    np.testing.assert_allclose(back.flux.value[~mask], flux[~mask], rtol=1e-6)
    np.testing.assert_allclose(back.uncertainty.array[~mask], error[~mask] ** -2, rtol=1e-6)


def test_to_spectrum_says_what_it_is():
    batch = make_batch()
    spectrum = to_spectrum(batch, -1)
    assert spectrum.meta["lamost_rare"]["identity"]["path"] == "3.fits"
    assert spectrum.meta["p_O"] == 1.0
    assert isinstance(spectrum.uncertainty, InverseVariance)
    spectrum.mask[:] = True
    assert not batch.mask[-1].all()
    with pytest.raises(IndexError):
        to_spectrum(batch, 4)


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ({"header": {"OBSID": "123", "RA": "10.5", "DESIG": " J1 "}}, (123, 10.5, "J1")),
        ({"header": fits.Header({"OBSID": 2**40, "RA": 3.0})}, (2**40, 3.0, "")),
        ({"header": {"OBSID": 1.5, "RA": 400, "DESIG": 7}}, (-1, np.nan, "")),
        ({"header": {"OBSID": None, "RA": -9999.0}}, (-1, np.nan, "")),
        ({"header": "text", "lamost_rare": 3}, (-1, np.nan, "")),
        ({"lamost_rare": {"identity": {"obsid": 5}}, "header": {"OBSID": 6}}, (5, np.nan, "")),
        (None, (-1, np.nan, "")),
    ],
)
def test_identity_from_meta(meta, expected):
    raw = raw_from_spectrum(simple(meta=meta))
    found = tuple(raw.identity[name] for name in ("obsid", "ra", "designation"))
    assert repr(found) == repr(expected)
    assert bool(raw.flags & QualityFlag.MISSING_IDENTITY) == (expected[0] == -1)
    assert isinstance(raw, RawSpectrum)


def test_every_name_of_the_package_resolves():
    import lamost_rare.spectra

    for name in lamost_rare.spectra.__all__:
        assert getattr(lamost_rare.spectra, name) is not None
        assert name in dir(lamost_rare.spectra)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        lamost_rare.spectra.nonsense  # noqa: B018
