"""Spectra a second of a shipped classifier, on whatever device Keras finds.

    KERAS_BACKEND=torch python benchmarks/gpu_inference.py [--output FIGURES.json]
        [--batch-sizes 64 256 1024 8192] [--precisions float32 mixed_bfloat16 mixed_float16]
        [--store STORE.h5 --readers 1 2 4 8]

With TensorFlow, JAX or PyTorch: what ``KERAS_BACKEND`` says, of which only that one need be
installed. Prints Markdown tables:

speed
    *network*: input and output stay on the device. *with transfer*: from numpy arrays to numpy
    arrays, as a scan does it. Beside them the rates that arithmetic alone, and memory traffic
    alone, would allow: operations and bytes of the network's layers over what the same device does
    in a matrix product and in a copy, in the same run.
precision
    How many candidates change, and the most by which a probability does, against float32.
readers
    From a store: how many spectra reader processes deliver, and which part of the time inference
    waits for them, normalizes in numpy, and has the device busy.

Spectra are those of the store, or else the analytic model's (which takes astropy and
dust_extinction). For a machine without those, write a store elsewhere:
``--make-store STORE.h5 [--number 2048]``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from floors import (
    activation_numbers,
    bandwidth,
    device_name,
    flops,
    on_processor,
    peak_flops,
    seconds_a_call,
    upload,
)
from some_spectra import length_of, make_store, simulated, stored

from lamost_rare.presets import load_preset
from lamost_rare.spectra.batch import SpectrumBatch
from lamost_rare.spectra.normalize import network_input


def predictor_of(preset, precision: str, batch_size: int):
    """A predictor that computes with this precision (a Keras policy)."""
    from lamost_rare.inference.predictor import Predictor
    from lamost_rare.networks import layers

    with layers.precision(precision):
        return Predictor(preset, batch_size)


def measure_speed(preset, precision: str, batch_size: int, spectra, seconds: float) -> dict:
    """Rates of one batch size with one precision."""
    import keras

    from lamost_rare.inference.predictor import device_function

    predictor = predictor_of(preset, precision, batch_size)
    shape = (batch_size, *predictor.model.input_shape[1:])
    x = np.resize(spectra, shape)
    call = device_function(predictor.model, *shape)
    there = keras.ops.convert_to_tensor(x)
    alone = seconds_a_call(lambda: call(there), seconds)
    with_transfer = seconds_a_call(lambda: predictor._call(x), seconds)
    n_bytes = activation_numbers(predictor.model) * (4 if precision == "float32" else 2)
    n_bytes += predictor.model.count_params() * 4 / batch_size
    return {
        "precision": precision,
        "batch_size": batch_size,
        "network": batch_size / alone,
        "with_transfer": batch_size / with_transfer,
        "flops": flops(predictor.model),
        "bytes": n_bytes,
    }


def compute_dtype(precision: str) -> str:
    """The type that a policy computes with."""
    return precision.removeprefix("mixed_")


def compare_precision(preset, precisions, batch, batch_size: int) -> list[dict]:
    """Candidates and probabilities with each precision against float32."""
    exact, rows = predictor_of(preset, "float32", batch_size).predict(batch), []
    for precision in precisions:
        if precision == "float32":
            continue
        try:
            other = predictor_of(preset, precision, batch_size).predict(batch)
        except Exception as error:  # a type that the device or the back end does not have
            rows.append({"precision": precision, "failed": first_line(error)})
            continue
        rows.append(
            {
                "precision": precision,
                "spectra": len(batch),
                "candidates": int(exact.candidate.sum()),
                "candidates_that_change": int((other.candidate != exact.candidate).sum()),
                "largest_change": float(
                    np.abs(other.probabilities - exact.probabilities).max(initial=0)
                ),
            }
        )
    return rows


def measure_readers(preset, store: Path, readers: int, batch_size: int, precision, seconds) -> dict:
    """Where the time of the process that infers goes, while readers deliver a store's spectra."""
    from lamost_rare.survey.inputs.items import Item
    from lamost_rare.survey.workers import ReaderPool, Task

    predictor = predictor_of(preset, precision, batch_size)
    name, n = str(store.resolve()), length_of(store)
    starts = itertools.cycle(range(0, n, batch_size))

    def tasks():
        for key in itertools.count():
            start = next(starts)
            rows = range(start, min(start + batch_size, n))
            yield Task(key, [Item(name, row).to_bytes() for row in rows])

    spent = dict.fromkeys(("waiting", "normalizing", "inferring"), 0.0)
    done, warm = 0, 3 * readers
    with ReaderPool(preset.grid, workers=readers, batch_size=batch_size) as pool:
        last = began = time.perf_counter()
        for number, (_, chunk) in enumerate(pool.run(tasks())):
            asked = time.perf_counter()
            x = np.zeros((batch_size, *predictor.model.input_shape[1:]), np.float32)
            x[: len(chunk.batch)] = network_input(chunk.batch, preset.preprocessing)
            ready = time.perf_counter()
            predictor._call(x)
            end = time.perf_counter()
            parts = (asked - last, ready - asked, end - ready)
            if number < warm:
                began = end
            else:
                done += len(chunk.batch)
                for key, value in zip(spent, parts, strict=True):
                    spent[key] += value
                if end - began > seconds:
                    break
            last = end
    total = end - began
    return {
        "readers": readers,
        "rate": done / total,
        **{key: value / total for key, value in spent.items()},
    }


