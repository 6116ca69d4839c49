"""Time of a training step of LocallyConnected1D as a ratio to Conv1D's, at the sizes of the LCGAN.

    python benchmarks/bench_locally_connected.py

The reference is `keras.layers.Conv1D` of the same sizes, in the same run, on the same thread.
"""

from __future__ import annotations

import argparse
import os
import time

for _name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def sizes():
    """(length, channels in, channels out, strides, kernel) of the shipped LCGAN's layers."""
    from lamost_rare.networks.gan import build_discriminator, build_generator
    from lamost_rare.networks.locally_connected import LocallyConnected1D

    for model in (build_generator({}), build_discriminator({})):
        for layer in model.layers:
            if isinstance(layer, LocallyConnected1D):
                _, length, channels = layer.input.shape
                yield length, channels, layer.filters, layer.strides, layer.kernel_size


def step_time(kind, size, batch, repeats) -> float:
    """Processor seconds of a step of training one layer: forward, gradients, update."""
    import keras
    import numpy as np

    length, channels, filters, strides, kernel = size
    inputs = keras.Input((length, channels))
    # A trainable layer in front, so that the gradient for the input is needed too.
    x = keras.layers.Dense(channels, use_bias=False)(inputs)
    outputs = kind(filters, kernel, strides=strides, padding="same")(x)
    model = keras.Model(inputs, outputs)
    model.compile(optimizer="sgd", loss="mse")
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, length, channels)).astype(np.float32)
    y = np.zeros((batch, *model.output_shape[1:]), np.float32)
    model.train_on_batch(x, y)
    times = []
    for _ in range(repeats):
        start = time.process_time()
        model.train_on_batch(x, y)
        times.append(time.process_time() - start)
    return float(np.median(times))


def main() -> None:
    """Print a line a layer, and the ratio of the sums."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    from keras.layers import Conv1D

    from lamost_rare.networks.locally_connected import LocallyConnected1D

    total = [0.0, 0.0]
    print("length  in out stride kernel  Conv1D ms  local ms  ratio")
    for size in sizes():
        times = [
            step_time(kind, size, args.batch, args.repeats) for kind in (Conv1D, LocallyConnected1D)
        ]
        total = [a + b for a, b in zip(total, times, strict=True)]
        shape = "{:6d} {:3d} {:3d} {:6d} {:6d}".format(*size)
        print(f"{shape}  {times[0] * 1e3:9.1f} {times[1] * 1e3:9.1f}  {times[1] / times[0]:5.2f}")
    print(f"all layers: {total[1] / total[0]:.2f} times Conv1D")


if __name__ == "__main__":
    main()
