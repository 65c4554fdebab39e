"""The way data may leave the mainland: each threshold to the unit, and nothing presumed favourable."""

from dataclasses import fields, replace
from itertools import product

import pytest

from provenance.crossborder import CONTRACT_FROM, EDITION, FACTS, PATHS, SCENES, Facts, path

KNOWN = Facts(
    critical_infrastructure=False,
    important_data=False,
    personal_information=True,
    ordinary_persons=0,
    sensitive_persons=0,
    foreign_authority=False,
    government_held=False,
    scene="none",
    ftz_negative_list=False,
    separate_consent=True,
)


@pytest.mark.rule("X-02")
@pytest.mark.rule("X-03")
@pytest.mark.rule("X-11")
@pytest.mark.parametrize(
    ("ordinary", "sensitive", "code"),
    [
        (0, 0, "exempt"),
        (10_001, 0, "exempt"),  # the measures of 2022 counted from 10,000 or 100,000 over two years
        (99_999, 0, "exempt"),
        (100_000, 0, "contract_or_certification"),
        (999_999, 0, "contract_or_certification"),
        (1_000_000, 0, "security_assessment"),
        (0, 1, "contract_or_certification"),
        (99_999, 1, "contract_or_certification"),
        (0, 9_999, "contract_or_certification"),
        (0, 10_000, "security_assessment"),
        (999_999, 9_999, "contract_or_certification"),
    ],
)
def test_the_thresholds_hold_to_the_unit(ordinary: int, sensitive: int, code: str) -> None:
    found = path(replace(KNOWN, ordinary_persons=ordinary, sensitive_persons=sensitive))
    assert (found.code, found.edition) == (code, EDITION)
    assert found.reasons[0].rule == "X-02"


@pytest.mark.rule("X-02")
@pytest.mark.parametrize(
    ("change", "code", "rule"),
    [
        ({"critical_infrastructure": True}, "security_assessment", "X-02"),
        ({"important_data": True}, "security_assessment", "X-02"),
        ({"important_data": True, "personal_information": False}, "security_assessment", "X-02"),
        ({"personal_information": False}, "not_applicable", "X-02"),
        ({"foreign_authority": True, "scene": "emergency"}, "blocked", "X-08"),
        ({"ftz_negative_list": True}, "manual", "X-09"),
        ({"government_held": True, "scene": "legal_duty"}, "security_assessment", "X-12"),
    ],
)
def test_what_the_exporter_and_the_data_are_decides(change: dict[str, object], code: str, rule: str) -> None:
    found = path(replace(KNOWN, ordinary_persons=CONTRACT_FROM, **change))  # type: ignore[arg-type]
    assert (found.code, found.reasons[0].rule) == (code, rule)
    assert all(reason.zh and reason.en for reason in found.reasons)


@pytest.mark.rule("X-02")
@pytest.mark.parametrize("scene", [scene for scene in SCENES if scene not in {"none", "unknown"}])
def test_an_exempt_scene_is_named_and_does_not_carry_important_data(scene: str) -> None:
    many = replace(KNOWN, ordinary_persons=2_000_000, scene=scene)
    assert (path(many).code, path(many).scene) == ("exempt", scene)
    assert path(replace(many, important_data=True)).code == "security_assessment"


@pytest.mark.rule("X-10")
@pytest.mark.parametrize("name", [field.name for field in fields(Facts)])
def test_an_unknown_fact_never_opens_the_way(name: str) -> None:
    unknown = "unknown" if name == "scene" else None
    found = path(replace(KNOWN, **{name: unknown}))  # type: ignore[arg-type]
    assert (found.code, found.missing) == ("incomplete", (name,))
    assert FACTS[name][0] in found.reasons[0].zh


@pytest.mark.rule("X-10")
def test_nothing_known_names_everything_and_known_numbers_can_still_forbid() -> None:
    assert set(path(Facts()).missing) == set(FACTS)
    certain = replace(KNOWN, ordinary_persons=None, sensitive_persons=10_000, separate_consent=None)
    assert path(certain).code == "security_assessment"


@pytest.mark.rule("X-10")
def test_what_is_unknown_is_never_more_favourable_than_any_answer_to_it() -> None:
    strict = {"blocked": 5, "security_assessment": 4, "manual": 3, "incomplete": 3, "contract_or_certification": 2}
    for name in ("critical_infrastructure", "important_data", "government_held"):
        for ordinary, sensitive in product((0, 100_000, 1_000_000), (0, 1, 10_000)):
            known = replace(KNOWN, ordinary_persons=ordinary, sensitive_persons=sensitive)
            unknown = path(replace(known, **{name: None}))  # type: ignore[arg-type]
            favourable = path(replace(known, **{name: False}))  # type: ignore[arg-type]
            assert strict.get(unknown.code, 1) >= min(strict.get(favourable.code, 1), 3)


@pytest.mark.rule("X-04")
def test_what_nobody_notified_is_not_filed_as_important() -> None:
    found = path(replace(KNOWN, personal_information=False))
    assert "X-04" in {reason.rule for reason in found.reasons}


def test_counts_and_scenes_are_checked() -> None:
    for wrong in ({"ordinary_persons": -1}, {"scene": "holiday"}):
        with pytest.raises(ValueError, match="no"):
            path(replace(KNOWN, **wrong))
    assert set(PATHS) >= {"incomplete", "manual"}
