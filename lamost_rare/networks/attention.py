"""The eight-stage attention block of RAC-Net (Yang et al. 2021, Fig. 6)."""

from __future__ import annotations

from .layers import keras, ops

__all__ = ["ChannelAttention"]


@keras.saving.register_keras_serializable(package="lamost_rare")
class ChannelAttention(keras.layers.Layer):
    """Stages 3 to 8: weigh the channels of a convolution's output.

    Maximum and average over wavelength (stage 3) are concatenated (4), a dense layer turns them
    into one weight a channel (5), which is repeated along wavelength (6) and multiplied with
    the convolution's output (7), giving the block's output (8). Stages 1 and 2 are the convolution
    itself.

    Input and output have shape (n_spectra, length, channels).
    """

    def build(self, input_shape):
        channels = input_shape[-1]
        self.dense = keras.layers.Dense(
            channels, activation="sigmoid", name="weights", dtype=self.dtype_policy
        )
        self.dense.build((input_shape[0], 2 * channels))
        super().build(input_shape)

    def weights_of(self, inputs):
        """Attention weights, shape (n_spectra, channels), between 0 and 1."""
        pooled = ops.concatenate([ops.max(inputs, axis=1), ops.mean(inputs, axis=1)], axis=-1)
        return self.dense(pooled)

    def call(self, inputs):
        # Broadcasting along the length is the paper's RepeatVector.
        return inputs * ops.expand_dims(self.weights_of(inputs), axis=1)

    def compute_output_shape(self, input_shape):
        return input_shape
