"""Grading by elements, objects and degrees: the highest wins, and what is unknown leaves the grade open."""

from dataclasses import replace

import pytest

from provenance.grading import DEGREES, ELEMENTS, OBJECTS, Form, grade, highest, rank

HARMLESS = Form(dict.fromkeys(ELEMENTS, "stated"), dict.fromkeys(OBJECTS, "none"), "none", "none")


def with_effects(**effects: str) -> Form:
    return replace(HARMLESS, effects=HARMLESS.effects | effects)  # type: ignore[operator]


@pytest.mark.rule("C-02")
@pytest.mark.parametrize(
    ("effects", "expected"),
    [
        ({}, "general"),
        ({"individuals": "extreme", "organisations": "serious"}, "general"),
        ({"economy": "ordinary"}, "general"),
        ({"economy": "serious"}, "important"),
        ({"social_order": "extreme"}, "core"),
        ({"national_security": "ordinary"}, "important"),
        ({"national_security": "serious"}, "core"),
        ({"individuals": "extreme", "public_interest": "serious", "economy": "ordinary"}, "important"),
        ({"public_interest": "serious", "national_security": "extreme"}, "core"),
    ],
)
def test_the_highest_effect_wins(effects: dict[str, str], expected: str) -> None:
    found = grade(with_effects(**effects))
    assert found.grade == expected
    assert found.reasons[0].grade == expected
    assert found.reasons[0].zh
    assert found.reasons[0].en


@pytest.mark.rule("C-02")
def test_a_higher_degree_never_lowers_the_grade() -> None:
    degrees = [degree for degree in DEGREES if degree != "unknown"]
    for thing in OBJECTS:
        ranks = [rank(grade(with_effects(**{thing: degree})).grade or "") for degree in degrees]
        assert ranks == sorted(ranks)


@pytest.mark.rule("C-02")
def test_what_is_not_known_leaves_the_grade_open() -> None:
    unknown = grade(with_effects(economy="unknown", individuals="serious"))
    assert (unknown.grade, unknown.missing) == (None, ("effects.economy",))
    silent = grade(replace(HARMLESS, elements=dict(HARMLESS.elements) | {"region": " "}, identified_as="unknown"))
    assert silent.missing == ("elements.region", "identified_as")
    assert grade(with_effects(economy="unknown", national_security="extreme")).grade == "core"


@pytest.mark.rule("C-08")
def test_secrets_are_core_and_named() -> None:
    for secret in ("state_secret", "work_secret"):
        found = grade(replace(HARMLESS, secrecy=secret))
        assert (found.grade, found.secret, found.reasons[0].rule) == ("core", secret, "C-08")


@pytest.mark.rule("C-04")
def test_what_an_authority_identified_counts_whatever_the_effects_are_said_to_be() -> None:
    assert grade(replace(HARMLESS, identified_as="important")).grade == "important"
    assert highest([]) == "general"
