"""Labeled files come in with their labels; what cannot come in is said, line by line, and nothing is lost."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import httpx
import pytest

from tagsmith import Layer, Scheme
from tagsmith.labeling.desk import MOST_NEW_LABELS, LabelingProject
from tagsmith.labeling.labeled_file import MOST_NOTES, MOST_REFUSED, format_of, read_labeled
from tagsmith.labeling.store import Store

BERLIN = [(0, 1, "PERSON"), (2, 3, "PLACE")]  # in "Anna left Berlin ."
FILES = {
    "a.jsonl": '{"text": "Anna left Berlin.", "label": [[0, 4, "PERSON"], [10, 16, "PLACE"]]}\n',
    "b.json": '[\n  {"text": "Anna left Berlin.",\n   "spans": [{"start": 0, "end": 4, "label": "PERSON"},\n'
    '   {"start": 10, "end": 16, "label": "PLACE"}]}\n]',
    "tokens.jsonl": '{"tokens": ["Anna", "left", "Berlin", "."], "tags": ["B-PERSON", "O", "B-PLACE", "O"]}',
    "c.conll": "Anna\tB-PERSON\nleft\tO\nBerlin\tB-PLACE\n.\tO\n",
    "d.iob2": "Anna S-PERSON\nleft O\nBerlin S-PLACE\n. O\n",
    "e.txt": "-DOCSTART- -X- O\r\n\r\nAnna NNP I-PERSON\r\nleft VB O\r\nBerlin NNP I-PLACE\r\n. . O\r\n",
    "f.csv": "Sentence #,Word,POS,Tag\nSentence: 1,Anna,NNP,B-PERSON\n,left,VB,O\n,Berlin,NNP,B-PLACE\n,.,.,O\n",
    "g.conllu": "".join(
        f"{number}\t{word}\t_\tX\t_\t_\t_\t_\t_\t{tag}\n"
        for number, (word, tag) in enumerate(
            [("Anna", "tags=B-PERSON"), ("left", "_"), ("Berlin", "tags=B-PLACE"), (".", "_")], 1
        )
    ),
    "bare": "Anna\tPERSON\nleft\tO\nBerlin\tPLACE\n.\tO\n\nSo\tO\n",
}  # fmt: skip


@pytest.fixture
def open_desk(serve, tmp_path: Path):
    """A client of a server where one can label PERSON and PLACE, or what a model gives."""
    clients = []

    def start(folders=None, labels=("PERSON", "PLACE")) -> httpx.Client:
        project = LabelingProject(folder=tmp_path / f"{len(clients)}.labeling", labels=labels)
        clients.append(httpx.Client(base_url=serve(folders or {}, labeling=project), timeout=60))
        return clients[-1]

    yield start
    for client in clients:
        client.close()


@pytest.fixture
def client(open_desk) -> httpx.Client:
    return open_desk()


def send(client: httpx.Client, name: str, content: str, **options: object) -> dict:
    answer = client.post("/v1/labeling/files", json={"name": name, "content": content, **options})
    assert answer.status_code == 200, answer.text
    return answer.json()


def refusal(client: httpx.Client, name: str, content: str, **options: object) -> tuple[int, str, str]:
    answer = client.post("/v1/labeling/files", json={"name": name, "content": content, **options})
    assert answer.status_code >= 400, answer.text
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"]


def shown(client: httpx.Client, number: int) -> dict:
    return client.get(f"/v1/labeling/sentences/{number}").json()


def spans(client: httpx.Client, number: int) -> list[tuple[int, int, str]]:
    return [(own["start"], own["end"], own["label"]) for own in shown(client, number)["spans"]]


def counts(client: httpx.Client) -> tuple[int, int, int]:
    known = client.get("/v1/labeling").json()["counts"]
    return known["waiting"], known["accepted"], known["skipped"]


@pytest.mark.parametrize("name", FILES)
def test_a_labeled_file_comes_in_with_its_labels(client, name):
    answer = send(client, name, FILES[name])
    number = answer["ids"][0]
    assert spans(client, number) == BERLIN
    found = shown(client, number)
    assert (found["status"], found["suggested"], found["source"]) == ("accepted", False, name)
    assert all(found["text"][own["start"] : own["end"]] == own["text"] for own in found["tokens"])
    assert answer["accepted"] == len(answer["ids"]) == (2 if name == "bare" else 1)
    assert [answer[key] for key in ("refused", "changed", "conflicts", "new_labels", "to_check")] == [[]] * 5
    again = send(client, name, FILES[name])
    assert (again["ids"], again["known"], again["accepted"]) == (answer["ids"], len(answer["ids"]), 0)


def test_what_is_exported_comes_in_as_it_was_in_every_format(open_desk):
    first = open_desk()
    send(first, "a.jsonl", "".join(FILES[name].strip() + "\n" for name in ("a.jsonl",)))
    send(first, "b.conll", "Li\tB-PERSON\nWei\tI-PERSON\nRio\tB-PLACE\nLima\tB-PLACE\n\nNothing\tO\nhere\tO\n")
    for format in ("conll", "conllu", "csv", "jsonl"):
        exported = first.get("/v1/labeling/export", params={"format": format}).text
        second = open_desk(labels=())
        answer = send(second, f"labels.{format}", exported)
        assert (answer["accepted"], answer["new_labels"]) == (3, ["PERSON", "PLACE"])
        assert second.get("/v1/labeling/export", params={"format": format}).text == exported


def test_bad_records_are_refused_with_their_lines_and_the_others_come_in(client):
    lines = [
        '{"text": "Anna ran.", "label": [[0, 4, "PERSON"]]}',
        "",
        "this is no JSON",
        '{"label": []}',
        '{"text": "a b", "label": [[0, 1, "two words"]]}',
        '{"text": "left out", "label": [], "answer": "reject"}',
        '{"text": "half \\ud83d", "label": []}',
        '{"text": "Ben ran.", "label": [[0, 3, "PERSON"]]}',
        '{"text": "c", "label": [[0, 1, "%s"]]}' % ("x" * 101),
        '{"text": "to be labeled"}',
    ]
    answer = send(client, "a.jsonl", "\n".join(lines), first_line=101)
    assert [own["line"] for own in answer["refused"]] == [103, 104, 105, 106, 107, 109]
    assert all(own["message"] for own in answer["refused"])
    assert (answer["accepted"], answer["added"]) == (2, 1)
    assert counts(client) == (1, 2, 0)
    array = "[" + ",\n".join(line for line in lines if line.startswith("{")) + "]"
    assert [own["line"] for own in send(client, "b.json", array)["refused"]] == [2, 3, 4, 5, 7]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("name", ["a.conll", "a.csv", "a.conllu"])
def test_a_bad_sentence_of_columns_is_refused_as_a_whole(client, name, end):
    ten = "{}\t{}\t_\t_\t_\t_\t_\t_\t_\t{}"
    rows = {
        "a.conll": ["Ann\tB-PERSON", "ran\tO", "", "Ben\tB-PERSON", "sat", "here\tO", "", "Cy\tB-PERSON", "ran\tO"],
        "a.csv": ["Sentence #,Word,Tag", "1,Ann,B-PERSON", "1,ran,O", "2,Ben,B-PERSON", "2,sat", "2,here,O",
                  "3,Cy,B-PERSON", "3,ran,O"],
        "a.conllu": [ten.format(1, "Ann", "tags=B-PERSON"), ten.format(2, "ran", "_"), "",
                     ten.format(1, "Ben", "tags=B-PERSON"), "2\tsat", ten.format(3, "here", "_"), "",
                     ten.format(1, "Cy", "tags=B-PERSON"), ten.format(2, "ran", "_")],
    }[name]  # fmt: skip
    answer = send(client, name, end.join([*rows, ""]))
    assert [own["line"] for own in answer["refused"]] == [5]
    assert [shown(client, number)["text"] for number in answer["ids"]] == ["Ann ran", "Cy ran"]
    assert counts(client) == (0, 2, 0)


def test_a_sentence_without_an_end_is_refused_and_the_others_come_in(client):
    answer = send(client, "a.conll", "Anna\tB-PERSON\n\n" + "ab\tO\n" * 40_000 + "\nBerlin\tB-PLACE\n")
    assert answer["accepted"] == 2
    (note,) = answer["refused"]
    assert note == {"line": 3, "message": "A sentence has 119,999 characters; the limit is 100,000."}
    text = refusal(client, "a.txt", "a " * 60_000 + "b")
    assert text[:2] == (422, "text_too_long")


def test_a_file_that_is_read_in_the_wrong_way_is_refused_as_a_whole(client):
    bad = "one\tO\n\n" + "two\tB-X\tmore\n\n" * (MOST_REFUSED + 1)
    status, code, message = refusal(client, "a.conll", bad)
    assert (status, code) == (409, "unreadable")
    assert f"Line {3 + 2 * MOST_REFUSED}: " in message
    for name, content in (
        ("a.jsonl", "nothing\n" * (MOST_NOTES + 1)),
        ("a.json", '[{"text": "a", "label": []}, {"text"'),
        ("a.json", "[" * 100_000),
        ("a.csv", "Sentence #,Tag\n1,O\n"),
        ("a.csv", "Word,Tag\na,O\n"),
        ("a.conll", ""),
        ("a.conll", "\n \n"),
    ):
        assert refusal(client, name, content)[:2] == (409, "unreadable")
    assert counts(client) == (0, 0, 0)
    assert client.get("/v1/labeling").json()["labels"] == ["PERSON", "PLACE"]


def test_spans_that_overlap_or_do_not_fit_their_tokens_are_to_be_checked(client):
    lines = [
        '{"text": "Anna saw the Rome Open in Rome.", "label": [[13, 17, "PLACE"], [13, 22, "EVENT"]]}',
        '{"text": "Annabel ran.", "label": [[0, 4, "PERSON"]]}',
        '{"text": "Ben ran.", "label": [[0, 3, "PERSON"], [90, 95, "PLACE"]]}',
        '{"text": "Cy ran.", "label": [[0, 2, "PERSON"]]}',
    ]
    answer = send(client, "a.jsonl", "\n".join(lines))
    assert [own["line"] for own in answer["changed"]] == [1, 2, 3]
    assert "'Rome' [PLACE]" in answer["changed"][0]["message"]  # what is left out is said
    assert (answer["accepted"], answer["to_check"], answer["new_labels"]) == (1, answer["ids"][:3], ["EVENT"])
    assert counts(client) == (3, 1, 0)
    draft = shown(client, answer["to_check"][0])
    assert (draft["status"], draft["suggested"]) == ("waiting", False)
    assert spans(client, draft["id"]) == [(3, 5, "EVENT")]
    assert send(client, "a.jsonl", "\n".join(lines))["known"] == 4


PREDICTIONS = "".join(
    json.dumps({"text": text, "spans": spans}) + "\n"
    for text, spans in (
        (
            "Anna left Berlin.",
            [
                {"start": 0, "end": 4, "label": "PERSON", "score": 0.9},
                {"start": 10, "end": 16, "label": "CITY", "score": 0.4},
            ],
        ),
        ("Omar slept.", [{"start": 0, "end": 4, "label": "PERSON"}]),
        ("It rains.", []),
    )
)


def test_predictions_wait_as_suggestions_until_a_person_decides(client):
    answer = send(client, "said.jsonl", PREDICTIONS)
    assert (answer["predicted"], answer["accepted"], answer["added"], answer["known"]) == (3, 0, 0, 0)
    assert answer["new_labels"] == ["CITY"]
    first, second, third = answer["ids"]
    now = client.get("/v1/labeling").json()["counts"]
    assert (now["waiting"], now["predicted"], now["accepted"]) == (3, 3, 0)
    sentence = client.get("/v1/labeling/next").json()["sentence"]
    assert sentence["id"] == first  # it has the least certain span
    assert (sentence["suggested"], sentence["predicted_by"], sentence["status"]) == (True, "said.jsonl", "waiting")
    assert [(own["start"], own["end"], own["label"], own["score"]) for own in sentence["spans"]] == [
        (0, 1, "PERSON", 0.9),
        (2, 3, "CITY", 0.4),
    ]
    assert shown(client, second)["spans"][0]["score"] == 1  # a span without a score is certain
    assert (shown(client, third)["spans"], shown(client, third)["suggested"]) == ([], True)

    assert send(client, "said.jsonl", PREDICTIONS)["known"] == 3
    accepted = client.put(f"/v1/labeling/sentences/{second}", json={"status": "accepted"}).json()["sentence"]
    assert (accepted["suggested"], accepted["predicted_by"]) == (False, None)
    corrected = [{"start": 0, "end": 1, "label": "PERSON"}]
    client.put(f"/v1/labeling/sentences/{first}", json={"status": "accepted", "spans": corrected})
    again = send(client, "later.jsonl", PREDICTIONS.replace("0.9", "0.8").replace("CITY", "PLACE"))
    assert (again["predicted"], again["known"]) == (0, 3)
    assert spans(client, first) == [(0, 1, "PERSON")]
    assert client.get("/v1/labeling").json()["counts"]["predicted"] == 1
    better = PREDICTIONS.replace('"spans": []', '"spans": [{"start": 3, "end": 8, "label": "PLACE", "score": 0.3}]')
    assert send(client, "later.jsonl", better)["predicted"] == 1  # of several the last counts
    assert (spans(client, third), shown(client, third)["predicted_by"]) == ([(1, 2, "PLACE")], "later.jsonl")
    client.delete("/v1/labeling/sentences?status=waiting")
    assert client.get("/v1/labeling").json()["counts"]["predicted"] == 0
    (new,) = send(client, "a.txt", "It snows.")["ids"]  # it may have the number of one that is gone
    assert shown(client, new)["predicted_by"] is None


@pytest.mark.parametrize("stated", ["none", -0.1, 1.5, True, None])
def test_a_certainty_that_is_no_probability_is_none(stated: object):
    record = {"text": "Ann left.", "spans": [{"start": 0, "end": 3, "label": "PER", "score": 0.5}], "certainty": stated}
    (sentence,) = read_labeled(json.dumps(record), "jsonl", Layer("tags", Scheme.IOB2), 100).sentences
    assert sentence.certainty is None


def test_a_file_may_state_which_predictions_to_look_at_first(client):
    records = [
        {"text": text, "spans": [{"start": 0, "end": 3, "label": "PERSON", "score": score}], "certainty": certainty}
        for text, score, certainty in (("Ann ran.", 0.1, 0.9), ("Bob ran.", 0.9, 0.2), ("Cyd ran.", 0.5, 0.4))
    ]
    ids = send(client, "check.jsonl", "\n".join(map(json.dumps, records)))["ids"]
    order = []
    while sentence := client.get("/v1/labeling/next", params={"skip": ",".join(map(str, order))}).json()["sentence"]:
        order.append(sentence["id"])
    assert order == [ids[1], ids[2], ids[0]]


def test_labels_that_are_there_are_never_overwritten(client):
    (first,) = send(client, "a.jsonl", FILES["a.jsonl"])["ids"]
    other = "Anna\tB-PLACE\nleft\tO\nBerlin\tO\n.\tO\n\nEva\tB-PERSON\nran\tO\n\nEva\tB-PLACE\nran\tO\n"
    answer = send(client, "b.conll", other)
    assert answer["accepted"] == 1
    assert [(own["line"], own["id"]) for own in answer["conflicts"]] == [(1, first), (9, answer["ids"][1])]
    assert answer["conflicts"][0]["spans"] == [{"start": 0, "end": 1, "label": "PLACE"}]
    assert spans(client, first) == BERLIN
    assert spans(client, answer["ids"][1]) == [(0, 1, "PERSON")]
    assert counts(client) == (0, 2, 0)


def test_a_sentence_that_waits_gets_its_labels_but_a_draft_is_a_persons(client):
    text = client.post("/v1/labeling/sentences", json={"text": "Anna left Berlin. Ben ran. Cy sat."}).json()["ids"]
    draft = {"status": "waiting", "spans": [{"start": 0, "end": 1, "label": "PLACE"}]}
    client.put(f"/v1/labeling/sentences/{text[1]}", json=draft).raise_for_status()
    client.put(f"/v1/labeling/sentences/{text[2]}", json={"status": "skipped"}).raise_for_status()
    lines = [FILES["a.jsonl"].strip()]
    lines += [json.dumps({"text": f"{name}.", "label": [[0, 2, "PERSON"]]}) for name in ("Ben ran", "Cy sat")]
    lines[1] = lines[1].replace("2,", "3,")
    answer = send(client, "a.jsonl", "\n".join(lines))
    assert (answer["ids"], answer["accepted"]) == (text, 2)
    assert [own["id"] for own in answer["conflicts"]] == [text[1]]
    assert spans(client, text[1]) == [(0, 1, "PLACE")]
    assert counts(client) == (1, 2, 0)


def test_a_file_without_labels_waits_to_be_labeled(client):
    for name, content, format in (
        ("a.conll", "Anna\nleft\n\nBen\nran\n", "conll"),
        ("b.conll", "Cy\tO\nsat\tO\n\nDi\tO\nlay\tO\n", "conll"),
        ("c.jsonl", '{"text": "Eva ran."}\n{"text": "Flo sat."}', "jsonl"),
        ("d.txt", "Gus ran. Hal sat.", "text"),
        ("e", "This sentence has three words. Each, a token, is counted.", "text"),
    ):
        answer = send(client, name, content)
        assert (answer["format"], answer["added"], answer["accepted"]) == (format, 2, 0)
    assert counts(client) == (10, 0, 0)
    assert send(client, "empty.txt", " \n")["ids"] == []
    assert send(client, "empty.jsonl", "\ufeff\n")["ids"] == []


def test_labels_that_are_new_are_added_unless_they_are_absurdly_many(client):
    answer = send(client, "a.conll", "Rio\tB-CITY\nOpen\tB-EVENT\n\nAnna\tB-PERSON\n")
    assert answer["new_labels"] == ["CITY", "EVENT"]
    assert client.get("/v1/labeling").json()["labels"] == ["PERSON", "PLACE", "CITY", "EVENT"]
    many = "".join(f"word\tB-L{number}\nnext\tO\n\n" for number in range(MOST_NEW_LABELS + 1))
    assert refusal(client, "b.conll", many)[:2] == (409, "too_many_labels")
    assert len(client.get("/v1/labeling").json()["labels"]) == 4
    assert counts(client) == (0, 2, 0)


def test_tags_of_the_other_kind_are_refused(client, open_desk, models):
    assert refusal(client, "pos.conll", "dog\tNOUN\nbarks\tVERB\n")[:2] == (409, "other_tags")
    plain = open_desk({"pos": models["pos"]}, labels=())
    assert refusal(plain, "ner.conll", "Anna\tB-PER\nSmith\tI-PER\nran\tO\n")[:2] == (409, "other_tags")
    answer = send(plain, "pos.conllu", "1\tdog\t_\tNOUN\t_\t_\t_\t_\t_\t_\n2\tbarks\t_\tVERB\t_\t_\t_\t_\t_\t_\n")
    assert spans(plain, answer["ids"][0]) == [(0, 1, "NOUN"), (1, 2, "VERB")]
    answer = send(plain, "pos.conll", "dog\tNOUN\nsits\tVERB\n\nso\tADV\nit\tVERB\n")
    assert answer["accepted"] == 1
    assert [(own["line"], own["message"][:4]) for own in answer["refused"]] == [(4, "ADV:")]


def test_a_format_can_be_named(client):
    assert send(client, "", FILES["f.csv"], format="csv")["accepted"] == 1
    assert send(client, "notes.conll", "Anna left. Ben stayed.", format="text")["added"] == 2
    assert refusal(client, "", "x", format="xml")[0] == 422


@pytest.mark.parametrize(
    ("name", "content", "format"),
    [
        ("x.JSONL", "", "jsonl"),
        ("x", '{"text": "a"}', "jsonl"),
        ("x.txt", "a\tO\n", "conll"),
        ("x.txt", "a NN\nb VB\n", None),  # it may be a poem
        ("x.tsv", "a\tNN\nb\tVB\n\nc\tNN\n", "conll"),
        ("x.tsv", "Sentence #\tWord\tTag\n1\ta\tO\n", "csv"),
        ("x.txt", "the\tsame\nnumber\tof\ntabs\tbut\tnot\there\n", None),
        ("x.md", "# heading\n\ntext", None),
        ("x", "", None),
    ],
)
def test_formats_are_found(name, content, format):
    assert format_of(name, content) == format


def test_the_dev_set_gets_its_share(client, tmp_path):
    send(client, "a.conll", "".join(f"word{number}\tB-PERSON\n\n" for number in range(20)))
    assert client.get("/v1/labeling").json()["counts"]["held_out"] == 4


def test_two_files_at_once_double_nothing(client, tmp_path):
    content = "".join(f"word{number}\tB-PERSON\n\n" for number in range(300))
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(send(client, "a.conll", content)), daemon=True) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(own["accepted"] for own in answers) == [0, 0, 0, 300]
    assert len({tuple(own["ids"]) for own in answers}) == 1
    assert counts(client) == (0, 300, 0)
    store = Store(tmp_path / "0.labeling")
    assert [row.words for row in store.accepted()] == [[f"word{number}"] for number in range(300)]
    store.close()
