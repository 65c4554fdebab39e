"""Vouchers on pages: anybody checks them by number or text, the parties read them whole, forged ones are refused."""

import json
import re
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from delivered import Shop, bought, completed, desk_fixture, shop_fixture  # noqa: F401  (fixtures)
from people import approved_company, staff
from trade_browser import Browser, Desk

from exchange import attest
from exchange.errors import NotFound, TooManyRequests
from exchange.journal import canonical, note
from settlement import voucher_checks, vouchers
from settlement.delivery_models import Voucher
from settlement.voucher_checks import by_text, text_of

LANGUAGES = ("zh", "en")


@pytest.fixture(scope="module")
def voucher(shop: Shop) -> Voucher:
    return completed(shop, bought(shop))


@pytest.fixture(scope="module")
def pages(shop: Shop) -> Desk:
    return Desk()


@pytest.fixture
def origin(request: pytest.FixtureRequest) -> str:
    """An origin of each test's own: wrong attempts are counted."""
    return f"origin of {request.node.name}"


@pytest.fixture
def text(shop: Shop, voucher: Voucher) -> str:
    return text_of(shop.buyer.actor, voucher.number)


def test_a_genuine_text_is_told_as_such(voucher: Voucher, text: str, origin: str) -> None:
    assert by_text(text, origin=origin) == ("genuine", voucher.number)
    as_pasted = f"\r\n  {text.replace(chr(10), chr(13) + chr(10))}  \r\n"
    assert by_text(as_pasted, origin=origin) == ("genuine", voucher.number)
    note_alone = text.partition("\n\n")[2]
    assert by_text(note_alone, origin=origin) == ("genuine", voucher.number)


@pytest.mark.parametrize("field", ["price", "buyer", "product", "purpose", "number"])
def test_an_altered_field_is_found(text: str, origin: str, field: str) -> None:
    document, _, signed = text.partition("\n\n")
    said = json.loads(document)
    said[field] = {"price": {"minor": "1", "currency": "HKD"}, "number": "V-0000-0000-0000-0000"}.get(field, "other")
    forged = f"{canonical.dumps(said).decode()}\n\n{signed}"
    assert by_text(forged, origin=origin).code == "altered"


def test_an_altered_or_foreign_signature_is_found(voucher: Voucher, text: str, origin: str) -> None:
    document, _, signed = text.partition("\n\n")
    body, _, line = signed.rpartition("— ")
    name, encoded = line.split()
    flipped = "B" if encoded[30] == "A" else "A"
    altered = f"{body}— {name} {encoded[:30]}{flipped}{encoded[31:]}\n"
    assert by_text(f"{document}\n\n{altered}", origin=origin) == ("not_ours", None)
    words = "\n".join(signed.split("\n")[:3]) + "\n"
    for signer_name in (attest.signer().name, "another.example/log"):
        foreign = note.sign(words, note.Signer(signer_name, Ed25519PrivateKey.generate()))
        assert by_text(f"{document}\n\n{foreign}", origin=origin) == ("not_ours", None)
    number = attest.sign(words.replace(voucher.number, "V-0000-0000-0000-0000"))
    assert by_text(number, origin=origin) == ("unknown", None)
    digest = attest.sign(words.replace(voucher.document_digest.hex(), "0" * 64))
    assert by_text(digest, origin=origin) == ("unknown", None)


@pytest.mark.parametrize("nonsense", ["x", "{}", "{}\n\n", "—", "a\n\n— b c\n", "{" * 5000])
def test_what_is_no_voucher_is_said_to_be_none(origin: str, nonsense: str, shop: Shop) -> None:
    assert by_text(nonsense, origin=origin) == ("unreadable", None)
    checkpoint = attest.sign("databourse/receipt-note/v1\nx\ny\n")
    assert by_text(checkpoint, origin=origin) == ("unreadable", None)


def test_wrong_numbers_and_texts_are_limited_and_right_ones_are_not(voucher: Voucher, text: str, origin: str) -> None:
    for _ in range(voucher_checks.WRONG.most + 5):
        voucher_checks.by_number(voucher.number, origin=origin)
    for _ in range(voucher_checks.WRONG.most - 1):
        with pytest.raises(NotFound):
            voucher_checks.by_number("V-0000-0000-0000-0000", origin=origin)
    assert by_text("x", origin=origin).code == "unreadable"
    for check in (
        lambda: voucher_checks.by_number(voucher.number, origin=origin),
        lambda: by_text(text, origin=origin),
    ):
        with pytest.raises(TooManyRequests) as caught:
            check()
        assert caught.value.code == "too_many.voucher_check"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_anybody_checks_a_number_on_a_page_and_learns_little(
    shop: Shop, pages: Desk, voucher: Voucher, lang: str
) -> None:
    visitor = pages.browser(lang=lang)
    visitor.get("/vouchers")
    sent = visitor.post("/vouchers", number=f" {voucher.number.lower()} ")
    assert (sent.status_code, sent.location) == (303, f"/vouchers/{voucher.number}")
    page = visitor.get(sent.location)
    assert page.status_code == 200
    for hidden in (shop.buyer.org_id, shop.seller.org_id, "示例公司", "1,200", voucher.order_id):
        assert hidden not in page.text
    assert visitor.post("/vouchers").status_code == 422


