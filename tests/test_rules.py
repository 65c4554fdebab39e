import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.citations import Force, Provision, Status, chinese_numeral
from exchange.rules import BASIS, InvalidRulePack, Kind, UnknownRule, citation, citations, pack, parse, rule

ROOT = Path(__file__).parent.parent

#: How many statements each section of the analysis of duties holds.
SECTION_SIZES = {
    "P": 12,
    "I": 15,
    "R": 11,
    "T": 22,
    "S": 15,
    "G": 29,
    "PI": 14,
    "X": 12,
    "C": 9,
    "N": 7,
    "E": 10,
    "K": 5,
    "Z": 10,
    "O": 8,
}
LAST_ARTICLE_OF_THE_DRAFT = 67
DRAFT_EN = "With reference to the Regulations of Chongqing Municipality on Big Data Development and Management (Draft),"
DRAFT_CITATION = re.compile(
    r"参照《重庆市大数据发展管理条例（草案）》第[一二三四五六七八九十]+条.*（2021年征求意见稿，未生效）"
)

MINIMAL = """
id = "TEST"
[sections]
P = { zh = "来源", en = "Provenance" }
[instruments]
DSL = { force = "in_force", zh = "数据安全法", en = "Data Security Law" }
DESIGN = { force = "design", zh = "交易规则", en = "trading rules" }
[[rules]]
id = "P-01"
basis = ["DSL 33 [V]"]
kind = "gate"
zh = "说明来源"
en = "State the source"
"""


def test_the_pack_lists_every_statement_once_and_in_order() -> None:
    expected = [f"{letters}-{n:02}" for letters, size in SECTION_SIZES.items() for n in range(1, size + 1)]
    assert list(pack().rules) == expected
    assert list(pack().sections) == list(SECTION_SIZES)
    assert pack().id == "CQ-DRAFT-2021"


def test_a_rule_carries_its_sources_kind_and_text() -> None:
    found = rule("P-01")
    assert found.article == "DRAFT 28(1)(一); DSL 33"
    assert found.status is Status.VERIFIED
    assert found.kind is Kind.GATE
    assert "数据来源说明" in found.text.in_lang("zh")
    assert "provenance declaration" in found.text.in_lang("en")


def test_rule_raises_for_an_unknown_id() -> None:
    with pytest.raises(UnknownRule, match="P-99"):
        rule("P-99")


def test_the_pack_is_read_once_and_cannot_be_changed() -> None:
    assert pack() is pack()
    with pytest.raises(TypeError):
        pack().rules["P-01"] = rule("P-02")  # type: ignore[index]


@pytest.mark.parametrize(
    ("rule_id", "zh", "en"),
    [
        (
            "P-01",
            "参照《重庆市大数据发展管理条例（草案）》第二十八条第一款第一项（2021年征求意见稿，未生效）",
            f"{DRAFT_EN} Article 28, paragraph 1, item 1 (consultation draft of 2021, not in force)",
        ),
        (
            "P-02",
            "参照《重庆市大数据发展管理条例（草案）》第二十六条、第二十八条（2021年征求意见稿，未生效）",
            f"{DRAFT_EN} Article 26; Article 28 (consultation draft of 2021, not in force)",
        ),
        (
            "I-09",
            "依据《中华人民共和国数据安全法》第三十三条（现行；已核对原文）",
            "Under the Data Security Law, Article 33 (in force; text checked)",
        ),
        (
            "I-04",
            "参考GB 32100-2015（国家标准；据摘录，未核对原文）",
            "See GB 32100-2015 (national standard; from an excerpt, text not checked)",
        ),
        (
            "T-14",
            "依据平台交易规则T-14（平台自定，非法律规定）",
            "Under the operator's trading rules, T-14 (the platform's own requirement, not a legal rule)",
        ),
    ],
)
def test_citation_prints_the_source_and_its_force(rule_id: str, zh: str, en: str) -> None:
    assert citation(rule(rule_id), "zh") == zh
    assert citation(rule(rule_id), "en") == en


def test_citations_names_every_instrument_the_draft_first() -> None:
    found = citations(rule("N-01"), "zh")
    assert DRAFT_CITATION.fullmatch(found[0])
    assert found[1] == "参考《上海市数据条例》第五十五条（在本市不具约束力；已核对原文）"
    assert citations(rule("PI-03"), "en") == (
        "Under the Personal Information Protection Law, Articles 28 to 31 (in force; text checked)",
    )


def test_the_draft_is_cited_as_a_draft_and_nothing_else_is() -> None:
    for found in pack().rules.values():
        follows_draft = any(source.instrument.force is Force.DRAFT for source in found.sources)
        printed = citation(found, "zh")
        assert (DRAFT_CITATION.fullmatch(printed) is not None) == follows_draft, found.id
        assert ("not in force" in citation(found, "en")) == follows_draft, found.id
        assert ("《重庆市大数据发展管理条例（草案）》" in printed) == follows_draft, found.id


def test_the_draft_has_the_articles_that_rules_name() -> None:
    for found in pack().rules.values():
        for source in found.sources:
            if source.instrument.force is Force.DRAFT:
                assert source.provision is not None, found.id
                assert 1 <= source.provision.article <= LAST_ARTICLE_OF_THE_DRAFT, found.id