def golden_difference(preset, predictor) -> float:
    """The most by which probabilities differ from those in the preset's golden outputs."""
    with np.load(preset.folder / "golden.npz") as golden:
        arrays = (golden[name] for name in ("flux", "ivar", "mask"))
        found = predictor.predict(SpectrumBatch(preset.grid, *arrays))
        return float(np.abs(found.probabilities - golden["probabilities"]).max())


def first_line(error: Exception) -> str:
    """An error in short."""
    return f"{type(error).__name__}: {error}".splitlines()[0][:100]


def table(header: str, rows) -> None:
    """Print a Markdown table."""
    columns = [name.strip() for name in header.split("|")]
    print("\n| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)


def rate(value: float) -> str:
    """Three digits, which is what such a figure is good for."""
    return f"{float(f'{value:.3g}'):,.0f}"


def options():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", help="name or folder (default: the shipped one for O stars)")
    parser.add_argument("--batch-sizes", nargs="+", type=int, metavar="N",
                        default=[64, 128, 256, 512, 1024, 2048, 4096, 8192])  # fmt: skip
    parser.add_argument("--precisions", nargs="+", metavar="P",
                        default=["float32", "mixed_bfloat16", "mixed_float16"])  # fmt: skip
    parser.add_argument("--seconds", type=float, default=1.0, help="for each figure (1)")
    parser.add_argument("--number", type=int, default=2048, help="spectra to compare (2048)")
    parser.add_argument("--store", type=Path, help="of lamost-rare pack, or --make-store")
    parser.add_argument("--readers", nargs="+", type=int, default=[1, 2, 4, 8], metavar="N")
    parser.add_argument("--store-batch-size", type=int, default=256, metavar="N")
    parser.add_argument("--make-store", type=Path, help="write a store of simulated spectra")
    parser.add_argument("--output", type=Path, help="the figures as JSON")
    return parser.parse_args()


def measure_device(precisions, seconds) -> dict:
    """Measure the arithmetic and memory traffic that the device can do."""
    small = on_processor()
    peaks = {}
    for precision in precisions:
        dtype = compute_dtype(precision)
        try:
            peaks[dtype] = peak_flops(dtype, 1024 if small else 8192, seconds)
        except Exception as error:
            print(f"no matrix product of {dtype}: {first_line(error)}")
    copy = bandwidth(2**26 if small else 2**30, seconds)
    return {"peak_flops": peaks, "bandwidth": copy, "upload": upload(2**26, seconds)}


def show_speed(preset, args, x, device) -> list[dict]:
    """Measure and print the speed for each precision and batch size."""
    found, rows = [], []
    names = ("network", "with_transfer", "arithmetic_floor", "memory_floor")
    for precision, batch_size in itertools.product(args.precisions, args.batch_sizes):
        try:
            row = measure_speed(preset, precision, batch_size, x, args.seconds)
        except Exception as error:  # out of memory, or no such type: the others still count
            rows.append([precision, f"{batch_size}", first_line(error), "", "", "", ""])
            continue
        peak = device["peak_flops"].get(compute_dtype(precision), np.nan)
        row["arithmetic_floor"] = peak / row["flops"]
        row["memory_floor"] = device["bandwidth"] / row["bytes"]
        found.append(row)
        floor = min(row["arithmetic_floor"], row["memory_floor"])
        part = f"{row['network'] / floor:.2f}"
        rows.append([precision, f"{batch_size}", *(rate(row[name]) for name in names), part])
    one = found[0] if found else {"flops": 0, "bytes": 0}
    peak = ", ".join(f"{dtype} {value / 1e12:.3g}" for dtype, value in device["peak_flops"].items())
    send = device["upload"]
    print(
        f"a spectrum: {one['flops'] / 1e6:.1f} Mflop, {one['bytes'] / 1e6:.2f} MB of traffic in "
        f"{args.precisions[0]}, {x[0].nbytes / 1e3:.1f} kB of input\n"
        f"the device: matrix product, Tflop/s: {peak}; "
        f"memory {device['bandwidth'] / 1e9:.3g} GB/s; "
        f"from numpy {send / 1e9:.3g} GB/s = {rate(send / x[0].nbytes)} spectra/s"
    )
    table(
        "precision | batch | network, spectra/s | with transfer | arithmetic alone | memory alone "
        "| network / lower floor",
        rows,
    )
    return found


def show_precision(preset, args, batch) -> list[dict]:
    """Measure and print what another precision changes."""
    found = compare_precision(preset, args.precisions, batch, 256)
    table(
        "precision | spectra | candidates in float32 | candidates that change | largest change of "
        "a probability",
        [
            [row["precision"], row["failed"], "", "", ""]
            if "failed" in row
            else [*map(str, list(row.values())[:4]), f"{row['largest_change']:.1e}"]
            for row in found
        ],
    )
    return found


def show_readers(preset, args) -> list[dict]:
    """Measure and print the speed with several readers of a store."""
    size, precision, seconds = args.store_batch_size, args.precisions[0], 4 * args.seconds
    found = [measure_readers(preset, args.store, n, size, precision, seconds) for n in args.readers]
    table(
        "readers | spectra/s | waiting for readers | normalizing | transfer and network",
        [
            [str(row["readers"]), rate(row["rate"])]
            + [f"{row[key]:.0%}" for key in ("waiting", "normalizing", "inferring")]
            for row in found
        ],
    )
    return found


def main() -> None:
    """Measure, print, and write."""
    args = options()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    preset = load_preset(args.preset)
    if args.make_store:
        make_store(args.make_store, args.number, preset.grid)
        return
    batch = (
        stored(args.store, args.number, preset.grid)
        if args.store
        else simulated(args.number, preset.grid)
    )
    import keras

    backend, device = keras.backend.backend(), device_name()
    print(f"{device}; Keras {keras.__version__} on {backend}; {preset.name}")
    figures = {"device": device, "backend": backend, "keras": keras.__version__}
    figures |= {"preset": preset.name, **measure_device(args.precisions, args.seconds)}
    x = network_input(batch[: min(256, len(batch))], preset.preprocessing)
    figures["speed"] = show_speed(preset, args, x, figures)
    golden = golden_difference(preset, predictor_of(preset, "float32", 256))
    figures["golden_difference"] = golden
    print(f"\nfloat32: golden outputs of the preset come out the same to {golden:.1e}")
    figures["precision"] = show_precision(preset, args, batch)
    if args.store:
        figures["readers"] = show_readers(preset, args)
    if args.output:
        args.output.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
