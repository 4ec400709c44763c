"""Dumps of the Hugging Face hub's API: what a model info says of its ancestry, and dumps that were cut off."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from provenance.errors import ContentError
from provenance.interop import ForeignGraph, read_graph

_NEVER = "the text of a name that never ends"


def read(folder: Path, *infos: Any, name: str = "models.jsonl") -> ForeignGraph:
    path = folder / name
    path.write_text("".join(json.dumps(info) + "\n" for info in infos), encoding="utf-8")
    return read_graph([path], "huggingface")


def edges(graph: ForeignGraph) -> list[str]:
    return [f"{edge.child} {edge.kind} {edge.parent}{'' if edge.stated else ' ?'}" for edge in graph.edges]


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"cardData": {"base_model": "o/base", "base_model_relation": "adapter"}}, ["m adapter_of o/base"]),
        (
            {"cardData": {"base_model": ["o/base"], "base_model_relation": "quantized"}},
            ["m quantized_from o/base"],
        ),
        ({"cardData": {"base_model": "o/base"}}, ["m finetuned_from o/base ?"]),
        ({"cardData": {"base_model": "o/base"}, "library_name": "peft"}, ["m adapter_of o/base ?"]),
        ({"cardData": {"base_model": "o/base"}, "tags": ["gguf"]}, ["m quantized_from o/base ?"]),
        ({"cardData": {"base_model": "https://huggingface.co/o/base"}}, ["m finetuned_from o/base ?"]),
        ({"tags": ["base_model:o/base", "base_model:finetune:o/base"]}, ["m finetuned_from o/base"]),
        ({"tags": ["base_model:o/base"]}, ["m finetuned_from o/base ?"]),
        (
            {"cardData": {"base_model": "o/base"}, "tags": ["base_model:quantized:o/base"]},
            ["m quantized_from o/base"],
        ),
        (
            {"baseModels": {"relation": "merge", "models": [{"id": "o/a"}, {"id": "o/b"}]}},
            ["m merged_from o/a", "m merged_from o/b"],
        ),
        (
            {"cardData": {"base_model": ["o/a", "o/b"], "base_model_relation": "finetune"}},
            ["m merged_from o/a ?", "m merged_from o/b ?"],
        ),
        ({"cardData": {"base_model": ["o/a", "O/A"]}}, ["m finetuned_from o/a ?"]),
        ({"cardData": {"datasets": ["d/one", "d/two"]}}, ["m trained_on d/one", "m trained_on d/two"]),
        ({"cardData": {"datasets": "d/one"}}, ["m trained_on d/one"]),
        ({"tags": ["dataset:d/one"]}, ["m trained_on d/one"]),
        (
            {"cardData": {"datasets": ["d/one", "d/two"]}, "tags": ["dataset:d/three", "dataset:D/One"]},
            ["m trained_on d/one", "m trained_on d/two", "m trained_on d/three"],
        ),
        (
            {
                "cardData": {"base_model": "o/base"},
                "baseModels": {"relation": "finetune", "models": [{"id": "o/other"}]},
                "tags": ["base_model:o/third", "base_model:adapter:O/Base"],
            },
            ["m finetuned_from o/base ?", "m finetuned_from o/other", "m merged_from o/third ?"],
        ),
        (
            {
                "cardData": {"base_model": ["o/a", "o/b"]},
                "baseModels": {"relation": "merge", "models": [{"id": "o/a"}, {"id": "o/c"}]},
            },
            ["m merged_from o/a", "m merged_from o/b ?", "m merged_from o/c"],
        ),
        (
            {"cardData": {"base_model": "https://huggingface.co/o/base"}, "tags": ["base_model:o/base"]},
            ["m finetuned_from o/base ?"],
        ),
        ({}, []),
        ({"cardData": None, "tags": None}, []),
        ({"cardData": "text", "tags": "text"}, []),
    ],
)
def test_what_an_info_says_of_its_parents(tmp_path: Path, info: dict[str, Any], expected: list[str]) -> None:
    assert edges(read(tmp_path, {"id": "m", **info})) == expected


def test_what_describes_a_model_is_kept(tmp_path: Path) -> None:
    info = {
        "modelId": "o/m",
        "sha": "abc",
        "lastModified": "2025-06-01T00:00:00.000Z",
        "downloads": 17,
        "tags": ["license:mit"],
        "pipeline_tag": "text-generation",
        "library_name": "half a pair \ud83d",
    }
    (node,) = read(tmp_path, info).nodes
    assert (node.name, node.line) == ("o/m", 1)
    assert node.metadata == {
        "sha": "abc",
        "lastModified": "2025-06-01T00:00:00.000Z",
        "license": "mit",
        "pipeline_tag": "text-generation",
        "library_name": "half a pair \\ud83d",
    }


def test_a_base_that_is_no_name_is_missed_and_what_is_no_info_is_skipped(tmp_path: Path) -> None:
    bad = {"id": "m", "cardData": {"base_model": ["/home/me/llama", 3, {"a": 1}, "o/base"]}}
    graph = read(tmp_path, bad, 7, {"name": "m"}, {"id": 3})
    assert [(one.parent, one.line) for one in graph.missing] == [
        ("/home/me/llama", 1),
        ("3", 1),
        ('{"a": 1}', 1),
    ]
    assert [(one.line, one.reason) for one in graph.skipped] == [
        (2, "no model info"),
        (3, "no id"),
        (4, "no id"),
    ]


@pytest.mark.parametrize("pages", [1, 2])
@pytest.mark.parametrize("indent", [None, 2])
def test_lists_and_pages_of_lists_are_read_like_lines(tmp_path: Path, pages: int, indent: int | None) -> None:
    infos = [{"id": f"o/{n}", "cardData": {"base_model": f"o/{n + 1}"}} for n in range(4)]
    path = tmp_path / "models.json"
    size = len(infos) // pages
    text = "\n".join(json.dumps(infos[at : at + size], indent=indent) for at in range(0, len(infos), size))
    path.write_text("[]" + text, encoding="utf-8")
    graph = read_graph([path], "huggingface")
    assert [node.line for node in graph.nodes] == [1, 2, 3, 4]
    assert edges(graph) == edges(read(tmp_path, *infos))


def test_a_list_is_read_whatever_the_pieces_that_it_comes_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    infos = [{"id": f"o/é-{n}", "cardData": {"datasets": ["d"] * n}} for n in range(12)]
    path = tmp_path / "models.json.gz"
    path.write_bytes(gzip.compress(json.dumps(infos, ensure_ascii=False).encode()))
    for size in (1, 7, 64):
        monkeypatch.setattr("provenance.interop.records._CHUNK_BYTES", size)
        assert [node.name for node in read_graph([path], "huggingface").nodes] == [
            info["id"] for info in infos
        ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"id": "a"}, {"id": "b', r"models\.json, record 2: not JSON, or cut off"),
        ('[{"id": "a"}', r"models\.json, after record 1: '\]' expected, and the end of the file came"),
        ('[{"id": "a"}, ', r"models\.json, record 2: not JSON, or cut off"),
        ('[{"id": "a"} {"id": "b"}]', r"models\.json, after record 1: '\]' expected, and '{' came"),
        ('[{"id": "a"}] and more', r"models\.json, after record 1: '\[' expected, and 'a' came"),
        ("", r"models\.json is empty"),
        ("child,parent\na,b\nc,d\n", r"models\.json:1: not JSON: Expecting value$"),
        ("[" * 100_000, r"models\.json, record 1: nested too deeply"),
        ("[1" + "0" * 5000 + "]", r"models\.json, record 1: a number too long to read"),
        (
            '{"id": "a"}\n{"id": \n{"id": "b"}\nnull x\n',
            r"(?s)models\.json:2: not JSON.*models\.json:4: not JSON",
        ),
    ],
)
def test_a_dump_that_is_not_whole_is_refused_with_the_place(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "models.json").write_text(text, encoding="utf-8")
    with pytest.raises(ContentError, match=message):
        read_graph([tmp_path / "models.json"], "huggingface")


def test_what_is_no_unicode_or_no_sound_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "models.json").write_bytes(b'[{"id": "\xff"}]')
    with pytest.raises(ContentError, match=r"models\.json: not UTF-8 text"):
        read_graph([tmp_path / "models.json"], "huggingface")
    whole = gzip.compress(json.dumps([{"id": f"o/{n * 7919 % 1000}"} for n in range(1000)]).encode())
    (tmp_path / "models.json.gz").write_bytes(whole[:-9])
    with pytest.raises(ContentError, match=r"models\.json\.gz: the archive was cut off after \d"):
        read_graph([tmp_path / "models.json.gz"], "huggingface")
    (tmp_path / "models.json.gz").write_bytes(b"[]")
    with pytest.raises(ContentError, match=r"models\.json\.gz: not sound gzip"):
        read_graph([tmp_path / "models.json.gz"], "huggingface")


def test_a_record_without_an_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provenance.interop.records.MAX_RECORD_CHARACTERS", 1000)
    monkeypatch.setattr("provenance.interop.records._CHUNK_BYTES", 100)
    (tmp_path / "models.json").write_text('[{"id": "' + _NEVER * 1000, encoding="utf-8")
    with pytest.raises(ContentError, match=r"record 1: not JSON, or cut off: Unterminated string"):
        read_graph([tmp_path / "models.json"], "huggingface")
