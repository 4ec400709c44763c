"""How fast tensors of each format are read by blocks of rows, and how much memory that takes.

    python -m benchmarks.formats [--width 2048] [--layers 8] [--tensors 1000000]

Each row opens one checkpoint of random square matrices, in a process of its own, and reads all of it in blocks of 256 K elements. The
files are in the page cache. Seconds are of the processor, so that other work on the machine counts little; MB/s is of float32 made;
memory is the most that was resident at any time, beyond what the process had before it opened anything (packages that a reader
imports are counted). The last row opens a safetensors file of very many tensors with one element each, and reads none.
"""

import argparse
import json
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from benchmarks.measuring import MEGABYTE, markdown

BLOCK = 1 << 18
RNG = np.random.default_rng(0)
Arrays = Mapping[str, np.ndarray]


def write_safetensors(dtype: str) -> Callable[[Path, Arrays], None]:
    def write(folder: Path, arrays: Arrays) -> None:
        import torch
        from safetensors.torch import save_file

        tensors = {name: torch.from_numpy(value).to(getattr(torch, dtype)) for name, value in arrays.items()}
        save_file(tensors, folder / "model.safetensors")

    return write


def write_nf4(folder: Path, arrays: Arrays) -> None:
    from safetensors.numpy import save_file

    stored: dict[str, np.ndarray] = {}
    for name, value in arrays.items():
        state = json.dumps({"quant_type": "nf4", "blocksize": 64, "shape": value.shape}).encode()
        stored[name] = RNG.integers(0, 256, (value.size // 2, 1)).astype(np.uint8)
        stored[f"{name}.absmax"] = np.ones(value.size // 64, np.float32)
        stored[f"{name}.quant_map"] = np.linspace(-1, 1, 16).astype(np.float32)
        stored[f"{name}.quant_state.bitsandbytes__nf4"] = np.frombuffer(state, np.uint8)
    save_file(stored, folder / "model.safetensors")


def write_gptq(folder: Path, arrays: Arrays) -> None:
    from safetensors.numpy import save_file

    stored: dict[str, np.ndarray] = {}
    for name, value in arrays.items():
        stem, (outputs, inputs) = name.removesuffix(".weight"), value.shape
        groups = inputs // 128
        stored[f"{stem}.qweight"] = RNG.integers(0, 2**31, (inputs // 8, outputs)).astype(np.int32)
        stored[f"{stem}.qzeros"] = RNG.integers(0, 2**31, (groups, outputs // 8)).astype(np.int32)
        stored[f"{stem}.scales"] = np.ones((groups, outputs), np.float16)
        stored[f"{stem}.g_idx"] = (np.arange(inputs) // 128).astype(np.int32)
    save_file(stored, folder / "model.safetensors")
    config = {"quantization_config": {"quant_method": "gptq", "bits": 4}}
    (folder / "config.json").write_text(json.dumps(config))


def write_gguf(type_: str) -> Callable[[Path, Arrays], None]:
    def write(folder: Path, arrays: Arrays) -> None:
        from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFWriter

        qtype = GGMLQuantizationType[type_]
        block, size = GGML_QUANT_SIZES[qtype]
        writer = GGUFWriter(folder / "model.gguf", "llama")
        for name, value in arrays.items():
            # Any bytes are blocks of the type; what they stand for does not matter to the time.
            shape = (value.shape[0], value.shape[1] // block * size)
            writer.add_tensor(name, RNG.integers(0, 60, shape).astype(np.uint8), raw_dtype=qtype)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()

    return write


def write_onnx(folder: Path, arrays: Arrays) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, initialisers = [], []
    for name, value in arrays.items():
        scale = np.full(value.shape[1], 0.01, np.float32)
        initialisers.append(numpy_helper.from_array((value * 40).astype(np.int8), f"{name}_q"))
        initialisers.append(numpy_helper.from_array(scale, f"{name}_s"))
        nodes.append(helper.make_node("DequantizeLinear", [f"{name}_q", f"{name}_s"], [name], axis=1))
        nodes.append(helper.make_node("MatMul", ["x", name], [f"{name}_y"]))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [x], [], initialisers)
    onnx.save(helper.make_model(graph), folder / "model.onnx")


def write_adapter(folder: Path, arrays: Arrays) -> None:
    from safetensors.numpy import save_file

    write_safetensors("bfloat16")(folder, arrays)
    stored = {}
    for name, value in arrays.items():
        stem = "base_model.model." + name.removesuffix(".weight")
        stored[f"{stem}.lora_A.weight"] = RNG.normal(size=(16, value.shape[1])).astype(np.float32)
        stored[f"{stem}.lora_B.weight"] = RNG.normal(size=(value.shape[0], 16)).astype(np.float32)
    (folder / "adapter").mkdir()
    save_file(stored, folder / "adapter" / "adapter_model.safetensors")
    (folder / "adapter" / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "lora_alpha": 16})
    )


FORMATS: Mapping[str, Callable[[Path, Arrays], None]] = {
    "safetensors F32": write_safetensors("float32"),
    "safetensors BF16": write_safetensors("bfloat16"),
    "safetensors F8_E4M3": write_safetensors("float8_e4m3fn"),
    "bitsandbytes NF4": write_nf4,
    "GPTQ, 4 bits": write_gptq,
    "GGUF Q8_0": write_gguf("Q8_0"),
    "GGUF Q4_1": write_gguf("Q4_1"),
    "GGUF Q4_K": write_gguf("Q4_K"),
    "GGUF IQ4_XS": write_gguf("IQ4_XS"),
    "ONNX int8, inputs x outputs": write_onnx,
    "LoRA of rank 16 on BF16": write_adapter,
}


def write_many(folder: Path, count: int) -> None:
    entries = (
        f'"layers.{i}.w":{{"dtype":"F32","shape":[1],"data_offsets":[{4 * i},{4 * i + 4}]}}'
        for i in range(count)
    )
    header = "{" + ",".join(entries) + "}"
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header.encode() + bytes(4 * count))


def read(folder: Path) -> None:
    """What the process of one row does: opens a checkpoint, reads its matrices, prints figures."""
    from provenance.weights.checkpoint import Checkpoint

    before = peak_memory()
    started = time.process_time()
    adapter = folder / "adapter"
    checkpoint = Checkpoint.open(adapter, base=folder) if adapter.exists() else Checkpoint.open(folder)
    opened = time.process_time()
    elements = 0
    for name in checkpoint.tensors if len(checkpoint.tensors) < 1000 else ():
        shape = checkpoint.info(name).shape
        if len(shape) == 2 and checkpoint.is_numeric(name):
            step = max(1, BLOCK // shape[1])
            elements += sum(checkpoint.rows(name, at, at + step).size for at in range(0, shape[0], step))
    done = time.process_time()
    peak = peak_memory() - before
    print(json.dumps([len(checkpoint.tensors), opened - started, done - opened, elements, peak]))


def peak_memory() -> int:
    """The most memory that this program had resident, in bytes. What `getrusage` says counts that of its parent, too."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def measured(folder: Path) -> list[float]:
    command = [sys.executable, "-m", "benchmarks.formats", "--read", str(folder)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(answer.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--width", type=int, default=2048, help="of the square matrices")
    parser.add_argument("--layers", type=int, default=8, help="number of matrices")
    parser.add_argument("--tensors", type=int, default=1_000_000, help="of the file with very many")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        read(options.read)
        return
    arrays = {
        f"layers.{layer}.up.weight": RNG.normal(size=(options.width, options.width)).astype(np.float32)
        for layer in range(options.layers)
    }
    rows = []
    for name, write in FORMATS.items():
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), arrays)
            tensors, opening, reading, elements, peak = measured(Path(folder))
        assert elements == sum(value.size for value in arrays.values()), name
        speed = f"{elements * 4 / reading / MEGABYTE:,.0f}"
        rows.append((name, tensors, f"{opening:.3f}", speed, f"{peak / MEGABYTE:.0f}"))
    with tempfile.TemporaryDirectory() as folder:
        write_many(Path(folder), options.tensors)
        tensors, opening, _, _, peak = measured(Path(folder))
    rows.append(
        ("safetensors, one element each", f"{tensors:,}", f"{opening:.3f}", "", f"{peak / MEGABYTE:.0f}")
    )
    print(markdown(("", "tensors", "seconds to open (CPU)", "MB/s", "MB of memory"), rows))


if __name__ == "__main__":
    main()
