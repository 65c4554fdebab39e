"""Bodies and answers of the API of orders and lots."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from exchange.web.api import Body, PageQuery, page_of
from listings.schemas import Bilingual, PriceOut
from settlement.models import WHOLE_PERCENT
from settlement.statements import MAX_CHARACTERS
from settlement.states import BUYER, SELLER

_MAX_PASSWORD, _MAX_URL = 256, 2000


def _password() -> fields.String:
    return fields.String(required=True, load_only=True, validate=validate.Length(1, _MAX_PASSWORD))


def _reason() -> fields.String:
    return fields.String(required=True, validate=validate.Length(1, MAX_CHARACTERS))


def _share() -> fields.Integer:
    return fields.Integer(required=True, strict=True, validate=validate.Range(0, WHOLE_PERCENT))


# -- orders -----------------------------------------------------------------------------------------------------------


class SignBody(Body):
    """The password opens the signing key."""

    password = _password()


class ReasonBody(Body):
    """Why, for the other side."""

    reason = _reason()


class OrdersQuery(PageQuery):
    """Which of one's own orders."""

    side = fields.String(validate=validate.OneOf((BUYER, SELLER)))


class PartyOut(Schema):
    """A party as the other one sees it."""

    id = fields.String()
    name = fields.String()


class OrderState(Schema):
    """An order after a step."""

    id = fields.String()
    state = fields.String()
    offer_id = fields.String()
    product_id = fields.String()
    version_id = fields.String()
    purpose = fields.String()
    government_derived = fields.Boolean()
    price = fields.Nested(PriceOut)
    contract_sha256 = fields.String()
    proposed_by = fields.String()
    deadline_at = fields.AwareDateTime()
    actions = fields.List(fields.String())


class OrderCard(OrderState):
    """An order in a list."""

    class Meta:
        """Marshmallow's options."""

        exclude = ("contract_sha256",)

    title = fields.Nested(Bilingual)
    side = fields.String()
    created_at = fields.AwareDateTime()


#: A page of orders, newest first.
OrderPage = page_of(OrderCard)


class TermsOut(Schema):
    """The offer's terms as pinned."""

    term_days = fields.Integer()
    territory = fields.String()
    redistribution = fields.Boolean()
    derivation = fields.Boolean()
    inspection_hours = fields.Integer()
    delivery = fields.String()
    delivery_days = fields.Integer()
    acceptance_criteria = fields.String()


# -- lots -------------------------------------------------------------------------------------------------------------


class PayBody(Body):
    """How to pay: a payment method that is charged at once, or a page to pay on that leads back to ``return_url``."""

    payment_method = fields.String(validate=validate.Regexp(r"^[A-Za-z0-9_]{1,100}$"))
    return_url = fields.Url(schemes={"http", "https"}, require_tld=False, validate=validate.Length(max=_MAX_URL))

    @validates_schema
    def _one_way(self, data: Mapping[str, Any], **_options: Any) -> None:
        if len(data) != 1:
            raise ValidationError("Give either payment_method or return_url.")


class ShareBody(Body):
    """How much of the disputed amount the seller gets, in per cent."""

    seller_share_percent = _share()


class RulingBody(ShareBody):
    """A ruling and its reason."""

    reason = _reason()


class DisputeBody(ReasonBody):
    """What is wrong, and the SHA-256 of the evidence for it, if there is any."""

    evidence_sha256 = fields.String(validate=validate.Regexp(r"^[0-9a-f]{64}$"))


class PaymentOut(Schema):
    """A payment; ``page_url`` is where to pay while the page is open."""

    id = fields.String()
    lot_id = fields.String()
    state = fields.String()
    amount = fields.Nested(PriceOut)
    page_url = fields.String(allow_none=True)
    problem = fields.String(allow_none=True)
    planned_at = fields.AwareDateTime()


class MovementOut(Schema):
    """A transfer or refund that was ordered again."""

    id = fields.String()
    lot_id = fields.String()
    kind = fields.String()
    state = fields.String()
    amount = fields.Nested(PriceOut)


class MoneyOut(Schema):
    """Where a lot's money is."""

    funded = fields.Nested(PriceOut)
    held = fields.Nested(PriceOut)
    released = fields.Nested(PriceOut)
    refunded = fields.Nested(PriceOut)
    fee = fields.Nested(PriceOut)


class LotState(Schema):
    """A lot after a step. ``deadline_at`` ends the present state's time; it stands still while ``clock_stopped``."""

    id = fields.String()
    order_id = fields.String()
    number = fields.Integer()
    state = fields.String()
    amount = fields.Nested(PriceOut)
    delivery = fields.String()
    deadline_at = fields.AwareDateTime(allow_none=True)
    clock_stopped = fields.Boolean()
    available_at = fields.AwareDateTime(allow_none=True)
    accepted_at = fields.AwareDateTime(allow_none=True)
    settled_at = fields.AwareDateTime(allow_none=True)
    redeliveries_left = fields.Integer()
    closing_reason = fields.String(allow_none=True)
    dispute_reason = fields.String(allow_none=True)
    proposed_share_percent = fields.Integer(allow_none=True)
    proposed_by = fields.String(allow_none=True)
    seller_share_percent = fields.Integer(allow_none=True)
    chargeback_hold = fields.Boolean()
    actions = fields.List(fields.String())


class LotOut(LotState):
    """A lot with its payments (the buyer's to see) and its money."""

    payments = fields.List(fields.Nested(PaymentOut))
    money = fields.Nested(MoneyOut, allow_none=True)


class DisputeCard(Schema):
    """A disputed lot that waits for an officer."""

    id = fields.String()
    order_id = fields.String()
    amount = fields.Nested(PriceOut)
    dispute_reason = fields.String(allow_none=True)
    rulings = fields.Integer()
    changed_at = fields.AwareDateTime()


#: A page of disputed lots.
DisputePage = page_of(DisputeCard)


class OrderOut(OrderState):
    """An order whole."""

    title = fields.Nested(Bilingual)
    buyer = fields.Nested(PartyOut)
    seller = fields.Nested(PartyOut)
    fee_basis_points = fields.Integer()
    terms = fields.Nested(TermsOut)
    disputes = fields.String()
    proposals = fields.Integer()
    closing_reason = fields.String(allow_none=True)
    lots = fields.List(fields.Nested(LotState))
    created_at = fields.AwareDateTime()
    changed_at = fields.AwareDateTime()
