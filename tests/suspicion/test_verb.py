"""The verb: the worst ten and what was written on standard error, rows on standard output."""

import json
import sys

import commanding
import numpy as np
import pytest


@pytest.fixture
def call(make_run, monkeypatch, capsys, tmp_path):
    """Run the verb on a run of fifteen validation images; exit code, output, errors."""
    run = make_run(splits={f"{n:02}": "train" if n < 15 else "val" for n in range(30)})
    monkeypatch.setattr("maskwright.runs.load", lambda path: run)
    monkeypatch.setattr(sys.modules["maskwright.cli.suspects"], "start_engine", lambda: None)

    def verb(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        return commanding.call(capsys, monkeypatch, "suspects", "run", *words)

    verb.run = run
    return verb


def test_the_worst_ten_are_told_and_the_next_command(call, change, tmp_path):
    for pair in call.run.dataset.of("val")[:12]:
        change(pair, np.zeros_like)
    code, out, err = call("--out", str(tmp_path / "out"))
    assert (code, out) == (0, "")
    assert "12 of 15 validation masks are disputed in places." in err
    lines = [line.split() for line in err.splitlines()]
    ranks = [int(line[0]) for line in lines if line and line[-1].startswith("images/")]
    assert ranks == list(range(1, 11))
    assert "and 2 more masks" in err
    assert f"page: {tmp_path / 'out' / 'suspects.html'}" in err
    assert err.rstrip().endswith(f"then maskwright check '{call.run.dataset.root}'")


def test_json_is_the_rows_alone(call, change, tmp_path):
    change(call.run.dataset.of("val")[3], np.zeros_like)
    code, out, _ = call("--out", str(tmp_path / "out"), "--json", "--count", "5")
    (row,) = json.loads(out)
    assert code == 0
    assert row["rank"] == 1
    assert row["image"] == f"images/{call.run.dataset.of('val')[3].image.name}"


def test_where_nothing_is_disputed_there_is_nothing_to_mend(call, tmp_path):
    code, _, err = call("--out", str(tmp_path / "out"))
    assert code == 0
    assert "None of 15 validation masks is disputed" in err
    assert "next:" not in err


def test_wrong_usage_ends_in_one_line(call, tmp_path):
    code, out, err = call("--out", str(tmp_path / "out"), "--split", "tset")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == "error: no split called tset: did you mean test?"
