"""Write ``texts.jsonl``: small texts on which tools have tripped, with labeled spans in characters (code points).

Run it by hand: ``python tests/formats/golden/make_texts.py``.
"""

from __future__ import annotations

import json
from pathlib import Path

TEXTS = (
    ("\U0001f600 王小明 lives in 東京。", [("王小明", "PER"), ("東京", "LOC")]),
    ("\U0001f1e9\U0001f1ea Anna Schmidt \U0001f468\u200d\U0001f469\u200d\U0001f467 left Ko\u0308ln.",
     [("Anna Schmidt", "PER"), ("Ko\u0308ln", "LOC")]),
    ("Anna left.\r\nBob stayed in Rome.\r\n\r\nEve, too.", [("Anna", "PER"), ("Bob", "PER"), ("Rome", "LOC")]),
    ("Name:\tAnn Lee\nCity:\tNew York\n", [("Ann Lee", "PER"), ("New York", "LOC")]),
    ("  Ann & <b>Bob</b>  came. ", [("Ann", "PER"), ("Bob", "PER")]),
    ("محمد يعيش في القاهرة.", [("محمد", "PER"), ("القاهرة", "LOC")]),
    ("नरेन्द्र दिल्ली में है।", [("नरेन्द्र", "PER"), ("दिल्ली", "LOC")]),
    (" ".join(["a"] * 2997 + ["in", "Rome", "."]), [("Rome", "LOC")]),
)  # fmt: skip


def main() -> None:
    lines = []
    for text, names in TEXTS:
        spans = [{"start": text.index(name), "end": text.index(name) + len(name), "label": label}
                 for name, label in names]  # fmt: skip
        lines.append(json.dumps({"text": text, "spans": spans}, ensure_ascii=False) + "\n")
    Path(__file__).with_name("texts.jsonl").write_text("".join(lines), "utf-8")


if __name__ == "__main__":
    main()
