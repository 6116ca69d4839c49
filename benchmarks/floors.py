"""The least cost of a network on a device: arithmetic and memory traffic from its layers, and what
the device can do of both, measured. Keras on any back end."""

from __future__ import annotations

import math
import platform
import time

import numpy as np


def device_name() -> str:
    """The device that Keras computes on, in words."""
    import keras

    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        device = jax.devices()[0]
        return _processor() if device.platform == "cpu" else device.device_kind
    if backend == "torch":
        import torch

        return torch.cuda.get_device_name() if torch.cuda.is_available() else _processor()
    if backend == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        if gpus:
            return tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
    return _processor()


def on_processor() -> bool:
    """Tell if there is no accelerator."""
    return device_name() == _processor()


def _processor() -> str:
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            name = next(line.split(":")[1].strip() for line in file if "model name" in line)
    except (OSError, StopIteration):
        pass
    return f"{name} (processor)"


def flops(model) -> int:
    """Multiplications and additions for one spectrum, of convolutions and dense layers."""
    total = 0
    for layer in _layers(model):
        kernel = getattr(layer, "kernel", None)
        if kernel is None:
            continue
        positions = 1
        if len(kernel.shape) == 3:  # a convolution: its kernel is used at each output position
            positions = layer.output.shape[1]
        total += 2 * _calls(layer) * positions * math.prod(kernel.shape)
    return total


def _calls(layer) -> int:
    """Count how often the model calls a layer; those inside another layer count once."""
    return max(1, len(layer._inbound_nodes))


def activation_numbers(model) -> int:
    """Numbers that pass through memory for one spectrum if only convolutions, dense layers and
    poolings read and write it: what is done to each number alone rides along."""
    return sum(
        _calls(layer) * (math.prod(layer.input.shape[1:]) + math.prod(layer.output.shape[1:]))
        for layer in model.layers
        if _is_stop(layer)
    )


def _is_stop(layer) -> bool:
    return getattr(layer, "kernel", None) is not None or "Pooling" in type(layer).__name__


def _layers(model):
    """Layers, and those inside them (the dense layer of an attention block)."""
    for layer in model.layers:
        yield layer
        yield from layer._flatten_layers(include_self=False, recursive=True)


def wait_for(tensor) -> None:
    """Return when the device has computed a tensor."""
    import keras

    keras.ops.convert_to_numpy(tensor[:1])


def seconds_a_call(call, seconds: float = 1.0) -> float:
    """Mean time of a call that gives a tensor, over about so many seconds."""
    for _ in range(2):
        wait_for(call())  # compiles
    start = time.perf_counter()
    wait_for(call())
    once = time.perf_counter() - start
    number = min(max(math.ceil(seconds / max(once, 1e-6)), 2), 1000)
    start = time.perf_counter()
    for _ in range(number):
        result = call()
    wait_for(result)
    return (time.perf_counter() - start) / number


def peak_flops(dtype: str, size: int, seconds: float = 1.0) -> float:
    """Operations a second in a product of two square matrices."""
    import keras

    rng = np.random.default_rng(1)
    a = keras.ops.cast(rng.standard_normal((size, size), dtype=np.float32), dtype)
    return 2 * size**3 / seconds_a_call(lambda: keras.ops.matmul(a, a), seconds)


def bandwidth(n_bytes: int, seconds: float = 1.0) -> float:
    """Bytes a second, read and written, in adding one to each number of a large array."""
    import keras

    x = keras.ops.zeros((n_bytes // 4096, 1024), "float32")
    return 2 * n_bytes / seconds_a_call(lambda: x + 1.0, seconds)


def upload(n_bytes: int, seconds: float = 1.0) -> float:
    """Bytes a second from numpy to the device."""
    import keras

    x = np.zeros((n_bytes // 4096, 1024), np.float32)
    return n_bytes / seconds_a_call(lambda: keras.ops.convert_to_tensor(x), seconds)
