"""The data of the English tagger: each corpus's layout and guidelines, in one set of labels."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest

from tagsmith.corpus.corpus import read_corpus

sys.path.append(str(Path(__file__).parent.parent / "models" / "en"))
import english_corpora
import layouts
import mentions
from layouts import Labeled
from names import date_within, is_people, is_title
from newswire import newswire, patterns
from other_names import Names, names_of, with_other_names
from retokenized import join_hyphens, split
from silver_dates import with_dates
from unlabeled import surely_named, with_doubts, without_slips

PERSONS = Labeled(
    ("Ann", "Poe", "in", "Turin", ",", "Peru", "for", "Acme", "Works"),
    ("B-PERSON", "I-PERSON", "O", "B-LOCATION", "O", "B-LOCATION", "O", "B-ORGANIZATION", "I-ORGANIZATION"),
)
SHORT = {"B-PERSON": "P", "B-LOCATION": "L", "B-ORGANIZATION": "G", "B-DATE": "D"}


def marked(sentence: Labeled) -> str:
    """The words of a sentence, each span in brackets, unknown words with ``?``."""
    shown = list[str]()
    for word, tag in zip(sentence.words, sentence.ner or (), strict=True):
        if tag.startswith("I-"):
            shown[-1] = f"{shown[-1][:-1]} {word}]"
        else:
            shown.append(f"{word}?" if tag == "?" else word if tag == "O" else f"[{SHORT[tag]} {word}]")
    return " ".join(shown)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def columns(text: str) -> str:
    """``Anna/B-PER left``, sentences on lines → a token on each line."""
    rows = [[token.rpartition("/") if "/" in token else (token, "", "O") for token in line.split()]
            for line in text.strip().splitlines()]  # fmt: skip
    return "\n\n".join("\n".join(f"{word}\t{tag}" for word, _, tag in row) for row in rows) + "\n"


@pytest.mark.parametrize(
    ("reader", "path", "text", "expected"),
    [
        (layouts.btc, "english/btc/a.conll",
         "@/B-PER Kylie/B-PER thanks the/B-ORG BBC/I-ORG\nIsraeli/B-LOC PM in #/O Gaza/B-LOC\nUSA/B-ORG won",
         ["@Kylie? thanks the [G BBC]", "Israeli PM in #Gaza?", "[L USA] won"]),
        (layouts.wikigold, "wikigold/wikigold.conll.txt",
         "The/I-LOC Hague/I-LOC has French/I-MISC President/I-PER Macron/I-PER",
         ["[L The Hague] has French President [P Macron]"]),
        (layouts.crossner, "english/crossner/politics_train.txt",
         ("Mr./B-politician Foot/I-politician led Labour/B-politicalparty of/O Durham/B-location University/I-location "
         "in/O 1983/B-election UK/I-election election/I-election"),
         ["Mr. [P Foot] led [G Labour] of Durham? University? in 1983 UK? election"]),
        (layouts.multiner, "english/multiner/Final_English.txt", "35%/B-MISC of the/B-ORG Board/I-ORG Director/B-MISC",
         ["35 % of the [G Board] Director?"]),
        (lambda data: layouts.sec_filings(data, "FIN5.txt"), "sec_filings/FIN5.txt",
         "Borrower/I-PER owes Silicon/I-ORG Bank/I-ORG and Bank/I-ORG", ["Borrower? owes [G Silicon Bank] and Bank?"]),
        (lambda data: layouts.wnut17(data, "train"), "wnut17/train",
         "@ann/B-person saw the/B-group Lions/I-group on iPad/B-product",
         ["@ann? saw the [G Lions] on iPad"]),
        (lambda data: layouts.tweebank(data, "dev"), "english/tweebank/dev.bio", "brexit/B-MISC in WA/B-LOC",
         ["brexit in [L WA]"]),
        (layouts.fewnerd, "fewnerd/dev.txt",
         ("He left Bay of Biscay with Ann/B-person_director for British/B-location_GPE Hilton/B-building_hotel "
         "near Kallang/B-building_airport Airport/I-building_airport in Die/B-art_film"),
         ["He? left Bay? of? Biscay? with [P Ann] for British Hilton? near [L Kallang Airport] in Die"]),
        (layouts.fewnerd, "fewnerd/big_test.txt",
         ("Yao/B-person_athlete joined Democrats/B-organization_politicalparty in/O a/O Ford/B-product_car "
         "sedan/I-product_car before the 1929/B-event_election by-election/I-event_election"),
         ["[P Yao] joined Democrats? in a Ford? sedan before the 1929 by-election"]),
    ],
    ids=lambda value: value if isinstance(value, str) and "/" in value and " " not in value else "",
)  # fmt: skip
def test_a_corpus_in_columns(tmp_path, reader, path, text, expected):
    write(tmp_path / path, columns(text))
    for part in ("dev", "test"):
        write(tmp_path / f"english/crossner/politics_{part}.txt", "")
    for name in {"dev.txt", "test.txt", "big_test.txt"} - {Path(path).name}:
        write(tmp_path / "fewnerd" / name, "")
    sentences = [sentence for document in reader(tmp_path) for sentence in document]
    assert [marked(sentence if "wikigold" in path else split(sentence)) for sentence in sentences] == expected


def conllu(*rows: str) -> str:
    """Rows of ``word upos xpos head misc``."""
    lines = [
        "\t".join([str(number), *(word, "_", upos, xpos, "_", head, "_", "_", misc)])
        for number, (word, upos, xpos, head, misc) in enumerate(map(str.split, rows), 1)
    ]
    return "# newdoc id = d\n# sent_id = d-1\n" + "\n".join(lines) + "\n\n"


def test_ewt_has_names_and_parts_of_speech_of_the_same_sentence(tmp_path):
    rows = ["Max PROPN NNP 0 _", "'s PART POS 1 _", "Irish ADJ JJ 4 _", "Beatles PROPN NNP 1 _", "! PUNCT . 1 _"]
    write(tmp_path / "ud_english_ewt/en_ewt-ud-dev.conllu", conllu(*rows))
    tags = ["B-PER", "B-O", "B-OTH", "B-OTH", "B-O"]
    lines = [f"{i}\t{row.split()[0]}\t{tag}\t-\tx" for i, (row, tag) in enumerate(zip(rows, tags, strict=True), 1)]
    write(tmp_path / "english/uner_ewt/en_ewt-ud-dev.iob2", "# sent_id = d-1\n" + "\n".join(lines) + "\n\n")
    [[sentence]] = layouts.uner_ewt(tmp_path, "dev")
    assert marked(sentence) == "[P Max] 's? Irish Beatles? !"
    assert sentence.upos == ("PROPN", "PART", "ADJ", "PROPN", "PUNCT")


def test_of_the_mentions_of_gum_the_names_and_the_dates_stay(tmp_path):
    write(tmp_path / "english/gum/GUM_a.conllu", conllu(
        "President PROPN NNP 5 Entity=(1-person-new-x",
        "Bob PROPN NNP 1 _",
        "Lee PROPN NNP 1 Entity=1)",
        "has AUX VBZ 5 _",
        "seen VERB VBN 0 _",
        "the DET DT 8 Entity=(2-place-new-x",
        "United PROPN NNP 8 _",
        "States PROPN NNP 5 Entity=2)",
        "and CCONJ CC 10 _",
        "it PRON PRP 5 Entity=(2-place-giv-x)",
        "in ADP IN 13 _",
        "early ADJ JJ 13 Entity=(3-time-new-x",
        "April PROPN NNP 5 Entity=3)",
        "for ADP IN 16 _",
        "two NUM CD 16 Entity=(4-time-new-x",
        "days NOUN NNS 5 Entity=4)",
        "with ADP IN 18 _",
        "Democrats PROPN NNPS 5 Entity=(5-person-new-x)",
        "of ADP IN 20 _",
        "Hamlet PROPN NNP 18 _",
    ))  # fmt: skip
    [[sentence]] = mentions.gum(tmp_path)
    assert marked(sentence) == (
        "President [P Bob Lee] has seen the [L United States] and it in early [D April] for two days with Democrats "
        "of Hamlet?"
    )


def test_redocred_knows_dates_and_takes_peoples_for_places(tmp_path):
    words = [
        "The",
        "French",
        "singer",
        "Jean",
        "-",
        "Luc",
        "Ba",
        "of",
        "The",
        "Sun",
        ",",
        "born",
        "1",
        "May",
        "1990",
        ",",
        "sang",
        "two",
        "years",
        "in",
        "Rome",
        "last",
        "year",
    ]
    mention = [(1, 2, "LOC"), (3, 7, "PER"), (9, 10, "ORG"), (12, 15, "TIME"), (17, 19, "TIME"), (20, 21, "LOC")]
    record = {"sents": [words], "vertexSet": [[{"sent_id": 0, "pos": [a, b], "type": kind}] for a, b, kind in mention]}
    for part in ("dev", "test"):
        write(tmp_path / f"english/redocred/{part}_revised.json", json.dumps([record]))
    [sentence], _ = mentions.redocred(tmp_path)
    assert marked(with_doubts(sentence, knows_dates=True)) == (
        "The French singer [P Jean-Luc Ba] of The? [G Sun] , born [D 1 May 1990] , sang two years in [L Rome] "
        "last? year?"
    )


def test_re3d_marks_mentions_of_which_the_names_stay(tmp_path):
    text = (
        "The Foreign Secretary met Russian Minister Sergei Lavrov in Syria today . We thank the SDF forces and Daesh ."
    )
    entities = [
        ("The Foreign Secretary", "Person", 1), ("Russian Minister Sergei Lavrov", "Person", 1),
        ("Syria", "Location", 0),
        ("Syria", "Organisation", 1), ("today", "Temporal", 1), ("We", "Organisation", 1),
        ("the SDF forces", "Organisation", 1), ("SDF", "Organisation", 0),
    ]  # fmt: skip
    records = [
        {
            "documentId": "x",
            "begin": text.index(value),
            "end": text.index(value) + len(value),
            "type": kind,
            "confidence": sure,
        }
        for value, kind, sure in entities
    ]
    folder = tmp_path / "english/re3d/UK"
    write(folder / "documents.json", json.dumps({"_id": "x", "text": text}) + "\n")
    write(folder / "entities.json", "\n".join(map(json.dumps, records)))
    [[first, second]] = mentions.re3d(tmp_path)
    assert marked(first) == "The Foreign Secretary met Russian Minister [P Sergei Lavrov] in [L Syria] [D today] ."
    assert marked(second) == "We thank the [G SDF] forces and Daesh? ."


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("the early 1970s", "1970s"), ("last Monday", "last Monday"), ("10 December 1815", "10 December 1815"),
        ("two weeks ago", "two weeks ago"), ("Monday morning", "Monday"), ("2006 season", "2006"),
        ("today 's", "today"),
        ("the 19th century", "19th century"), ("three years", ""), ("11:35 pm", ""), ("a week", ""), ("the past", ""),
        ("24 years", ""), ("27", None), ("the 17th", None),
    ],
)  # fmt: skip
def test_what_of_an_expression_of_time_is_a_date(text, date):
    found = date_within(text.split())
    assert (None if found is None else " ".join(text.split()[slice(*found)])) == date


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("On Friday , 6 June he left in 1999 , not in May", "On [D Friday , 6 June] he left in [D 1999] , not in May?"),
        ("two weeks ago , last Monday , June 1 , 2001", "[D two weeks ago] ,? [D last Monday] ,? [D June 1 , 2001]"),
        ("I may march 20 km for a week in the 1970s", "I may? march? 20? km for a week? in the [D 1970s]"),
    ],
)
def test_where_dates_are_not_labeled_the_sure_ones_come_by_rule(text, expected):
    words = tuple(text.split())
    assert marked(with_dates(Labeled(words, ("O",) * len(words)))) == expected


def test_peoples_and_titles():
    assert all(map(is_people, (["French"], ["South", "Koreans"], ["Frenchmen"], ["Muslims"], ["Anglo", "-", "Saxon"])))
    assert not any(map(is_people, (["France"], ["South", "Korea"], ["Mediterranean"], ["North"], ["German", "Bank"])))
    assert is_title(["Prime", "Minister"])
    assert not is_title(["United", "States"])


def test_words_are_cut_as_in_running_text():
    assert marked(split(Labeled(("Sear's", "don't", '."'), ("B-PERSON", "O", "O")))) == "[P Sear] 's do n't . \""
    words, spans = join_hyphens(
        ["pre", "-", "Roman", "Jean", "-", "Luc", "x", "-", "5"], [(2, 3, "LOC"), (3, 6, "PER")]
    )
    assert words == ["pre-Roman", "Jean-Luc", "x", "-", "5"]
    assert spans == [(0, 1, "?"), (1, 2, "PER")]


def test_a_name_that_is_labeled_elsewhere_is_unknown_where_it_is_not():
    labeled = Labeled(("New", "York", "and", "May"), ("B-LOCATION", "I-LOCATION", "O", "B-PERSON"))
    slip = Labeled(("New", "York", "in", "May"), ("O", "O", "O", "O"))
    names = surely_named([labeled] * 3 + [slip])
    assert marked(without_slips(slip, names)) == "New? York? in May?"
    assert surely_named([labeled] * 2) == frozenset()
    assert surely_named([*[labeled] * 3, *[slip] * 2]) == frozenset()


def test_made_sentences_hold_names_of_the_given_ones_and_none_is_cut():
    given = Labeled(("Ada", "Lovelace", "left", "Turin", "for", "Acme", "Steel", "Works", "in", "France"),
                    ("B-PERSON", "I-PERSON", "O", "O", "O", "B-ORGANIZATION", "I-ORGANIZATION", "I-ORGANIZATION", "O",
                     "B-LOCATION"))  # fmt: skip
    where = Labeled(("She", "lived", "in", "Turin"), ("O", "O", "O", "B-LOCATION"))
    names = names_of([given, where])
    made = newswire(names, 600)
    assert made == newswire(names, 600) != newswire(names, 600, seed=2)
    lists = [name for group in ("clubs", "towns", "agencies") for name in patterns()[group]]
    allowed = {name.upper() for name in (*lists, "Ada Lovelace", "Lovelace", "Turin", "France", "Acme Steel Works")}
    found = [name for sentence in made for name in re.findall(r"\[[PLG] ([^]]*)\]", marked(sentence))]
    assert {name.upper() for name in found} <= allowed
    assert {"Ada Lovelace", "Lovelace", "Turin", "FRANCE", "Acme Steel Works"} <= set(found)
    assert not any(character in word for sentence in made for word in sentence.words for character in "{}")


def test_copies_have_other_names_of_the_same_kind_and_all_else_stays():
    names = Names(("Ada King Lovelace",), ("Turin",), ("Peru",), ("Acme Works",))
    words = "On Monday BOB JONES of Foo left France for bonn with Eve".split()  # noqa: SIM905
    tags = ["O", "B-DATE", "B-PERSON", "I-PERSON", "O", "B-ORGANIZATION", "O", "B-LOCATION", "O", "B-LOCATION", "?",
            "B-PERSON"]  # fmt: skip
    sentence = Labeled(tuple(words), tuple(tags), ("X",) * 12)
    assert with_other_names([sentence], names, 0) == []
    copies = {marked(copy) for copy in with_other_names([sentence] * 50, names, 100)}
    start = "On [D Monday] [P ADA KING LOVELACE] of [G Acme Works] left [L France] for [L turin] with?"
    assert copies == {f"{start} [P Ada]", f"{start} [P Lovelace]"}
    assert all(copy.upos is None for copy in with_other_names([sentence], names, 100))
    assert 5 < len(with_other_names([sentence] * 100, names, 20)) < 40
    assert with_other_names([Labeled(("No", "name"), ("O", "?"))], names, 100) == []
    nothing = Names((), (), (), ())
    assert [marked(copy) for copy in with_other_names([sentence], nothing, 100)] == [marked(sentence)]


def test_made_sentences_mark_dates_and_no_ranks():
    texts = {marked(sentence) for sentence in newswire(names_of([PERSONS]), 3000)}
    assert any(re.fullmatch(r"\( Reporting by \[P \w+ \w+\] in .*", text) for text in texts)
    assert any(re.fullmatch(r"Published on \[D [^]]+\]", text) for text in texts)
    assert any(re.search(r"(^| )Lt\. Gen\. \[P", text) for text in texts)
    assert not any(re.search(r"\[P (Col|Gen|Mr|Mrs|President)\b", text) for text in texts)


@pytest.fixture(scope="module")
def real():
    if not os.environ.get("TAGSMITH_DATA"):
        pytest.skip("TAGSMITH_DATA is not set")
    small = {name: english_corpora.SOURCES[name] for name in ("wikigold", "re3d", "tweebank", "crossner")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(english_corpora, "SOURCES", small)
        yield english_corpora.read(english_corpora.data_folder(), without={"crossner"})


def test_real_corpora_are_read_as_one(real):
    assert list(real.corpora) == ["wikigold", "re3d", "tweebank"]
    assert list(real.unseen) == ["crossner"]
    corpus = read_corpus(real.train(), real.dev(), partial=True, layer=("ner",))
    assert corpus.layers[0].labels == ("DATE", "LOCATION", "ORGANIZATION", "PERSON")
    assert not corpus.repairs
    knowing = [sorted(labels["ner"]) for labels in corpus.knowledge.sets]
    assert knowing == [["LOCATION", "ORGANIZATION", "PERSON"], ["DATE", "LOCATION", "ORGANIZATION", "PERSON"]]


def test_no_training_sentence_is_in_a_dev_or_test_part(real):
    def texts(part):
        return {"".join(s.words).lower() for parts in real.corpora.values() for s in getattr(parts, part)}

    assert not texts("train") & (texts("dev") | texts("test"))


def test_some_training_sentences_are_there_in_other_cases(real):
    train = [sentence for parts in real.corpora.values() for sentence in parts.train]
    originals = {(" ".join(sentence.words)).lower(): sentence for sentence in reversed(train)}
    upper = [sentence for sentence in train if " ".join(sentence.words).isupper() and set(sentence.ner) != {"O"}]
    assert 0.02 < len(upper) / len(train) < 0.08
    assert sum(originals[" ".join(sentence.words).lower()].ner == sentence.ner for sentence in upper) > 0.9 * len(upper)