def test_every_instrument_is_used() -> None:
    declared = tomllib.loads((ROOT / "exchange/rules.toml").read_text("utf-8"))["instruments"]
    assert set(declared) == {source.instrument.key for found in pack().rules.values() for source in found.sources}


def test_the_basis_of_refusals_names_the_pack_in_both_languages() -> None:
    assert pack().id in BASIS.zh
    assert "平台交易规则" in BASIS.zh
    assert pack().id in BASIS.en
    assert "trading rules" in BASIS.en


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (1, "一"),
        (10, "十"),
        (11, "十一"),
        (20, "二十"),
        (28, "二十八"),
        (100, "一百"),
        (110, "一百一十"),
        (201, "二百零一"),
        (512, "五百一十二"),
        (962, "九百六十二"),
        (1010, "一千零一十"),
        (1038, "一千零三十八"),
        (2000, "二千"),
        (9009, "九千零九"),
    ],
)
def test_chinese_numeral_counts_as_statutes_do(number: int, written: str) -> None:
    assert chinese_numeral(number) == written


def test_chinese_numerals_are_all_different_and_bounded() -> None:
    assert len({chinese_numeral(number) for number in range(1, 10_000)}) == 9_999
    for number in (0, -1, 10_000):
        with pytest.raises(ValueError, match="1 to 9999"):
            chinese_numeral(number)


@given(
    st.builds(
        Provision, st.integers(1, 1260), st.none(), st.none() | st.integers(1, 12), st.none() | st.integers(1, 10)
    )
    | st.integers(1, 1200).flatmap(lambda first: st.builds(Provision, st.just(first), st.integers(first + 1, 1260)))
)
def test_a_provision_reads_back_from_its_notation(provision: Provision) -> None:
    assert Provision.parse(str(provision)) == provision


@pytest.mark.parametrize(
    "text", ["", "0", "028", "28(0)", "28(x)", "28(一)(1)", "31-28", "28-28", "28-31(1)", "28 ", "28a"]
)
def test_a_malformed_provision_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="article"):
        Provision.parse(text)


def test_a_minimal_pack_is_read() -> None:
    assert list(parse(MINIMAL).rules) == ["P-01"]
    assert parse(MINIMAL + 'implemented = true\nwhere = ["listings.gates"]\n').rules["P-01"].implemented


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('id = "P-01"', 'id = "P1"', "malformed id"),
        ('id = "P-01"', 'id = "Q-01"', "unknown sections"),
        ('id = "TEST"', "", "'id'"),
        ('["DSL 33 [V]"]', "[]", "no source"),
        ('["DSL 33 [V]"]', '["DSL 33"]', "is no source"),
        ('["DSL 33 [V]"]', '["DSL 33 [Q]"]', "is no source"),
        ('["DSL 33 [V]"]', '["PIPL 33 [V]"]', "PIPL"),
        ('["DSL 33 [V]"]', '["DSL thirty [V]"]', "names no article"),
        ('["DSL 33 [V]"]', '["DSL 33 [D]"]', "our own design"),
        ('["DSL 33 [V]"]', '["DESIGN [V]"]', "our own design"),
        ('kind = "gate"', 'kind = "wish"', "wish"),
        ('kind = "gate"', 'kind = "gate"\nowner = "me"', "unknown fields"),
        ('kind = "gate"', 'kind = "gate"\nfloor = "3 years"', "malformed floor"),
        ('kind = "gate"', 'kind = "gate"\nimplemented = true', "implemented, but nowhere"),
        ('kind = "gate"', 'kind = "gate"\nwhere = ["listings.gates"]', "not implemented"),
        ('kind = "gate"', 'kind = "gate"\nimplemented = true\nwhere = ["a b"]', "malformed place"),
        (
            'kind = "gate"',
            'kind = "gate"\nimplemented = true\nwhere = ["a.b"]\nevidence = ["accepted"]',
            "malformed journal action",
        ),
        ('zh = "说明来源"', 'zh = " "', "empty in one language"),
        ('en = "State the source"', "", "'en'"),
        ('force = "in_force"', 'force = "strong"', "strong"),
        ("[sections]", "[sections", "cannot be read"),
    ],
)
def test_a_broken_pack_is_refused(old: str, new: str, fault: str) -> None:
    assert old in MINIMAL
    with pytest.raises(InvalidRulePack, match=re.escape(fault)):
        parse(MINIMAL.replace(old, new, 1))


def test_an_id_that_occurs_twice_is_refused() -> None:
    again = MINIMAL[MINIMAL.index("[[rules]]") :]
    with pytest.raises(InvalidRulePack, match="twice"):
        parse(MINIMAL + again)


def test_the_compliance_matrix_is_current() -> None:
    printed = subprocess.run([sys.executable, "-m", "exchange.rules"], cwd=ROOT, capture_output=True, check=True)
    assert printed.stderr == b""
    assert (ROOT / "docs/compliance.md").read_bytes() == printed.stdout, "run: python -m exchange.rules"
