"""LocallyConnected1D against a loop, against Conv1D, and its gradients."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from lamost_rare.networks.locally_connected import LocallyConnected1D  # noqa: E402


def by_loop(x, layer):
    """The definition, written out."""
    n_out, before, behind = layer._lengths(x.shape[1])
    x = np.pad(x.astype(float), ((0, 0), (before, behind), (0, 0)))
    kernel = np.asarray(layer.kernel, float)
    out = np.zeros((len(x), n_out, layer.filters))
    for i in range(len(x)):
        for position in range(n_out):
            start = position * layer.strides
            patch = x[i, start : start + layer.kernel_size].ravel()
            out[i, position] = patch @ kernel[position]
            if layer.use_bias:
                out[i, position] += np.asarray(layer.bias, float)[position]
    return out


SIZES = [
    # n_pixels, channels, filters, kernel, strides
    (12, 3, 2, 5, 1),
    (13, 1, 4, 3, 1),
    (16, 2, 3, 9, 4),
    (17, 2, 3, 2, 3),
    (24, 1, 1, 1, 2),
    (9, 2, 2, 9, 1),
    (40, 1, 2, 3, 5),
]


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("size", SIZES)
def test_equals_a_loop(size, padding):
    n, channels, filters, kernel, strides = size
    layer = LocallyConnected1D(
        filters, kernel, strides, padding, bias_initializer="random_normal", name="lc"
    )
    x = np.random.default_rng(1).standard_normal((3, n, channels)).astype(np.float32)
    got = np.asarray(keras.ops.convert_to_numpy(layer(x)))
    assert got.shape == layer.compute_output_shape(x.shape)
    np.testing.assert_allclose(got, by_loop(x, layer), atol=2e-6)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides", [1, 2, 4])
def test_equals_a_convolution_when_its_kernels_are_tied(padding, strides):
    x = np.random.default_rng(2).standard_normal((2, 32, 3)).astype(np.float32)
    convolution = keras.layers.Conv1D(4, 5, strides=strides, padding=padding, activation="relu")
    expected = keras.ops.convert_to_numpy(convolution(x))
    layer = LocallyConnected1D(4, 5, strides, padding, activation="relu")
    layer.build(x.shape)
    kernel = keras.ops.convert_to_numpy(convolution.kernel).reshape(15, 4)
    layer.kernel.assign(np.tile(kernel, (layer.kernel.shape[0], 1, 1)))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(x)), expected, atol=2e-6)


def test_learns_by_the_right_gradients():
    """One step of plain gradient descent against finite differences of the loss."""
    x = np.random.default_rng(3).standard_normal((4, 10, 2)).astype(np.float32)
    inputs = keras.Input((10, 2))
    layer = LocallyConnected1D(2, 3, activation="tanh", padding="same")
    model = keras.Model(inputs, layer(inputs))
    target = np.zeros((4, 10, 2), np.float32)
    model.compile(optimizer=keras.optimizers.SGD(1.0), loss="mse")
    before = [w.copy() for w in model.get_weights()]

    def loss(weights):
        model.set_weights(weights)
        return float(np.mean(np.asarray(model.predict_on_batch(x), float) ** 2))

    rng = np.random.default_rng(4)
    directions = [rng.standard_normal(w.shape).astype(np.float32) for w in before]
    step = 1e-2
    up = loss([w + step * d for w, d in zip(before, directions, strict=True)])
    down = loss([w - step * d for w, d in zip(before, directions, strict=True)])
    model.set_weights(before)
    model.train_on_batch(x, target)
    gradient = [b - a for b, a in zip(before, model.get_weights(), strict=True)]
    slope = sum(float((g * d).sum()) for g, d in zip(gradient, directions, strict=True))
    assert slope == pytest.approx((up - down) / (2 * step), rel=2e-2)
    assert abs(slope) > 1e-3


def test_survives_saving(tmp_path):
    inputs = keras.Input((20, 2))
    model = keras.Model(inputs, LocallyConnected1D(3, 5, 2, "same", activation="relu")(inputs))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(5).standard_normal((2, 20, 2)).astype(np.float32)
    np.testing.assert_array_equal(model.predict_on_batch(x), again.predict_on_batch(x))


def test_starts_as_a_dense_layer_of_each_position_would():
    layer = LocallyConnected1D(8, 5)
    layer.build((None, 200, 8))
    expected = np.sqrt(2 / (40 + 8))
    assert np.std(np.asarray(layer.kernel)) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(
    ("arguments", "shape", "message"),
    [
        ({"filters": 0, "kernel_size": 3}, None, "filters must be"),
        ({"filters": 2, "kernel_size": 1.5}, None, "kernel_size must be"),
        ({"filters": 2, "kernel_size": 3, "padding": "causal"}, None, "unknown padding"),
        ({"filters": 2, "kernel_size": 3}, (None, 2, 1), "shorter than the kernel"),
        ({"filters": 2, "kernel_size": 3}, (None, None, 1), "known length"),
    ],
)
def test_bad_sizes_are_refused(arguments, shape, message):
    with pytest.raises(ValueError, match=message):
        LocallyConnected1D(**arguments).build(shape)
