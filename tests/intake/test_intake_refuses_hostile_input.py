"""Everything that a stranger's files could do to a reader; each is refused with the file's name and the reason."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from intake_fixtures import header, model, sharded, weights, write

from provenance.artifacts import ArtifactKind
from provenance.errors import ContentError
from provenance.intake import rows
from provenance.intake.content import read_content

MODEL, DATASET = ArtifactKind.MODEL, ArtifactKind.DATASET
ONE_TENSOR = '{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}'


def linked(folder: Path, name: str, target: str) -> Path:
    model(folder)
    (folder / name).symlink_to(target)
    return folder


def piped(folder: Path) -> Path:
    os.mkfifo(model(folder) / "pipe.safetensors")
    return folder


def with_socket(folder: Path) -> Path:
    model(folder)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(folder / "listening"))
    return folder


def named(folder: Path, name: bytes) -> Path:
    model(folder)
    (Path(os.fsdecode(os.fsencode(folder) + b"/" + name))).write_bytes(b"x")
    return folder


def two_links(folder: Path) -> Path:
    model(folder / "a")
    (folder / "b").mkdir()
    (folder / "b" / "to-a").symlink_to("../a")
    (folder / "c").symlink_to("b")
    return folder


HOSTILE: dict[str, tuple[ArtifactKind, Callable[[Path], Path], str]] = {
    # Safetensors
    "a header cut short": (
        MODEL,
        lambda d: write(d / "m.safetensors", header(ONE_TENSOR)[:20]),
        r"m\.safetensors .*header",
    ),
    "a file too short for a header": (
        MODEL,
        lambda d: write(d / "m.safetensors", b"\x01"),
        r"m\.safetensors .*too few",
    ),
    "a header of gigabytes": (
        MODEL,
        lambda d: write(d / "m.safetensors", header("{}", length=2**40)),
        r"m\.safetensors .*claims 1099511627776 bytes",
    ),
    "a tensor beyond the end": (
        MODEL,
        lambda d: write(d / "m.safetensors", header(ONE_TENSOR)),
        r"m\.safetensors .*ends at",
    ),
    "a size that is not the shape's": (
        MODEL,
        lambda d: write(d / "m.safetensors", header(ONE_TENSOR.replace("[2]", "[3]")) + bytes(8)),
        r"m\.safetensors .*spans 8 bytes",
    ),
    "a header that is no JSON": (
        MODEL,
        lambda d: write(d / "m.safetensors", header("{nope")),
        r"m\.safetensors .*not JSON",
    ),
    "a bad shard in a good folder": (
        MODEL,
        lambda d: write(model(d / "m") / "extra" / "x.safetensors", b"x").parents[1],
        r"extra/x\.safetensors",
    ),
    # Indexes
    "an index that climbs out": (
        MODEL,
        lambda d: sharded(d / "m", {"a": "../../secret.safetensors"}),
        r"index\.json places 'a' in no file within its folder",
    ),
    "an index with an absolute path": (
        MODEL,
        lambda d: sharded(d / "m", {"a": "/etc/passwd"}),
        r"index\.json places 'a' in no",
    ),
    "an index of numbers": (MODEL, lambda d: sharded(d / "m", {"a": 1}), r"index\.json places 'a' in no"),
    "an index without a map": (
        MODEL,
        lambda d: write(sharded(d / "m", {}) / "model.safetensors.index.json", "{}").parent,
        r"index\.json has no weight_map",
    ),
    "an index of missing shards": (
        MODEL,
        lambda d: sharded(
            d / "m", {"a": "model-1.safetensors", "b": "model-3.safetensors", "c": "gone\x1b[31m.safetensors"}
        ),
        r"names 3 shards, 2 of them missing: gone\\x1b\[31m\.safetensors, model-3\.safetensors$",
    ),
    "an index that lies about a tensor": (
        MODEL,
        lambda d: sharded(d / "m", {"a": "model-1.safetensors", "z": "model-2.safetensors"}),
        r"says that model-2\.safetensors holds z; it does not",
    ),
    # Links and special files
    "a link out of the folder": (
        MODEL,
        lambda d: linked(d / "m", "vocab.txt", "/etc/passwd"),
        r"vocab\.txt is a link .*leads out",
    ),
    "a relative link out": (
        MODEL,
        lambda d: linked(write(d / "secret", "x").parent / "m", "vocab.txt", "../secret"),
        r"vocab\.txt is a link that leads out",
    ),
    "a link to a folder outside": (
        MODEL,
        lambda d: linked(d / "m", "more", "/etc"),
        r"more is a link that leads out",
    ),
    "a link to nothing": (
        MODEL,
        lambda d: linked(d / "m", "gone.txt", "nowhere"),
        r"no such file or folder: .*nowhere",
    ),
    "a link to itself": (MODEL, lambda d: linked(d / "m", "self", "self"), r"self"),
    "a link to its own folder": (
        MODEL,
        lambda d: linked(d / "m", "again", "."),
        r"again is a link that leads back",
    ),
    "links that would multiply": (
        MODEL,
        lambda d: two_links(d / "m"),
        r"to-a is a link to a folder, reached through another",
    ),
    "a pipe in the folder": (MODEL, lambda d: piped(d / "m"), r"pipe\.safetensors is a named pipe"),
    "a socket in the folder": (MODEL, lambda d: with_socket(d / "m"), r"listening is a socket"),
    "a device given as a model": (MODEL, lambda _: Path("/dev/zero"), r"/dev/zero is a device"),
    # Names
    "a line end in a file name": (
        MODEL,
        lambda d: named(d / "m", b"a\nb"),
        r"'a\\nb' in .* holds control characters",
    ),
    "an escape code in a file name": (MODEL, lambda d: named(d / "m", b"\x1b[2J"), r"'\\x1b\[2J' in"),
    "a reversed file name": (
        MODEL,
        lambda d: named(d / "m", "a\u202etxt.exe".encode()),
        r"'a\\u202etxt\.exe' in",
    ),
    "an undecodable file name": (MODEL, lambda d: named(d / "m", b"a\xff"), r"'a\\udcff' in"),
    "markup in a file name": (MODEL, lambda d: named(d / "m", b"<img src=x>"), r"'<img src=x>' in .* markup"),
    "a path with NUL": (MODEL, lambda d: d / "a\0b", r"no path can hold a NUL byte: '.*a\\x00b'"),
    # JSON
    "a config nested without end": (
        MODEL,
        lambda d: write(model(d / "m") / "config.json", "[" * 200_000).parent,
        r"config\.json is nested too deeply",
    ),
    "a config of many megabytes": (
        MODEL,
        lambda d: write(model(d / "m") / "config.json", b" " * 10_000_001).parent,
        r"config\.json is longer than 10,000,000 bytes",
    ),
    "a config that is not UTF-8": (
        MODEL,
        lambda d: write(model(d / "m") / "config.json", b'{"a": "\xff"}').parent,
        r"config\.json is not UTF-8 text: byte 7 is 0xff",
    ),
    "a config with NUL": (
        MODEL,
        lambda d: write(model(d / "m") / "config.json", b'{"a": 1}\0').parent,
        r"config\.json is not valid JSON",
    ),
    "a number without end": (
        MODEL,
        lambda d: write(model(d / "m") / "config.json", '{"a": ' + "9" * 10_000 + "}").parent,
        r"config\.json is not valid JSON",
    ),
    # YAML
    "a card that runs Python": (
        MODEL,
        lambda d: model(d / "m", card="a: !!python/object/apply:os.system ['touch /tmp/x']"),
        r"README\.md:2: the tag 'tag:yaml\.org,2002:python/object/apply:os\.system' is not accepted",
    ),
    "a card with a tag of its own": (
        MODEL,
        lambda d: model(d / "m", card="base_model: !secret x"),
        r"README\.md:2: the tag '!secret'",
    ),
    "a card that doubles and doubles": (
        MODEL,
        lambda d: model(d / "m", card="a: &a [x, x]\nb: &b [*a, *a]\nbase_model: [*b, *b]"),
        r"README\.md:3: aliases",
    ),
    "a card that contains itself": (
        MODEL,
        lambda d: model(d / "m", card="a: &a\n  - *a"),
        r"README\.md:3: aliases",
    ),
    "a card nested without end": (
        MODEL,
        lambda d: model(d / "m", card="a: " + "[" * 50_000),
        r"README\.md:2: nested more than 64",
    ),
    "a card nested by dashes": (
        MODEL,
        lambda d: model(d / "m", card="- " * 50_000),
        r"README\.md:2: nested more than 64",
    ),
    "a card with a key twice": (
        MODEL,
        lambda d: model(d / "m", card="base_model: a/b\nbase_model: c/d"),
        r"README\.md:3: the key 'base_model' stands here twice, first in line 2",
    ),
    "a card that is a list": (
        MODEL,
        lambda d: model(d / "m", card="- base_model"),
        r"README\.md has to hold named values",
    ),
    "a card with NUL": (
        MODEL,
        lambda d: model(d / "m", card="a: \0"),
        r"README\.md: not valid YAML: .*control characters",
    ),
    "a card that is not UTF-8": (
        MODEL,
        lambda d: write(model(d / "m") / "README.md", b"---\na: \xff\n---\n").parent,
        r"README\.md is not UTF-8 text",
    ),
    "a card that is no YAML": (
        MODEL,
        lambda d: model(d / "m", card="a: 1\nb: [unclosed"),
        r"README\.md:\d: not valid YAML",
    ),
    "a mapping as a key": (
        MODEL,
        lambda d: model(d / "m", card="? {a: 1}\n: 2"),
        r"README\.md:2: the key of a mapping has to be text",
    ),
    "an ancestor list without end": (
        MODEL,
        lambda d: model(d / "m", card=f"datasets: {json.dumps([f'org/{n}' for n in range(1001)])}"),
        r"names 1001 ancestors; at most 1000",
    ),
    "an MLmodel with a bomb": (
        MODEL,
        lambda d: write(d / "m" / "MLmodel", "a: &a [x]\nb: *a\n").parent,
        r"MLmodel:2: aliases",
    ),
    # Datasets
    "JSON lines with one that is none": (
        DATASET,
        lambda d: write(d / "d.jsonl", '{}\n\n{"a": \n'),
        r"d\.jsonl:3: not JSON",
    ),
    "JSON lines cut short": (
        DATASET,
        lambda d: write(d / "d.jsonl", '{}\n{"a": "b'),
        r"d\.jsonl:2: not JSON: Unterminated string",
    ),
    "JSON lines nested without end": (
        DATASET,
        lambda d: write(d / "d.jsonl", "{}\n" + "[" * 200_000),
        r"d\.jsonl:2: nested too deeply",
    ),
    "JSON lines not in UTF-8": (
        DATASET,
        lambda d: write(d / "d.jsonl", b'{}\n"\xff"\n'),
        r"d\.jsonl:2: not UTF-8",
    ),
    "JSON lines with NUL": (DATASET, lambda d: write(d / "d.jsonl", b"{}\n\0\n"), r"d\.jsonl:2: a NUL byte"),
    "JSON lines with an endless number": (
        DATASET,
        lambda d: write(d / "d.jsonl", "9" * 10_000),
        r"d\.jsonl:1: not JSON: a number too long",
    ),
    "a line without end": (
        DATASET,
        lambda d: write(d / "d.jsonl", '"' + "x" * 2000 + '"'),
        r"d\.jsonl:1: a line of more than 1,000 bytes",
    ),
    "CSV whose quotes do not close": (
        DATASET,
        lambda d: write(d / "d.csv", 'a,b\n1,"2\n3,4\n'),
        r"d\.csv:3: not CSV: unexpected end",
    ),
    "CSV with NUL": (DATASET, lambda d: write(d / "d.csv", b"a\n\0\n"), r"d\.csv:2: a NUL byte"),
    "Parquet by name only": (
        DATASET,
        lambda d: write(d / "d.parquet", "PAR1 nothing PAR1"),
        r"d\.parquet is not a sound Parquet file",
    ),
    "a bad file deep in a folder": (
        DATASET,
        lambda d: write(write(d / "d" / "a.jsonl", "{}").parent / "sub" / "b.jsonl", "nope").parents[1],
        r"sub/b\.jsonl:1: not JSON",
    ),
    # Nothing to read
    "a path to nothing": (MODEL, lambda d: d / "nowhere", r"no such file or folder: .*nowhere"),
    "an empty folder": (MODEL, lambda d: d, r"no files in"),
    "a folder with nothing but leftovers": (
        MODEL,
        lambda d: write(d / ".git" / "HEAD", "x").parents[1],
        r"no files in",
    ),
    "GGUF by name only": (MODEL, lambda d: write(d / "m.gguf", "GGML"), r"m\.gguf is not a GGUF file"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_input_is_refused_with_its_name_and_the_reason(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # A socket's path has to be short.
    monkeypatch.setattr(
        rows, "MAX_LINE_BYTES", 1_000 if case == "a line without end" else rows.MAX_LINE_BYTES
    )
    kind, make, reason = HOSTILE[case]
    with pytest.raises(ContentError, match=reason) as caught:
        read_content(make(tmp_path), kind=kind)
    assert caught.value.message.replace("\n", "").isprintable()


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_that_may_not_be_read_is_an_error_with_advice(tmp_path: Path) -> None:
    (model(tmp_path / "m") / "closed").mkdir(mode=0)
    with pytest.raises(ContentError, match=r"no permission to read .*closed") as caught:
        read_content(tmp_path / "m", kind=MODEL)
    assert caught.value.hint


def test_counting_csv_leaves_the_limit_of_the_csv_module_as_it_was(tmp_path: Path) -> None:
    import csv

    before = csv.field_size_limit()
    read_content(write(tmp_path / "d.csv", "a\n" + "x" * 200_000), kind=DATASET)
    assert csv.field_size_limit() == before


def test_an_adapter_beside_an_unsound_one_is_refused_too(tmp_path: Path) -> None:
    weights(tmp_path / "m" / "good.safetensors")
    write(tmp_path / "m" / "BAD.SafeTensors", b"x")
    with pytest.raises(ContentError, match=r"BAD\.SafeTensors"):
        read_content(tmp_path / "m", kind=MODEL)
