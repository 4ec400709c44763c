"""Lists of edges and nodes: which columns and words mean what, and what is refused with its line."""

import gzip
from pathlib import Path

import pytest

from import_fixtures import written
from provenance.errors import ContentError, UsageError
from provenance.interop import ForeignGraph, mapping_words, read_graph, read_mapping, read_renames


def read(path: Path, *words: str, form: str = "edges", nodes: tuple[Path, ...] = ()) -> ForeignGraph:
    return read_graph([path], form, words=mapping_words(words), nodes=nodes)


def edges(graph: ForeignGraph) -> list[str]:
    return [f"{edge.line}: {edge.child} {edge.kind} {edge.parent}" for edge in graph.edges]


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("source,target,edge", "base,tuned,finetuned"),
        ("parent,child,relation", "base,tuned,finetuned_from"),
        ("Child,Base_Model,Relationship", "tuned,base,Fine-Tuned"),
        ("downloads,target,source,edge", "17,tuned,base,finetune"),
    ],
)
def test_an_obvious_header_is_guessed_and_said(tmp_path: Path, header: str, row: str) -> None:
    graph = read(written(tmp_path / "edges.csv", header, row))
    assert edges(graph) == ["2: tuned finetuned_from base"]
    assert "by its header, child in " in graph.notes[0]


def test_a_mapping_names_columns_and_words(tmp_path: Path) -> None:
    path = written(
        tmp_path / "edges.csv", "a,b,how", "base,tuned,SFT", "base,small,squeezed", "base,twin,fork"
    )
    graph = read(
        path,
        "parent=a",
        "child=b",
        "relation=how",
        "relations.sft=finetuned_from",
        "relations.squeezed=pruned_from",
        "relations.fork=",
    )
    assert edges(graph) == ["2: tuned finetuned_from base", "3: small pruned_from base"]
    assert [(one.line, one.reason) for one in graph.skipped] == [
        (4, "its relation is 'fork', which is left out")
    ]
    assert graph.notes == []


def test_a_mapping_may_be_a_file(tmp_path: Path) -> None:
    mapping = written(
        tmp_path / "map.toml",
        "header = false",
        'delimiter = "|"',
        'parent = "1"',
        'child = "2"',
        'default = "adapter_of"',
    )
    path = written(tmp_path / "edges.txt", "base|lora", "base|other")
    graph = read_graph([path], "edges", words=read_mapping(mapping))
    assert edges(graph) == ["1: lora adapter_of base", "2: other adapter_of base"]


def test_a_tsv_has_tabs_and_an_archive_is_read_as_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "edges.tsv.gz"
    path.write_bytes(gzip.compress(b"child\tparent\trelation\r\ntuned\tbase, the first\tfinetuned\r\n"))
    assert edges(read(path)) == ["2: tuned finetuned_from base, the first"]


def test_kinds_of_ends_tell_the_relation_where_no_column_does(tmp_path: Path) -> None:
    path = written(
        tmp_path / "edges.csv",
        "source,source_type,target,target_type",
        "base,model,tuned,model",
        "rows,dataset,tuned,model",
        "base,model,rows,dataset",
        "rows,dataset,part,dataset",
        "base,model,judge,teacher",
        "judge,teacher,tuned,model",
    )
    assert [(str(edge.kind), edge.stated) for edge in read(path).edges] == [
        ("finetuned_from", False),
        ("trained_on", False),
        ("generated_by", False),
        ("derived_from", False),
        ("embodied_by", False),
        ("distilled_from", False),
    ]


def test_ends_that_a_relation_does_not_join_are_told_with_the_reason(tmp_path: Path) -> None:
    path = written(
        tmp_path / "edges.csv",
        "source,source_type,target,target_type,edge",
        "base,model,rows,dataset,finetuned",
        "rows,dataset,tuned,model,finetuned",
        "judge,teacher,critic,teacher,",
    )
    graph = read(path)
    assert [(one.line, one.reason) for one in graph.skipped] == [(2, "finetuned_from is told of a dataset")]
    assert [(one.line, one.child, one.reason) for one in graph.missing] == [
        (3, "tuned", "no relation joins a model to a dataset"),
        (4, "critic", "no relation joins a teacher to a teacher"),
    ]


