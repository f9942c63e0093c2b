from __future__ import annotations

import io

from rich.console import Console

from tagsmith.scores.scores import score_tags
from tagsmith.scores.tables import scores_table


def test_the_table_shows_every_label_and_average():
    gold = [["B-PER", "O", "B-LOC", "I-LOC"], ["B-PER"]]
    predicted = [["B-PER", "O", "B-LOC", "O"], ["B-PER"]]
    out = io.StringIO()
    Console(file=out, width=100).print(scores_table(score_tags(gold, predicted), title="dev"))
    lines = {line.strip("│┃ ").split("│")[0].strip(): line.split() for line in out.getvalue().splitlines()}
    assert "dev" in out.getvalue()
    assert [cell for cell in lines["PER"] if cell[0].isdigit()] == ["100.00", "100.00", "100.00", "2"]
    assert [cell for cell in lines["LOC"] if cell[0].isdigit()] == ["0.00", "0.00", "0.00", "1"]
    assert [cell for cell in lines["all (micro)"] if cell[0].isdigit()] == ["66.67", "66.67", "66.67", "3"]
    assert "50.00" in lines["mean of labels (macro)"]
    assert "80.00" in lines["token accuracy"]
