"""What the workers of the tests' Dask clusters need: networks that are quick, and can go wrong."""

import os
import time

import pytest

from scan_helpers import StandIn

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")


class Slow(StandIn):
    """Takes its time."""

    def predict(self, batch):
        time.sleep(0.1)
        return super().predict(batch)


class Failing(StandIn):
    """Works on nothing."""

    def predict(self, batch):
        raise RuntimeError("cannot\nwork")


class Picky(StandIn):
    """Does not work on the first eight spectra."""

    def predict(self, batch):
        if min(batch.identity["ra"]) < 8:
            raise RuntimeError("cannot")
        return super().predict(batch)


class Deadly(StandIn):
    """Ends its process at the tenth spectrum."""

    def predict(self, batch):
        if 10 in batch.identity["ra"]:
            os._exit(7)
        return super().predict(batch)


NETWORKS = {
    "standin-v1": StandIn,
    "slow-v1": Slow,
    "failing-v1": Failing,
    "picky-v1": Picky,
    "deadly-v1": Deadly,
}


def network_of(preset, batch_size):
    """The network that a preset is named after, for ``make_predictor``."""
    return NETWORKS[preset.name]()
