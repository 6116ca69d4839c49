import os
import subprocess
import sys

from lamost_rare.networks.native_logs import without_native_logs


def test_chatter_goes_and_the_rest_stays(capfd):
    with without_native_logs():
        os.write(
            2, b"I0000 00:00:1795412333.974748   18852 cudart_stub.cc:31] Could not find drivers\n"
        )
        os.write(2, b"WARNING: All log messages before absl::InitializeLog() are written\n")
        os.write(2, b"E0000 00:00:1.2 real.cc:1] a real error\n")
        os.write(2, b"from somewhere else\n")
    os.write(2, b"after\n")
    error = capfd.readouterr().err
    assert "Could not find" not in error
    assert "absl" not in error
    assert "a real error" in error
    assert "from somewhere else" in error
    assert error.endswith("after\n")


def test_without_a_standard_error():
    code = (
        "import os; os.close(2)\n"
        "from lamost_rare.networks.native_logs import without_native_logs\n"
        "with without_native_logs(): print('done')"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert (done.returncode, done.stdout) == (0, "done\n")


LONG_WORK = """
import sys
import numpy as np
from lamost_rare import RareStarClassifier, augment_spectra
from lamost_rare.cli import main
assert main(["augment", "--number", "2", "--output", sys.argv[1]]) == 0
augment_spectra(2)
x = 1 + 0.05 * np.random.default_rng(0).standard_normal((8, 256))
RareStarClassifier(epochs=1, batch_size=4).fit(x, np.array(["a", "b"] * 4)).predict(x)
"""


def test_the_network_library_starts_without_a_word(tmp_path):
    """Where nothing was set to silence it, as in a user's shell: augment, and a training."""
    settings = ("TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS", "CUDA_VISIBLE_DEVICES")
    done = subprocess.run(
        [sys.executable, "-c", LONG_WORK, str(tmp_path / "a.h5")],
        env={name: value for name, value in os.environ.items() if name not in settings},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