def test_the_two_files_of_an_ecosystem_are_told_apart_by_their_headers(tmp_path: Path) -> None:
    nodes = written(
        tmp_path / "nodes.csv", "name,type,license", "base,model,mit", "chat,application,", "rows,dataset,"
    )
    path = written(
        tmp_path / "edges.csv",
        "source,source_type,target,target_type",
        "base,model,chat,application",
        "chat,application,rows,dataset",
        "web,unresolved,rows,dataset",
    )
    graph = read_graph([path, nodes], "ecosystem")
    assert [(str(node.kind), node.name, node.metadata) for node in graph.nodes] == [
        ("model", "base", {"license": "mit"}),
        ("dataset", "rows", {}),
    ]
    assert [(one.what, one.reason) for one in graph.skipped] == [
        ("chat <- base", "its kind is 'application', which is no artifact's"),
        ("chat", "its kind is 'application', which is no artifact's"),
    ]
    assert [(one.child, str(one.kind), one.parent) for one in graph.missing] == [
        ("rows", "derived_from", "chat"),
        ("rows", "derived_from", "web"),
    ]


def test_what_a_list_leaves_unresolved_is_what_the_nodes_say_in_any_case(tmp_path: Path) -> None:
    nodes = written(
        tmp_path / "nodes.csv", "name,type", "Base,model", "Rows,dataset", "Both,model", "both,dataset"
    )
    path = written(
        tmp_path / "edges.csv",
        "source,source_type,target,target_type",
        "BASE,unresolved,tuned,model",
        "rows,unresolved,tuned,model",
        "both,unresolved,tuned,model",
        "web,unresolved,tuned,model",
    )
    graph = read_graph([path, nodes], "ecosystem")
    assert edges(graph) == ["2: tuned finetuned_from BASE", "3: tuned trained_on rows"]
    assert [(one.line, one.parent, one.reason) for one in graph.missing] == [
        (4, "both", "nobody says what kind of thing it is"),
        (5, "web", "nobody says what kind of thing it is"),
    ]


def test_a_relation_that_a_row_states_stays_when_the_nodes_tell_the_kind_of_its_parent(
    tmp_path: Path,
) -> None:
    nodes = written(tmp_path / "nodes.csv", "name,kind", "judge,model", "rows,dataset")
    path = written(
        tmp_path / "edges.csv",
        "child,parent,relation,child_kind,parent_kind",
        "prefs,judge,selected_by,dataset,unresolved",
        "student,judge,distilled_from,model,unresolved",
        "small,judge,quantized_from,model,unresolved",
        "small,rows,quantized_from,model,unresolved",
        "other,judge,,model,unresolved",
    )
    graph = read(path, nodes=(nodes,))
    assert [(str(edge.kind), edge.parent, edge.stated) for edge in graph.edges] == [
        ("selected_by", "judge", True),
        ("distilled_from", "judge", True),
        ("quantized_from", "judge", True),
        ("finetuned_from", "judge", False),
    ]
    assert [(one.line, str(one.kind), one.parent) for one in graph.missing] == [(5, "quantized_from", "rows")]


def test_what_an_unresolved_name_stands_for_can_be_said(tmp_path: Path) -> None:
    path = written(tmp_path / "e.csv", "source,source_type,target,target_type", "web,unresolved,rows,dataset")
    assert edges(read(path, "kinds.unresolved=dataset", form="ecosystem")) == ["2: rows derived_from web"]


def test_empty_cells_are_told_and_blank_lines_passed_over(tmp_path: Path) -> None:
    path = written(tmp_path / "edges.csv", "child,relation,parent", ",finetuned,base", "", "tuned,finetuned,")
    graph = read(path)
    assert [(one.line, one.reason) for one in graph.skipped] == [(2, "an empty cell")]
    assert [(one.line, one.child, one.reason) for one in graph.missing] == [(4, "tuned", "an empty cell")]


def test_a_byte_order_mark_and_quotes_over_lines_are_no_trouble(tmp_path: Path) -> None:
    path = tmp_path / "edges.csv"
    path.write_bytes('\ufeffchild,relation,parent\n"two\nlines",finetuned,base\nnext,merged,base\n'.encode())
    assert edges(read(path)) == ["3: two\nlines finetuned_from base", "4: next merged_from base"]


