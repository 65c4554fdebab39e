"""What a regulator sees, and what is kept of the look."""

import io
from datetime import UTC, datetime, timedelta

import people
import pytest
from conftest import Database
from oversight.conftest import AUDITOR, grant, inspecting, officer, sequence, tell

from exchange import clock, documents
from exchange.actors import Actor
from exchange.db import advance_clock, read
from exchange.errors import Forbidden, Invalid, NotFound, Refused, Unavailable, WrongState
from exchange.journal import checkpoint, entry, note, queries, verify
from exchange.journal.queries import Told
from exchange.oversight import inspection, looks, projection
from exchange.oversight.models import Inspection

REGULATOR = officer()


@pytest.fixture(autouse=True)
def whole(db: Database) -> None:
    grant("org_organ", "all")


def looked(organ: str = "org_organ") -> list[Told]:
    with read() as session:
        return queries.story(session, looks.looks_of(organ))


@pytest.mark.rule("Z-01")
def test_each_look_is_recorded_with_its_inspection_apart_from_the_subject(db: Database) -> None:
    tell("prd_x")
    opened = inspecting(REGULATOR)
    inspection.story(REGULATOR, "prd_x")
    inspection.search(REGULATOR, subject="prd_x")
    with read() as session:
        assert [told.action for told in queries.story(session, "prd_x")] == ["subject.seen"]
        assert queries.related(session, "prd_x") == []
    facts = [entry.parse(told.body)["facts"] for told in looked()]
    assert facts == [
        {"what": "story", "about": "prd_x", "inspection": opened, "purpose": "case"},
        {"what": "search", "about": "prd_x", "inspection": opened, "purpose": "case"},
    ]


@pytest.mark.rule("Z-06")
@pytest.mark.parametrize("purpose", ["", "   "])
def test_a_look_without_a_purpose_is_refused_and_shows_nothing(db: Database, purpose: str) -> None:
    tell("prd_x")
    with pytest.raises(Refused) as caught:
        inspection.story(REGULATOR, "prd_x", purpose=purpose)
    assert (caught.value.rule_id, caught.value.code) == ("Z-01", "purpose_missing")
    assert looked() == []


def test_what_a_purpose_says_in_words_stands_in_no_entry(db: Database) -> None:
    tell("prd_x")
    inspection.story(REGULATOR, "prd_x", purpose="王小明 is suspected")
    inspection.search(REGULATOR, purpose="again 王小明", words="王小明")
    for told in looked():
        assert "王小明" not in told.body.decode()
        found = entry.parse(told.body)
        assert found["facts"]["purpose"] == "stated"
        with read() as session:
            kept = documents.get(session, bytes.fromhex(found["digests"]["words"]))
            assert "王小明" in kept.content.decode()
            assert kept.subject == "look_org_organ"


def test_an_inspection_is_the_officers_own_and_ends_by_itself(db: Database) -> None:
    tell("prd_x")
    first = inspecting(REGULATOR)
    colleague = officer(person="per_other")
    with pytest.raises(Refused):
        inspection.story(colleague, "prd_x")
    with pytest.raises(NotFound):
        looks.close_inspection(colleague, first)
    second = inspecting(REGULATOR, "routine")  # closes the first
    with pytest.raises(WrongState):
        looks.close_inspection(REGULATOR, first)
    with pytest.raises(WrongState):
        looks.lapse_inspection(Actor.clock(), second)
    advance_clock(Actor.clock(), timedelta(hours=4, seconds=1))
    with pytest.raises(Refused):
        inspection.story(REGULATOR, "prd_x")  # over, whether the worker came by or not
    assert looks.lapse_inspection(Actor.clock(), second).state == "lapsed"


def test_the_note_of_an_inspection_is_sealed(db: Database) -> None:
    made = looks.open_inspection(REGULATOR, purpose="complaint", reference="12345-7", note="赵法定 complained")
    assert "赵法定" not in people.everything_kept()
    with read() as session:
        assert looks.note_of(session, session.get_one(Inspection, made.id)) == "赵法定 complained"


