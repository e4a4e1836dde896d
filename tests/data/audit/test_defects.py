"""Every kind of defect, put into a clean set one at a time, is found, named and, where that is
safe, repaired; the clean set itself shows none."""

import pytest
from defects import COUNT, DEFECTS

from maskwright.data.audit import check
from maskwright.data.findings import KINDS, STOPS

# Findings that come with a defect because they are true as well.
COMPANIONS = {
    "a_mask_drawn_on_the_unturned_image": {"orientation"},
}


def kinds(found) -> set[str]:
    """All but that few images are tested on, which is so whatever else is wrong."""
    return {finding.kind for finding in found.findings} - {"few-test"}


def test_the_clean_set_has_no_finding(root):
    found = check(root)
    assert kinds(found) == set()
    assert len(found.pairs) == COUNT


def test_there_are_more_than_thirty_kinds_of_defect():
    assert len(DEFECTS) >= 30
    assert {kind for kind, _ in DEFECTS.values()} <= set(KINDS)


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_is_found_and_its_file_named(root, name):
    kind, damage = DEFECTS[name]
    path = damage(root)
    found = check(root)
    assert kinds(found) - COMPANIONS.get(name, set()) == {kind}
    (finding,) = (finding for finding in found.findings if finding.kind == kind)
    assert path in [flaw.path for flaw in finding.flaws]
    assert bool(found.stops) == (KINDS[kind].severity == STOPS)
