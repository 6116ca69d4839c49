"""Lines of each set that can be drawn over a spectrum.

Wavelengths are those of air, in Å. Stars' and nebulae's lines: NIST Atomic Spectra Database
(multiplets as the strength-weighted mean). Diffuse interstellar bands: Hobbs et al. (2008, ApJ 680,
1256), 8620 Å: Munari et al. (2008, A&A 488, 969). OH of the night sky: Osterbrock et al. (1996,
PASP 108, 277).
"""

from __future__ import annotations

__all__ = ["LINES_OF_SETS"]

LINES_OF_SETS = {
    "He II": """
        heii_3923 3923.48 He II 3923
        heii_4200
        heii_4338 4338.67 He II 4339
        heii_4541
        heii_4686
        heii_4859 4859.32 He II 4859
        heii_5411
        heii_6310 6310.85 He II 6311
        heii_6406 6406.38 He II 6406
        heii_6527 6527.10 He II 6527
        heii_6560 6560.09 He II 6560
        heii_6683 6683.20 He II 6683
        heii_6890 6890.90 He II 6891
        heii_8236 8236.78 He II 8237
    """,
    "He I": """
        hei_3819 3819.62 He I 3819
        hei_3867 3867.48 He I 3867
        hei_3926 3926.54 He I 3926
        hei_3964 3964.73 He I 3965
        hei_4009 4009.26 He I 4009
        hei_4026
        hei_4120 4120.82 He I 4121
        hei_4143 4143.76 He I 4144
        hei_4387
        hei_4437 4437.55 He I 4438
        hei_4471
        hei_4713 4713.17 He I 4713
        hei_4921 4921.93 He I 4922
        hei_5015 5015.68 He I 5016
        hei_5047 5047.74 He I 5048
        hei_5876
        hei_6678 6678.15 He I 6678
        hei_7065 7065.20 He I 7065
        hei_7281 7281.35 He I 7281
    """,
    "H": """
        h11 3770.63 H11
        h10 3797.90 H10
        h9 3835.38 H9
        h8 3889.05 H8
        hepsilon 3970.07 H epsilon
        hdelta
        hgamma
        hbeta
        halpha
        pa17 8467.25 Pa 17
        pa14 8598.39 Pa 14
        pa12 8750.47 Pa 12
        pa11 8862.78 Pa 11
    """,
    "metal": """
        caii_k
        caii_h 3968.47 Ca II H
        nii_3995 3995.00 N II 3995
        niv_4058 4057.76 N IV 4058
        ciii_4069 4069.0 C III 4069
        oii_4076 4075.86 O II 4076
        siiv_4089
        niii_4097 4097.33 N III 4097
        siiv_4116 4116.10 Si IV 4116
        siii_4130 4129.6 Si II 4128-31
        ciii_4187 4186.90 C III 4187
        cai_4227 4226.73 Ca I 4227
        feii_4233 4233.17 Fe II 4233
        cii_4267 4267.15 C II 4267
        oii_4349 4349.43 O II 4349
        oii_4415 4415.7 O II 4415-17
        mgii_4481
        niii_4514 4514.6 N III 4511-18
        siiii_4553 4552.62 Si III 4553
        siiii_4568 4567.84 Si III 4568
        siiii_4575 4574.76 Si III 4575
        nv_4604 4603.74 N V 4604
        nv_4620 4619.97 N V 4620
        niii_4634
        ciii_4647 4649.0 C III 4647-51
        civ_4658 4658.3 C IV 4658
        mgi_5167 5167.32 Mg I 5167
        feii_5169 5169.03 Fe II 5169
        mgi_5173 5172.68 Mg I 5173
        mgi_5184 5183.60 Mg I 5184
        oiii_5592 5592.25 O III 5592
        ciii_5696 5695.92 C III 5696
        civ_5801 5801.33 C IV 5801
        civ_5812 5811.98 C IV 5812
        siii_6347 6347.11 Si II 6347
        siii_6371 6371.37 Si II 6371
        cii_6578 6578.05 C II 6578
        cii_6583 6582.88 C II 6583
        oi_7774 7773.4 O I 7772-75
        caii_8498 8498.02 Ca II 8498
        caii_8542 8542.09 Ca II 8542
        caii_8662 8662.14 Ca II 8662
    """,
    "nebular": """
        oii_3727 3727.4 [O II] 3726, 3729
        neiii_3869 3868.76 [Ne III] 3869
        oiii_4363 4363.21 [O III] 4363
        oiii_4959
        oiii_5007
        nii_5755 5754.64 [N II] 5755
        nebular_hei_5876 5875.62 He I 5876 (nebula)
        siii_6312 6312.06 [S III] 6312
        nii_6548 6548.05 [N II] 6548
        nii_6583
        nebular_hei_6678 6678.15 He I 6678 (nebula)
        sii_6716
        nebular_hei_7065 7065.20 He I 7065 (nebula)
        ariii_7136 7135.79 [Ar III] 7136
        siii_9069 9068.6 [S III] 9069
    """,
    "interstellar": """
        interstellar_caii_k 3933.66 Ca II K (interstellar)
        interstellar_caii_h 3968.47 Ca II H (interstellar)
        interstellar_ch_plus 4232.55 CH+ 4233
        interstellar_ch 4300.31 CH 4300
        dib_4428 4428.2 band 4428
        dib_4762 4762.6 band 4763
        dib_5780 5780.5 band 5780
        dib_5797 5797.1 band 5797
        interstellar_nai_d2 5889.95 Na D2 (interstellar)
        interstellar_nai_d1 5895.92 Na D1 (interstellar)
        dib_6196 6196.0 band 6196
        dib_6203 6203.1 band 6203
        dib_6284 6283.8 band 6284
        dib_6614 6613.6 band 6614
        interstellar_ki 7698.96 K I 7699
        dib_8620 8620.4 band 8620
    """,
    "sky": """
        sky_hg_4047 4046.56 Hg 4047 (lamps)
        sky_hg_4358 4358.33 Hg 4358 (lamps)
        sky_hg_5461 5460.74 Hg 5461 (lamps)
        sky_oi_5577 5577.34 [O I] 5577 (sky)
        sky_hg_5770 5769.60 Hg 5770 (lamps)
        sky_hg_5791 5790.66 Hg 5791 (lamps)
        sky_nai_d2 5889.95 Na D2 (sky)
        sky_nai_d1 5895.92 Na D1 (sky)
        sky_oi_6300 6300.30 [O I] 6300 (sky)
        sky_oi_6364 6363.78 [O I] 6364 (sky)
        sky_oh_6864 6863.96 OH 6864 (sky)
        sky_o2_b 6867.2 O2 B begins (air)
        sky_oh_6923 6923.22 OH 6923 (sky)
        sky_h2o_7160 7160 H2O begins (air)
        sky_oh_7276 7276.41 OH 7276 (sky)
        sky_oh_7316 7316.28 OH 7316 (sky)
        sky_oh_7341 7340.89 OH 7341 (sky)
        sky_o2_a 7593.7 O2 A begins (air)
        sky_oh_7751 7750.64 OH 7751 (sky)
        sky_oh_7794 7794.11 OH 7794 (sky)
        sky_oh_7914 7913.71 OH 7914 (sky)
        sky_oh_7964 7964.65 OH 7965 (sky)
        sky_h2o_8130 8130 H2O begins (air)
        sky_oh_8344 8344.60 OH 8345 (sky)
        sky_oh_8399 8399.17 OH 8399 (sky)
        sky_oh_8430 8430.17 OH 8430 (sky)
        sky_oh_8827 8827.10 OH 8827 (sky)
        sky_oh_8886 8885.85 OH 8886 (sky)
        sky_oh_8920 8919.64 OH 8920 (sky)
    """,
}
"""For each set its lines: "name wavelength label", or a name alone of a line that `LINES` or
`EMISSION_LINES` of `lamost_rare.spectra.lines` has."""
