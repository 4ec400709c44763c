"""What files are: their format, rows and digest."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from blake3 import blake3
from intake_fixtures import model, sharded, weights, write

from provenance.artifacts import ArtifactKind
from provenance.errors import ContentError
from provenance.intake.content import read_content
from provenance.intake.files import find_files

MODEL, DATASET = ArtifactKind.MODEL, ArtifactKind.DATASET


def parquet(path: Path, rows: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"text": [f"row {row}" for row in range(rows)]}), path)
    return path


def adapter(folder: Path) -> Path:
    write(folder / "adapter_config.json", '{"peft_type": "LORA", "base_model_name_or_path": "org/base"}')
    weights(folder / "adapter_model.safetensors", "lora_A.weight", "lora_B.weight")
    return folder


def mlflow_model(folder: Path) -> Path:
    write(
        folder / "MLmodel",
        "flavors:\n  python_function:\n    loader_module: mlflow.pyfunc.model\nrun_id: abc\n",
    )
    weights(folder / "data" / "model.safetensors")
    return folder


def split(folder: Path) -> Path:
    write(folder / "train" / "a.jsonl", '{"n": 1}\n{"n": 2}\n')
    parquet(folder / "test" / "b.parquet", 5)
    write(folder / "README.md", "# no rows here\n")
    return folder


FORMATS: dict[str, tuple[ArtifactKind, Callable[[Path], Path], str, int | None]] = {
    "a Hugging Face folder": (MODEL, lambda d: model(d / "m"), "huggingface", None),
    "shards under an index": (
        MODEL,
        lambda d: sharded(d / "m", {"a": "model-1.safetensors", "b": "model-2.safetensors"}),
        "huggingface",
        None,
    ),
    "a PEFT adapter": (MODEL, lambda d: adapter(d / "m"), "peft-adapter", None),
    "an MLflow model": (MODEL, lambda d: mlflow_model(d / "m"), "mlflow-model", None),
    "one safetensors file": (MODEL, lambda d: weights(d / "m.safetensors"), "safetensors", None),
    "weights in sub folders": (
        MODEL,
        lambda d: weights(d / "m" / "unet" / "w.safetensors").parents[1],
        "safetensors",
        None,
    ),
    "one GGUF file": (MODEL, lambda d: write(d / "m.gguf", b"GGUF\x03\x00\x00\x00"), "gguf", None),
    "a GGUF without suffix": (
        MODEL,
        lambda d: write(d / "sha256-0123", b"GGUF\x03\x00\x00\x00"),
        "gguf",
        None,
    ),
    "one pickle": (MODEL, lambda d: write(d / "m.pt", b"never opened"), "pickle", None),
    "a folder of pickles": (
        MODEL,
        lambda d: write(d / "m" / "pytorch_model.bin", b"x").parent,
        "pickle",
        None,
    ),
    "a zip given as a model": (
        MODEL,
        lambda d: write(d / "m.zip", b"PK\x03\x04 never unpacked"),
        "file",
        None,
    ),
    "a folder without weights": (
        MODEL,
        lambda d: write(d / "m" / "notes.txt", "none").parent,
        "folder",
        None,
    ),
    "JSON lines": (DATASET, lambda d: write(d / "d.jsonl", '{"a": 1}\n\n  \n[2]\n3'), "jsonl", 3),
    "an empty JSONL file": (DATASET, lambda d: write(d / "d.jsonl", ""), "jsonl", 0),
    "JSON lines after a byte order mark": (
        DATASET,
        lambda d: write(d / "d.jsonl", "\ufeff{}\n{}\n"),
        "jsonl",
        2,
    ),
    "CSV": (DATASET, lambda d: write(d / "d.csv", "a,b\n1,2\n3,4\n"), "csv", 2),
    "CSV with quoted line ends": (
        DATASET,
        lambda d: write(d / "d.csv", 'a,b\n1,"x\ny\r\nz"\n3,""\n'),
        "csv",
        2,
    ),
    "CSV with one huge field": (
        DATASET,
        lambda d: write(d / "d.csv", "a\n" + "x" * 1_000_000 + "\n"),
        "csv",
        1,
    ),
    "tab separated": (DATASET, lambda d: write(d / "d.tsv", "a\tb\n1\t2\n"), "csv", 1),
    "Parquet": (DATASET, lambda d: parquet(d / "d.parquet", 7), "parquet", 7),
    "a folder of splits": (DATASET, lambda d: split(d / "d"), "dataset-folder", 7),
    "a folder without rows": (
        DATASET,
        lambda d: write(d / "d" / "a.txt", "x").parent,
        "dataset-folder",
        None,
    ),
    "text": (DATASET, lambda d: write(d / "d.txt", "héllo"), "text", None),
    "bytes": (DATASET, lambda d: write(d / "d.dat", b"\xff\xfe\x00"), "file", None),
    "tensors as data": (DATASET, lambda d: weights(d / "d.safetensors"), "safetensors", None),
}


@pytest.mark.parametrize("case", FORMATS)
def test_files_are_recognised_for_what_they_are(case: str, tmp_path: Path) -> None:
    kind, make, format_, rows = FORMATS[case]
    content = read_content(make(tmp_path), kind=kind).content
    assert (content.format, content.rows) == (format_, rows)


def test_text_cut_within_a_character_by_sniffing_is_still_text(tmp_path: Path) -> None:
    path = write(tmp_path / "d.txt", "x" * 65_535 + "é")
    assert read_content(path, kind=DATASET).content.format == "text"


def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    path = write(tmp_path / "numbers.jsonl", '{"n": 1}\n')
    content = read_content(path, kind=DATASET, sha256=True).content
    assert content.digest.hex == blake3(path.read_bytes()).hexdigest()
    assert content.sha256 is not None
    assert content.sha256.hex == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (content.size_bytes, content.files) == (9, 1)


def test_the_digest_of_a_folder_is_that_of_its_listing_under_both_algorithms(tmp_path: Path) -> None:
    write(tmp_path / "d" / "b.txt", "two")
    write(tmp_path / "d" / "a" / "x.txt", "one")
    content = read_content(tmp_path / "d", kind=DATASET, sha256=True).content
    listing = f"{blake3(b'one').hexdigest()}  a/x.txt\n{blake3(b'two').hexdigest()}  b.txt\n"
    assert content.digest.hex == blake3(listing.encode()).hexdigest()
    one, two = hashlib.sha256(b"one").hexdigest(), hashlib.sha256(b"two").hexdigest()
    assert content.sha256 is not None
    assert content.sha256.hex == hashlib.sha256(f"{one}  a/x.txt\n{two}  b.txt\n".encode()).hexdigest()
    assert (content.size_bytes, content.files) == (6, 2)


def test_moving_a_folder_keeps_its_digest_and_renaming_a_file_changes_it(tmp_path: Path) -> None:
    before = read_content(model(tmp_path / "m"), kind=MODEL).content
    shutil.move(tmp_path / "m", tmp_path / "elsewhere")
    assert read_content(tmp_path / "elsewhere", kind=MODEL).content == before
    (tmp_path / "elsewhere" / "config.json").rename(tmp_path / "elsewhere" / "config2.json")
    assert read_content(tmp_path / "elsewhere", kind=MODEL).content.digest != before.digest


@pytest.mark.parametrize("name", [".git", ".cache", "__pycache__", ".provenance"])
def test_what_tools_leave_behind_is_no_part_of_an_artifact(name: str, tmp_path: Path) -> None:
    before = read_content(model(tmp_path / "m"), kind=MODEL).content
    write(tmp_path / "m" / "sub" / name / "left.behind", "x")
    write(tmp_path / "m" / name / "left.behind", "x")
    assert read_content(tmp_path / "m", kind=MODEL).content == before


def test_progress_tells_the_total_first_and_ends_with_it(tmp_path: Path) -> None:
    write(tmp_path / "d" / "a.txt", "x" * 10)
    write(tmp_path / "d" / "b.txt", "x" * 32)
    told: list[tuple[int, int]] = []
    read_content(tmp_path / "d", kind=DATASET, progress=lambda done, total: told.append((done, total)))
    assert told == [(0, 42), (10, 42), (42, 42)]


@pytest.mark.parametrize("change", ["grow", "replace", "add", "remove"])
def test_an_artifact_that_changes_while_it_is_read_is_refused(change: str, tmp_path: Path) -> None:
    folder = tmp_path / "d"
    first, _ = write(folder / "a.txt", "one"), write(folder / "b.txt", "two")

    def interfere(done: int, total: int) -> None:
        if done < total:
            return
        if change == "grow":
            first.write_text("one more")
        elif change == "replace":
            write(folder / "new", "six").replace(first)
        elif change == "add":
            write(folder / "c.txt", "three")
        else:
            first.unlink()

    with pytest.raises(ContentError, match=r"changed while it was read: [ac]\.txt"):
        read_content(folder, kind=DATASET, progress=interfere)


def test_a_pickle_is_digested_with_advice_and_never_opened(tmp_path: Path) -> None:
    # A pickle that makes a file when it is loaded.
    witness = tmp_path / "opened"
    path = write(tmp_path / "m.pt", b"cos\nmkdir\n(V" + os.fsencode(witness) + b"\ntR.")
    found = read_content(path, kind=MODEL)
    assert not witness.exists()
    assert found.content.digest.hex == blake3(path.read_bytes()).hexdigest()
    assert any("m.pt" in warning and "safetensors" in warning for warning in found.warnings)


def test_pickles_beside_safetensors_are_named_in_a_warning(tmp_path: Path) -> None:
    folder = model(tmp_path / "m")
    for number in range(7):
        write(folder / f"extra-{number}.bin", "x")
    found = read_content(folder, kind=MODEL)
    assert found.content.format == "huggingface"
    assert "extra-0.bin" in found.warnings[0]
    assert "and 2 more" in found.warnings[0]


def test_links_between_the_files_of_a_folder_are_followed(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    write(folder / "checkpoint-2" / "notes.txt", "x")
    (folder / "last").symlink_to("checkpoint-2")
    (folder / "notes.txt").symlink_to("checkpoint-2/notes.txt")
    assert [file.name for file in find_files(folder).found] == [
        "checkpoint-2/notes.txt",
        "last/notes.txt",
        "notes.txt",
    ]


def hub_snapshot(cache: Path) -> Path:
    """A model as the hub's client keeps it: a snapshot of links into the blobs beside it."""
    blobs = cache / "models--org--tiny" / "blobs"
    snapshot = cache / "models--org--tiny" / "snapshots" / "0a1b"
    snapshot.mkdir(parents=True)
    model(blobs.parent / "made")
    blobs.mkdir()
    for name in ("config.json", "model.safetensors"):
        (blobs.parent / "made" / name).rename(blobs / f"blob-{name}")
        (snapshot / name).symlink_to(f"../../blobs/blob-{name}")
    return snapshot


def test_a_snapshot_of_links_in_the_hub_cache_is_read_like_the_folder_it_stands_for(tmp_path: Path) -> None:
    snapshot = hub_snapshot(tmp_path / "hub")
    assert (
        read_content(snapshot, kind=MODEL).content
        == read_content(model(tmp_path / "plain"), kind=MODEL).content
    )
    assert read_content(snapshot / "model.safetensors", kind=MODEL).content.format == "safetensors"


def test_a_snapshot_may_not_link_beside_the_blobs_of_its_own_model(tmp_path: Path) -> None:
    snapshot = hub_snapshot(tmp_path / "hub")
    secret = write(tmp_path / "hub" / "models--org--other" / "blobs" / "b", "secret")
    (snapshot / "vocab.txt").symlink_to(os.path.relpath(secret, snapshot))
    with pytest.raises(ContentError, match=r"vocab\.txt is a link that leads out of the folder"):
        read_content(snapshot, kind=MODEL)


def test_json_that_describes_a_model_has_to_be_an_object(tmp_path: Path) -> None:
    folder = model(tmp_path / "m")
    write(folder / "config.json", json.dumps([1]))
    with pytest.raises(ContentError, match=r"config\.json has to hold named values"):
        read_content(folder, kind=MODEL)