@pytest.mark.parametrize(
    "wrong", [{"purpose": "curiosity"}, {"reference": " "}, {"hours": 0}, {"hours": 9}, {"note": "x" * 2001}]
)
def test_an_inspection_says_what_it_is_for(db: Database, wrong: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        looks.open_inspection(REGULATOR, **{"purpose": "case", "reference": "7"} | wrong)  # type: ignore[arg-type]


def test_only_regulators_inspect(db: Database) -> None:
    for role in ("auditor", "administrator", "owner"):
        with pytest.raises(Forbidden):
            inspection.story(Actor("per_x", "org_x", frozenset({role})), "prd_x", purpose="x")
        with pytest.raises(Forbidden):
            looks.open_inspection(Actor("per_x", "org_x", frozenset({role})), purpose="case", reference="7")


def test_search_narrows_and_pages(db: Database) -> None:
    inspecting(REGULATOR)
    for number in range(5):
        tell(f"prd_{number}abc", "org_party")
    first = inspection.search(REGULATOR, subject="org_party", limit=3)
    tell("prd_9abc", "org_party")  # what comes meanwhile moves no page
    second = inspection.search(REGULATOR, subject="org_party", limit=3, cursor=first.next_cursor)
    assert [told.subject for told in (*first.items, *second.items)] == [f"prd_{n}abc" for n in (4, 3, 2, 1, 0)]
    assert second.next_cursor is None
    assert inspection.search(REGULATOR, action="no.such").items == []
    with pytest.raises(Invalid):
        inspection.search(REGULATOR, cursor="!")


def test_search_by_time_and_party_and_words(db: Database, signer: note.Signer) -> None:
    tell("ord_a", "org_one", "org_two", org="org_one", role="buyer", title="轨道交通客流日统计", number="CQ-JT-0001")
    advance_clock(Actor.clock(), timedelta(days=2))
    with read():
        between = clock.now() - timedelta(days=1)
    tell("ord_b", "org_two", org="org_two", role="buyer", title="天气")
    tell("lot_b", "ord_b")
    sequence(db, signer)
    inspecting(REGULATOR)

    def subjects(**criteria: object) -> list[str]:
        return [told.subject for told in inspection.search(REGULATOR, **criteria).items]  # type: ignore[arg-type]

    assert subjects(party="org_two") == ["lot_b", "ord_b", "ord_a"]
    assert subjects(party="org_one") == ["ord_a"]
    assert subjects(party="org_two", until=between) == ["ord_a"]
    assert subjects(party="org_two", since=between) == ["lot_b", "ord_b"]
    assert subjects(words="客流") == subjects(words="轨道交通 客流") == subjects(words="cq-jt-0001") == ["ord_a"]
    assert subjects(words="客流 天气") == []
    with pytest.raises(Invalid):
        inspection.search(REGULATOR, words="，。")
    with pytest.raises(Invalid):
        inspection.search(REGULATOR, words="x" * 201)


@pytest.mark.parametrize(
    "hostile", ["' & !x", "a:* | b", "\\' or 1=1 --", "<->", "客流' ) ; DROP TABLE due; --", "%s %(x)s :words", "a\\"]
)
def test_search_reads_nothing_as_an_operator(db: Database, signer: note.Signer, hostile: str) -> None:
    inspecting(REGULATOR)
    tell("ord_a", title="a 客流 b")
    tell("ord_b", title=hostile)
    sequence(db, signer)
    if projection.cut(hostile):
        assert "ord_b" in [told.subject for told in inspection.search(REGULATOR, words=hostile).items]
    else:
        with pytest.raises(Invalid):
            inspection.search(REGULATOR, words=hostile)
    assert inspection.search(REGULATOR, subject="org_x", action="x' OR 'a'='a").items == []


def test_what_nobody_told_of_is_not_found(db: Database, signer: note.Signer) -> None:
    tell("prd_x")
    sequence(db, signer)
    with pytest.raises(NotFound):
        inspection.story(REGULATOR, "prd_nothing", purpose="p")
    sequence(db, signer)
    with pytest.raises(NotFound):
        inspection.bag(REGULATOR, "prd_nothing", purpose="p")
    with pytest.raises(NotFound):
        inspection.proof(REGULATOR, "ent_nothing", purpose="p")
    assert [entry.parse(told.body)["facts"]["what"] for told in looked()] == ["story", "bag", "entry"]


def test_an_entry_comes_with_its_proof(db: Database, signer: note.Signer) -> None:
    inspecting(REGULATOR)
    tell("prd_x")
    told, _ = inspection.story(REGULATOR, "prd_x")
    assert inspection.proof(REGULATOR, told[0].id).text is None
    sequence(db, signer)
    proven = inspection.proof(REGULATOR, told[0].id)
    assert proven.text is not None
    parsed = checkpoint.parse_proof(proven.text)
    assert parsed.index == proven.told.index
    assert note.open(parsed.checkpoint, [signer.vkey])


def test_a_case_is_one_line_of_entries(db: Database) -> None:
    inspecting(REGULATOR)
    tell("ord_x", "ver_x", "org_buyer")
    tell("lot_x", "ord_x")
    tell("ord_other", "org_buyer")
    tell("ver_x", "dep_x")
    assert [told.subject for told in inspection.case(REGULATOR, "ord_x").items] == ["ver_x", "lot_x", "ord_x"]


def test_a_bag_holds_the_story_and_its_surroundings_and_verifies(db: Database, signer: note.Signer) -> None:
    tell("ord_x", "ver_x", "org_buyer")
    tell("lot_x", "ord_x")
    tell("ver_x", "dep_x")
    tell("dep_x", "org_seller")
    tell("ord_other", "org_buyer")
    sequence(db, signer)
    with inspection.bag(REGULATOR, "ord_x", purpose="p") as file:
        result = verify.verify_stream(io.BytesIO(file.read()), [signer.vkey])
    assert result.findings == ()
    with read() as session:
        assert queries.around(session, "ord_x") == ["dep_x", "lot_x", "ord_x", "org_buyer", "ver_x"]


def test_a_bag_waits_for_the_sequencer(db: Database, signer: note.Signer) -> None:
    tell("ord_x")
    with pytest.raises(Unavailable):
        inspection.bag(REGULATOR, "ord_x", purpose="p")


def test_a_bag_of_a_real_party_carries_no_personal_data(db: Database, signer: note.Signer) -> None:
    party = people.approved_company(db, "示例公司")
    sequence(db, signer)
    with inspection.bag(REGULATOR, party.org_id, purpose="p") as file:
        content = file.read()
    assert verify.verify_stream(io.BytesIO(content), [signer.vkey]).findings == ()
    for private in ("王小明", party.email, people.DETAILS.address, people.DETAILS.phone):
        assert private.encode() not in content


def test_looks_are_counted_for_the_operators_auditor_and_no_more(db: Database) -> None:
    from exchange.oversight import queries as room

    tell("prd_x")
    inspecting(REGULATOR)
    inspection.story(REGULATOR, "prd_x")
    assert room.look_counts(datetime(2026, 1, 1, tzinfo=UTC)) == [("org_organ", 1)]
    for role in (AUDITOR, officer("org_elsewhere")):
        with read() as session:
            assert queries.story(session, looks.looks_of(role.org_id or "")) == []
