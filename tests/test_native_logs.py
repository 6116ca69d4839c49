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
