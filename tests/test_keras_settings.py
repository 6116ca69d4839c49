"""Networks are the same whatever ``keras.json`` and the environment say."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

PLAIN: dict = {}
HALF = {"image_data_format": "channels_first", "floatx": "float16", "epsilon": 1e-3}
DOUBLE = {"image_data_format": "channels_first", "floatx": "float64"}

BUILD = """
import sys
import numpy as np
from lamost_rare.networks import gan, racnet, spectral_features
from lamost_rare.networks.architectures import SHIPPED_RACNET
from lamost_rare.networks.layers import keras
from lamost_rare.spectra.grid import LAMOST_GRID
if sys.argv[2:]:
    keras.config.set_dtype_policy(sys.argv[2])
keras.utils.set_random_seed(5)
small = {"start": 96, "channels": [2, 2, 2, 2], "noise_channels": [2, 2]}
generator = gan.build_generator(small)
models = [
    racnet.build_racnet(SHIPPED_RACNET),
    generator,
    gan.without_noise(generator),
    gan.build_discriminator({"discriminator_channels": [2, 2, 2]}),
    spectral_features.feature_model(LAMOST_GRID),
]
models.append(racnet.opinions(models[0]))
out = []
for model in models:
    assert model.dtype_policy.name == "float32"
    assert [i.dtype for i in model.inputs] == ["float32"]
    for layer in model.layers[1:]:
        assert layer.dtype_policy.name == "float32", layer
        assert getattr(layer, "data_format", "channels_last") == "channels_last", layer
    rng = np.random.default_rng(2)
    x = 1 + 0.1 * rng.standard_normal((2, *model.input_shape[1:]))
    y = model(x.astype(np.float32), training=False)
    out += [keras.ops.convert_to_numpy(part) for part in (y if isinstance(y, list) else [y])]
    assert out[-1].dtype == np.float32
np.savez(sys.argv[1], *out)
"""

TRAIN = """
import pickle, sys
import numpy as np
from lamost_rare import RareStarClassifier
from lamost_rare.networks.layers import keras
if sys.argv[2:]:
    keras.config.set_dtype_policy(sys.argv[2])
before = keras.config.floatx(), keras.config.image_data_format(), keras.config.dtype_policy().name
rng = np.random.default_rng(0)
x = 1 + 0.05 * rng.standard_normal((8, 256))
model = RareStarClassifier(epochs=1, batch_size=4).fit(x, np.array(["a", "b"] * 4))
again = pickle.loads(pickle.dumps(model))
after = keras.config.floatx(), keras.config.image_data_format(), keras.config.dtype_policy().name
assert before == after, (before, after)
np.savez(sys.argv[1], model.predict_proba(x), again.predict_proba(x))
"""


def run(code, folder, name, settings, *extra):
    home = folder / name
    home.mkdir()
    (home / "keras.json").write_text(json.dumps(settings))
    done = subprocess.run(
        [sys.executable, "-c", code, str(home / "out.npz"), *extra],
        env={**os.environ, "KERAS_HOME": str(home), "TF_DETERMINISTIC_OPS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    with np.load(home / "out.npz") as found:
        return [found[key] for key in found.files]


@pytest.mark.parametrize(
    "code", [pytest.param(BUILD, marks=pytest.mark.slow), TRAIN], ids=["built", "trained"]
)
def test_no_setting_of_the_user_changes_a_network(code, tmp_path):
    want = run(code, tmp_path, "plain", PLAIN)
    others = [("half", HALF), ("double", DOUBLE, "mixed_float16")]
    for name, *settings in others:
        for got, wanted in zip(run(code, tmp_path, name, *settings), want, strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("way", ["variable", "file"])
@pytest.mark.parametrize("backend", ["nonesuch", "broken"])
def test_a_back_end_that_does_not_start_is_one_line(tmp_path, backend, way):
    """Unknown to Keras; or known, and its package does not import."""
    env = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"}
    name = "torch" if backend == "broken" else backend
    (tmp_path / "torch.py").write_text("raise ImportError('libtorch.so: cannot open')\n")
    env |= {"KERAS_HOME": str(tmp_path), "PYTHONPATH": f"{tmp_path}:{env.get('PYTHONPATH', '')}"}
    if way == "variable":
        env["KERAS_BACKEND"] = name
    else:
        (tmp_path / "keras.json").write_text(json.dumps({"backend": name}))
    output = str(tmp_path / "a.h5")
    done = subprocess.run(
        [sys.executable, "-m", "lamost_rare", "augment", "--number", "2", "--output", output],
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "unexpected" not in done.stderr
    assert ("KERAS_BACKEND=" if way == "file" else f"KERAS_BACKEND={name}") in done.stderr
    if backend == "broken":
        assert "libtorch.so" in done.stderr
    if way == "file":
        assert "keras.json" in done.stderr
