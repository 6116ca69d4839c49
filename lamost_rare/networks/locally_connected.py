"""A convolution whose kernel is not shared along wavelength (Yang et al. 2021, Fig. 2)."""

from __future__ import annotations

from .layers import keras, ops

__all__ = ["LocallyConnected1D"]

_TOGETHER = 4


@keras.saving.register_keras_serializable(package="lamost_rare")
class LocallyConnected1D(keras.layers.Layer):
    """Locally connected layer over one axis: every output position has a kernel of its own.

    From (n_spectra, n_pixels, channels) to (n_spectra, n_out, filters), with ``n_out`` of
    ``(n_pixels + 2 p - kernel_size) // strides + 1`` (Yang et al. 2021, Eq. 6, where the division
    is missing in print). The output at position l is
    ``sum_k sum_c x[l * strides + k, c] * kernel[l, k, c, :] + bias[l, :]``.

    Parameters
    ----------
    filters : int
        Channels of the output.
    kernel_size, strides : int
    padding : str
        ``valid``, or ``same``: zeros on both sides, as `keras.layers.Conv1D` adds them.
    activation : str or callable, optional
    use_bias : bool
    kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer
        As Keras layers take them. Glorot's fans are those of one position.

    Raises
    ------
    ValueError
        If a size is not positive, the padding is unknown, or the input is shorter than the kernel
        or of unknown length.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        sizes = {"filters": filters, "kernel_size": kernel_size, "strides": strides}
        for name, value in sizes.items():
            if int(value) != value or value < 1:
                raise ValueError(f"{name} must be a positive whole number, not {value!r}")
        if padding not in ("valid", "same"):
            raise ValueError(f"unknown padding {padding!r}; known: 'valid', 'same'")
        self.filters, self.kernel_size, self.strides = int(filters), int(kernel_size), int(strides)
        self.padding = padding
        self.use_bias = bool(use_bias)
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def _lengths(self, n_pixels):
        """Output length, and zeros to add before and behind."""
        if n_pixels is None:
            raise ValueError("a locally connected layer needs an input of known length")
        if self.padding == "same":
            n_out = -(-n_pixels // self.strides)
            missing = max((n_out - 1) * self.strides + self.kernel_size - n_pixels, 0)
            return n_out, missing // 2, missing - missing // 2
        n_out = (n_pixels - self.kernel_size) // self.strides + 1
        if n_out < 1:
            raise ValueError(
                f"an input of {n_pixels} pixels is shorter than the kernel of {self.kernel_size}"
            )
        return n_out, 0, 0

    def build(self, input_shape):
        """Create ``kernel`` (n_out, kernel_size * channels, filters) and ``bias`` (n_out,
        filters)."""
        n_out, _, _ = self._lengths(input_shape[1])
        fan_in = self.kernel_size * input_shape[2]
        shape = (n_out, fan_in, self.filters)

        def initialize(shape, dtype=None):
            # Keras would take the positions for a part of the receptive field: draw for one
            # position at a time what Glorot means.
            if isinstance(self.kernel_initializer, keras.initializers.VarianceScaling):
                return self._glorot(shape, dtype)
            return self.kernel_initializer(shape, dtype=dtype)

        self.kernel = self.add_weight(
            shape=shape,
            initializer=initialize,
            regularizer=self.kernel_regularizer,
            name="kernel",
        )
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(n_out, self.filters),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                name="bias",
            )

    def _glorot(self, shape, dtype):
        n_out, fan_in, filters = shape
        flat = self.kernel_initializer((fan_in, n_out * filters), dtype=dtype)
        # The fan out that the initializer saw is n_out times too large.
        scheme = self.kernel_initializer.mode
        seen = {"fan_in": fan_in, "fan_out": n_out * filters}
        seen["fan_avg"] = (fan_in + n_out * filters) / 2
        wanted = {"fan_in": fan_in, "fan_out": filters, "fan_avg": (fan_in + filters) / 2}
        flat = flat * (seen[scheme] / wanted[scheme]) ** 0.5
        return ops.transpose(ops.reshape(flat, (fan_in, n_out, filters)), (1, 0, 2))

    def call(self, inputs):
        """From (n_spectra, n_pixels, channels) to (n_spectra, n_out, filters)."""
        n_out, before, behind = self._lengths(inputs.shape[1])
        # One matrix product for a few neighbouring positions: their kernels stand in it as a band
        # between zeros. Twice as fast as one tiny product a position, and patches overlap less.
        together = max(n for n in range(1, _TOGETHER + 1) if n_out % n == 0)
        blocks, channels = n_out // together, inputs.shape[2]
        step = together * self.strides
        window = step - self.strides + self.kernel_size
        overlap = max(window - step, 0)
        length = blocks * step + step * -(-overlap // step)
        behind = max(behind, length - inputs.shape[1] - before)
        x = ops.pad(inputs, ((0, 0), (before, behind), (0, 0)))
        parts, missing = [], window
        for start in range(0, window, step):
            part = ops.reshape(x[:, start : start + blocks * step], (-1, blocks, step * channels))
            parts.append(part[:, :, : min(missing, step) * channels])
            missing -= step
        x = parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=-1)
        x = ops.matmul(ops.transpose(x, (1, 0, 2)), self._bands(blocks, together, window, channels))
        x = ops.reshape(ops.transpose(x, (1, 0, 2)), (-1, n_out, self.filters))
        if self.use_bias:
            x = x + self.bias
        return self.activation(x)

    def _bands(self, blocks, together, window, channels):
        """Kernels of neighbouring positions side by side: (blocks, window * channels,
        together * filters)."""
        kernel = ops.reshape(self.kernel, (blocks, together, -1, self.filters))
        bands = []
        for k in range(together):
            above = k * self.strides * channels
            below = window * channels - above - kernel.shape[2]
            bands.append(ops.pad(kernel[:, k], ((0, 0), (above, below), (0, 0))))
        return ops.concatenate(bands, axis=-1)

    def compute_output_shape(self, input_shape):
        """(n_spectra, n_out, filters)."""
        return (input_shape[0], self._lengths(input_shape[1])[0], self.filters)

    def get_config(self):
        """Everything `__init__` takes."""
        plain = ("filters", "kernel_size", "strides", "padding", "use_bias")
        config = super().get_config() | {name: getattr(self, name) for name in plain}
        config["activation"] = keras.activations.serialize(self.activation)
        for kind in ("initializer", "regularizer"):
            serialize = getattr(keras, f"{kind}s").serialize
            for name in (f"kernel_{kind}", f"bias_{kind}"):
                config[name] = serialize(getattr(self, name))
        return config
