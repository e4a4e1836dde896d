"""The kinds of findings: complete, in plain words, and gathered the worst first."""

import json
import re
from pathlib import Path

import pytest

from maskwright.data import findings, kinds
from maskwright.data.findings import Finding, Flaw, findings_of
from maskwright.data.kinds import KINDS, LOWERS, NOTE, SEVERITIES, STOPS, Kind

SOURCE = Path(findings.__file__).parents[1]


def flaw(kind: str, name: str = "a.png") -> Flaw:
    return Flaw(kind, Path(name), "seen")


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_says_how_bad_what_and_what_to_do(name):
    kind = KINDS[name]
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
    assert kind.severity in SEVERITIES
    for words in (kind.title, kind.remedy):
        assert words.isprintable()
        assert words == words.strip(" .")
        assert len(words) <= 100
    assert kind.severity == NOTE or not kind.remedy.startswith("nothing:") or kind.repair


def test_no_two_kinds_have_one_title():
    assert len({kind.title for kind in KINDS.values()}) == len(KINDS)


def test_every_kind_is_given_somewhere_in_the_source():
    named_only = {"kinds.py", "meanings.py", "listing.py", "mending.py", "repair.py"}
    files = [path for path in SOURCE.rglob("*.py") if path.name not in named_only]
    text = "".join(path.read_text("utf-8") for path in files)
    given = {kind for kind in KINDS if f'"{kind}"' in text} | {"listed-twice", "name-encoding"}
    assert set(KINDS) - given == set()


def test_findings_come_with_the_worst_first_and_then_in_the_order_of_the_kinds():
    flaws = [flaw(kind) for kind in reversed(KINDS)]
    found = findings_of(flaws)
    places = [SEVERITIES.index(one.severity) for one in found]
    assert places == sorted(places)
    for severity in SEVERITIES:
        assert [f.kind for f in found if f.severity == severity] == [
            name for name, kind in KINDS.items() if kind.severity == severity
        ]


def test_flaws_of_one_kind_are_gathered_in_the_order_they_come():
    flaws = [flaw("alpha", "b.png"), flaw("empty-file"), flaw("alpha", "a.png")]
    first, second = findings_of(iter(flaws))
    assert (first.kind, first.severity, first.count) == ("empty-file", STOPS, 1)
    assert [one.path.name for one in second.flaws] == ["b.png", "a.png"]
    assert findings_of([]) == ()


def test_a_finding_becomes_json():
    finding = Finding("cmyk", (flaw("cmyk", "images/a.jpg"),))
    assert json.loads(json.dumps(finding.to_dict())) == {
        "kind": "cmyk",
        "severity": LOWERS,
        "title": KINDS["cmyk"].title,
        "count": 1,
        "remedy": KINDS["cmyk"].remedy,
        "repair": "written as RGB",
        "files": [{"path": "images/a.jpg", "detail": "seen"}],
    }


def test_findings_give_the_kinds_on():
    assert findings.KINDS is kinds.KINDS
    assert Kind(NOTE, "a", "b").repair == ""