@pytest.mark.parametrize("lang", LANGUAGES)
def test_wrong_numbers_get_the_same_page_whatever_is_wrong(pages: Desk, lang: str) -> None:
    visitor = pages.browser(lang=lang)
    answers = [visitor.get(f"/vouchers/{number}") for number in ("V-0000-0000-0000-0000", "V-", "x", "%27%20OR%201=1")]
    assert {answer.status_code for answer in answers} == {404}
    secret = re.compile(r'value="[^"]*"')
    assert len({secret.sub("", re.sub(r"/vouchers/[^?\"]*", "", answer.text)) for answer in answers}) == 1


def test_a_pasted_text_gets_its_verdict_in_words(pages: Desk, voucher: Voucher, text: str) -> None:
    visitor = pages.browser()
    visitor.get("/vouchers")
    assert "Genuine and valid" in visitor.post("/vouchers/check", text=text).text
    assert "Altered" in visitor.post("/vouchers/check", text=text.replace("120000", "120001")).text
    assert "not the text of a voucher" in visitor.post("/vouchers/check", text="<script>").text
    chinese = pages.browser(lang="zh")
    chinese.get("/vouchers")
    assert "真实有效" in chinese.post("/vouchers/check", text=text).text


def test_a_suspended_and_a_void_voucher_say_so(shop: Shop, pages: Desk, origin: str) -> None:
    issued = completed(shop, bought(shop))
    officer = staff(shop.database, "settlement_officer")
    text = text_of(shop.seller.actor, issued.number)
    vouchers.suspend_voucher(officer, issued.number, reason="核查")
    assert by_text(text, origin=origin) == ("suspended", issued.number)
    vouchers.void_voucher(officer, issued.number, reason="核查")
    assert by_text(text, origin=origin) == ("void", issued.number)
    assert "Void" in pages.browser().get(f"/vouchers/{issued.number}").text


@pytest.mark.rule("T-22")
@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_parties_read_it_whole_and_print_it(shop: Shop, pages: Desk, voucher: Voucher, lang: str) -> None:
    buyer = pages.browser(shop.buyer.actor, lang)
    place = f"/desk/vouchers/{voucher.number}"
    assert voucher.number in buyer.get("/desk/vouchers").text
    assert voucher.number not in buyer.get("/desk/vouchers?side=seller").text
    page = buyer.get(place)
    for words in (
        "港币壹仟贰佰元整",
        "需方示例公司",
        "供方示例公司",
        "本凭证不构成对数据合法性的担保",
        voucher.document_digest.hex(),
    ):
        assert words in page.text
    first, second = (buyer.get(f"{place}/voucher.pdf") for _ in range(2))
    assert first.data == second.data
    assert first.data.startswith(b"%PDF-")
    assert buyer.get(f"{place}/voucher.txt").text == text_of(shop.buyer.actor, voucher.number)


def test_others_get_nothing_of_it(shop: Shop, pages: Desk, voucher: Voucher) -> None:
    stranger = pages.browser(approved_company(shop.database, "第三方公司").actor)
    place = f"/desk/vouchers/{voucher.number}"
    for path in (place, f"{place}/voucher.pdf", f"{place}/voucher.txt", "/desk/vouchers/V-0000-0000-0000-0000"):
        assert stranger.get(path).status_code == 404
        asked = _visitor(pages).get(path)
        assert (asked.status_code, asked.location) == (303, f"/sign-in?next={quote(path, safe='')}")


@pytest.mark.rule("T-22")
@pytest.mark.parametrize("lang", LANGUAGES)
def test_an_officer_suspends_restores_and_cancels_one_on_pages(shop: Shop, pages: Desk, lang: str) -> None:
    issued = completed(shop, bought(shop))
    officer = pages.browser(staff(shop.database, "settlement_officer"), lang)
    assert issued.number in officer.get("/console/vouchers").text
    found = officer.get(f"/console/vouchers?number=%20{issued.number.lower()}")
    assert found.location == f"/console/vouchers/{issued.number}"
    page = officer.get(found.location)
    assert "供方示例公司" in page.text
    assert officer.post(f"{found.location}/suspend").status_code == 422
    sent = officer.post(f"{found.location}/suspend", **{"suspend-reason": "核查来源 <b>"})
    assert (sent.status_code, sent.location) == (303, found.location)
    page = officer.get(found.location)
    assert "核查来源 &lt;b&gt;" in page.text
    assert f"{found.location}/suspend" not in page.text
    again = officer.post(f"{found.location}/suspend", **{"suspend-reason": "再次"})
    assert again.status_code == 409
    assert "再次" in again.text
    assert officer.post(f"{found.location}/restore", **{"restore-reason": "无异议"}).status_code == 303
    assert officer.post(f"{found.location}/void", **{"void-reason": "作废"}).status_code == 303
    assert vouchers.check(issued.number)["state"] == "void"
    assert "/restore" not in officer.get(found.location).text


def test_an_auditor_reads_vouchers_and_decides_nothing(shop: Shop, pages: Desk, voucher: Voucher) -> None:
    auditor = pages.browser(staff(shop.database, "auditor"))
    place = f"/console/vouchers/{voucher.number}"
    page = auditor.get(place)
    assert page.status_code == 200
    assert f"{place}/suspend" not in page.text
    assert auditor.post(f"{place}/suspend", **{"suspend-reason": "x"}).status_code == 403
    assert auditor.get("/console/vouchers/V-0000-0000-0000-0000").status_code == 404
    assert pages.browser(shop.buyer.actor).get(place).status_code == 403


def _visitor(pages: Desk) -> Browser:
    return pages.browser()