def test_every_row_at_fault_is_listed_with_its_line(tmp_path: Path) -> None:
    path = written(
        tmp_path / "edges.csv",
        "child,relation,parent",
        "a,finetuned",
        "a,begat,b",
        "a,finetuned,b,c",
        "c,begat,b",
    )
    with pytest.raises(ContentError) as caught:
        read(path)
    message = caught.value.message.replace(str(path), "edges.csv")
    assert message.splitlines() == [
        "edges.csv:2: 2 cells, where 3 are expected",
        (
            "edges.csv:3: nobody said what the relation 'begat' means, here and in 1 more rows; say it with "
            "--map relations.WORD=KIND, or leave such rows out with --map relations.WORD="
        ),
        "edges.csv:4: 4 cells, where 3 are expected",
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"child,relation,parent\na,finetuned,b\nc,finetuned,\xff\n", r"edges\.csv:3: not UTF-8 text"),
        (b"child,relation,parent\na,finetuned,\x00b\n", r"edges\.csv:2: a NUL byte"),
        (b'child,relation,parent\na,finetuned,"b\n', r"edges\.csv:2: not CSV: unexpected end of data"),
        (b"", r"edges\.csv is empty"),
        (
            b"child,relation\na,finetuned\n",
            r"edges\.csv: no column for the parent; the columns are 'child', 'relation'",
        ),
        (
            b"child,parent\na,b\n",
            r"edges\.csv:2: no relation is stated; say which is meant with --map default=KIND",
        ),
    ],
)
def test_what_is_no_list_of_edges_is_refused_with_its_place(
    tmp_path: Path, data: bytes, message: str
) -> None:
    (tmp_path / "edges.csv").write_bytes(data)
    with pytest.raises(ContentError, match=message):
        read(tmp_path / "edges.csv")


def test_an_archive_that_was_cut_off_is_refused_with_its_last_line(tmp_path: Path) -> None:
    rows = "".join(f"child-{n},finetuned,parent-{n * 7919 % 1000}\n" for n in range(2000))
    whole = gzip.compress(b"child,relation,parent\n" + rows.encode())
    (tmp_path / "edges.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ContentError, match=r"edges\.csv\.gz:\d+: the archive was cut off after this line"):
        read(tmp_path / "edges.csv.gz")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("chidl=a",), "no key 'chidl'; did you mean 'child'"),
        (("relations.x=begotten_by",), "relations.x: there is no 'begotten_by'"),
        (("relations=x",), "relations has to be a table of words"),
        (("header=maybe",), "header is true or false, not 'maybe'"),
        (("delimiter=;;",), "a delimiter is one sign"),
        (("child=nobody",), "no column for the child is called 'nobody'"),
    ],
)
def test_a_mapping_that_has_no_meaning_is_refused(
    tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    path = written(tmp_path / "edges.csv", "child,relation,parent", "a,finetuned,b")
    with pytest.raises(ContentError, match=message):
        read(path, *words)


def test_words_without_an_equals_sign_and_unknown_formats_are_usage_errors(tmp_path: Path) -> None:
    path = written(tmp_path / "edges.csv", "child,relation,parent", "a,finetuned,b")
    with pytest.raises(UsageError, match="--map takes a file or KEY=VALUE; got 'child'"):
        read(path, "child")
    with pytest.raises(UsageError, match=r"--map relation\.sft=finetuned_from: relation is 'how' already"):
        read(path, "relation=how", "relation.sft=finetuned_from")
    with pytest.raises(UsageError, match="there is no format 'graphml'"):
        read(path, form="graphml")
    with pytest.raises(UsageError, match="the format huggingface has no columns"):
        read(path, "child=a", form="huggingface")


def test_a_file_that_is_no_toml_is_no_mapping(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match=r"map\.toml is no mapping: .*line 1"):
        read_mapping(written(tmp_path / "map.toml", "child"))


def test_renames_lead_to_the_newest_name(tmp_path: Path) -> None:
    path = written(tmp_path / "renames.csv", "old,new", "b,c", "a,b", "c,d", "x,x", "a,b")
    assert read_renames(path) == {"a": "d", "b": "d", "c": "d"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (("a,b", "a,c"), r"renames\.csv:3: 'a' becomes 'c' here, and 'b' in line 2"),
        (("a,b", "b,a"), r"renames lead in a circle, back to 'a'"),
        (("a,",), r"renames\.csv:2: an empty cell"),
        (("a",), r"renames\.csv:2: 1 cells, where 2 are expected"),
    ],
)
def test_renames_that_contradict_each_other_are_refused(
    tmp_path: Path, rows: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ContentError, match=message):
        read_renames(written(tmp_path / "renames.csv", "old,new", *rows))
