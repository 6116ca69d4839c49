"""What is computed does not depend on the number of cores."""

import os
import subprocess
import sys
import threading

import numpy as np  # noqa: F401  # whose library has the threads
import pytest
from threadpoolctl import threadpool_info

from lamost_rare.inference.threads import fix_network_threads, one_blas_thread

DIGESTS = """
import hashlib, os, sys
cores = sys.argv[1]
if cores == "1":
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import numpy as np
from lamost_rare.inference.predictor import Predictor
from lamost_rare.presets import load_preset
from lamost_rare.spectra.batch import SpectrumBatch, empty_identity
preset = load_preset()
rng = np.random.default_rng(6)
n, shape = 70, (70, preset.grid.n_pixels)
flux = rng.normal(100, 10, shape).astype("f4") * (1 + rng.random((n, 1)).astype("f4"))
mask = rng.random(shape) < 0.01
flux[mask] = 0
ivar = np.where(mask, 0, 0.01).astype("f4")
batch = SpectrumBatch(preset.grid, flux, ivar, mask, empty_identity(n))
for batch_size in (1, 48):
    p = Predictor(preset, batch_size=batch_size).predict(batch[:9] if batch_size == 1 else batch)
    print(hashlib.sha256(p.probabilities.tobytes() + p.candidate.tobytes()).hexdigest())
"""


def digests(cores: int) -> list[str]:
    """Of the default preset's answers in a process that has, or believes it has, so many cores."""
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    if cores > 1:
        environment |= dict.fromkeys(names, str(cores))
    done = subprocess.run(
        [sys.executable, "-c", DIGESTS, str(cores)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be taken away here")
def test_probabilities_are_the_same_bits_on_any_number_of_cores():
    one = digests(1)
    assert len(set(one)) == 2
    assert digests(2) == one
    assert digests(5) == one


def test_the_environment_holds(monkeypatch):
    def threads(*given):
        fix_network_threads(*given)
        return os.environ["TF_NUM_INTRAOP_THREADS"]

    for given, wanted in ((1, "2"), (2, "2"), (7, "7"), (300, "16")):
        monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
        assert threads(given) == wanted
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    assert threads() == "1"


def test_threads_of_numpy_come_back_also_from_blocks_of_several_threads():
    def now():
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    before, within = now(), []

    def work():
        for _ in range(20):
            with one_blas_thread(), one_blas_thread():
                within.append(now())

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert within == [{1}] * 60
    assert now() == before
    with pytest.raises(KeyError), one_blas_thread():
        raise KeyError
    assert now() == before
