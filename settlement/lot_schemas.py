"""Bodies and answers about what stands beside a lot: extensions, evidence, refunds, payment orders, filings."""

from collections.abc import Mapping
from typing import Any

from flask_smorest.fields import Upload
from marshmallow import Schema, fields, post_load, validate

from exchange.marks import N_
from exchange.money import Money
from exchange.web.api import Body, MoneyField, page_of
from listings.schemas import Bilingual, PriceOut
from settlement.dispute_files import MAX_TITLE
from settlement.filings import Deal
from settlement.payment_orders import MAX_NUMBER
from settlement.schemas import PartyOut, ReasonBody
from settlement.statements import MAX_CHARACTERS

_SHA256 = validate.Regexp(r"^[0-9a-f]{64}$", error=N_("A SHA-256 is 64 lower-case hexadecimal digits."))
_MAX_ID = 64


def _as_text(amount: Mapping[str, str]) -> dict[str, str]:
    return {"text": amount["amount"], "currency": amount["currency"]}


class DeliverBody(Body):
    """Of a lot made on order: the deposit that was made for it."""

    deposit_id = fields.String(validate=validate.Length(1, _MAX_ID))


class ExtensionBody(ReasonBody):
    """The deadline that is proposed."""

    until = fields.AwareDateTime(required=True)


class ExtensionOut(Schema):
    """A later deadline as proposed."""

    id = fields.String()
    row_version = fields.Integer()
    lot_id = fields.String()
    state = fields.String()
    step = fields.String()
    proposed_by = fields.String()
    deadline_at = fields.AwareDateTime()
    until = fields.AwareDateTime()
    reason = fields.String()


class ReceiptForm(Body):
    """The digest of the file as it arrived; capital letters and spaces around it do no harm."""

    sha256 = fields.String(
        required=True,
        validate=validate.Regexp(r"^\s*[0-9a-fA-F]{64}\s*$", error=N_("A SHA-256 has 64 hexadecimal digits.")),
    )


class AnswerBody(Body):
    """What the seller says to a dispute."""

    answer = fields.String(required=True, validate=validate.Length(1, MAX_CHARACTERS))


class EvidenceForm(Body):
    """What a document shows, and whether it may hold personal data (then it is sealed)."""

    title = fields.String(required=True, validate=validate.Length(1, MAX_TITLE))
    personal = fields.Boolean(load_default=True)


class EvidenceFile(Schema):
    """The document."""

    file = Upload(required=True)


class EvidenceOut(Schema):
    """A document of evidence, without its content."""

    id = fields.String()
    lot_id = fields.String()
    side = fields.String()
    title = fields.String()
    media_type = fields.String()
    size_bytes = fields.Integer()
    sha256 = fields.String()
    sealed = fields.Boolean()
    at = fields.AwareDateTime()


class RefundBody(ReasonBody):
    """How much goes back to the buyer."""

    amount = MoneyField(required=True)

    @post_load
    def build(self, data: dict[str, Any], **_options: Any) -> dict[str, Any]:
        """With the amount as the operation takes it."""
        return data | {"amount": Money.parse(**_as_text(data["amount"]))}


class RefundOut(Schema):
    """A refund after settlement."""

    id = fields.String()
    row_version = fields.Integer()
    lot_id = fields.String()
    state = fields.String()
    basis = fields.String()
    proposed_by = fields.String()
    amount = fields.Nested(PriceOut)
    reason = fields.String()


class DecidedRefundBody(RefundBody):
    """A decision of a court or an authority, by its number."""

    document_number = fields.String(required=True, validate=validate.Length(1, MAX_NUMBER))


class HoldingBody(ReasonBody):
    """Until when held money may wait."""

    until = fields.AwareDateTime(required=True)


class PaymentOrderOut(Schema):
    """What one officer ordered and another one confirms."""

    id = fields.String()
    row_version = fields.Integer()
    state = fields.String()
    kind = fields.String()
    lot_id = fields.String()
    op_id = fields.String(allow_none=True)
    amount = fields.Nested(PriceOut)
    reason = fields.String()
    document_number = fields.String(allow_none=True)
    created_at = fields.AwareDateTime()


#: A page of payment orders, newest first.
PaymentOrderPage = page_of(PaymentOrderOut)


class StatementLineOut(Schema):
    """One movement of a party's money; what goes out is negative."""

    id = fields.String()
    at = fields.AwareDateTime()
    kind = fields.String()
    amount = fields.Nested(PriceOut)
    lot_id = fields.String()
    order_id = fields.String(allow_none=True)


#: A page of a statement, newest first.
StatementPage = page_of(StatementLineOut)


class FilingBody(Body):
    """A deal that was made outside."""

    version_id = fields.String(required=True, validate=validate.Length(1, _MAX_ID))
    counterparty = fields.String(required=True, validate=validate.Length(1, _MAX_ID))
    amount = MoneyField(required=True)
    dealt_on = fields.Date(required=True)
    contract_sha256 = fields.String(required=True, validate=_SHA256)

    @post_load
    def build(self, data: Mapping[str, Any], **_options: Any) -> Deal:
        """As the operation takes it."""
        return Deal(
            version_id=data["version_id"],
            counterparty=data["counterparty"],
            amount=Money.parse(**_as_text(data["amount"])),
            dealt_on=data["dealt_on"],
            contract_digest=bytes.fromhex(data["contract_sha256"]),
        )


class FilingOut(Schema):
    """A filed deal; ``number`` is its receipt number."""

    id = fields.String()
    row_version = fields.Integer()
    number = fields.String()
    state = fields.String()
    side = fields.String()
    filed_by = fields.String()
    product_id = fields.String()
    version_id = fields.String()
    title = fields.Nested(Bilingual)
    seller = fields.Nested(PartyOut)
    buyer = fields.Nested(PartyOut)
    amount = fields.Nested(PriceOut)
    dealt_on = fields.Date()
    contract_sha256 = fields.String()
    document_sha256 = fields.String(allow_none=True)
    closing_reason = fields.String(allow_none=True)
    created_at = fields.AwareDateTime()
    actions = fields.List(fields.String())


#: A page of filings, newest first.
FilingPage = page_of(FilingOut)
