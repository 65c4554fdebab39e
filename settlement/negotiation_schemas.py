"""Bodies and answers of negotiation and messages, for the API and the pages alike."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, post_load, validate

from exchange.money import Money
from exchange.web.api import Body, MoneyField, page_of
from listings.schemas import PriceOut
from provenance.purposes import PURPOSES
from settlement.messages import MAX_CHARACTERS
from settlement.orders import MAX_WORDS, Request
from settlement.proposals import DISPUTES, MAX_CRITERIA, RANGES, Changes
from settlement.schemas import TermsOut

_MAX_PASSWORD = 256
_TERMS = ("price", *RANGES, "redistribution", "derivation", "acceptance_criteria")


def _password() -> fields.String:
    return fields.String(required=True, load_only=True, validate=validate.Length(1, _MAX_PASSWORD))


def _number(term: str, *, strict: bool = True) -> fields.Integer:
    return fields.Integer(strict=strict, validate=validate.Range(*RANGES[term]))


class ChangesBody(Body):
    """What is to be otherwise than it stands; what is left out stays. Rights are ``true`` or ``false``."""

    price = MoneyField()
    term_days = _number("term_days")
    inspection_hours = _number("inspection_hours")
    delivery_days = _number("delivery_days")
    redistribution = fields.Boolean()
    derivation = fields.Boolean()
    acceptance_criteria = fields.String(validate=validate.Length(1, MAX_CRITERIA))


class CounterBody(ChangesBody):
    """``POST /orders/<id>/counter``: a proposal of one's own, signed with it."""

    disputes = fields.String(validate=validate.OneOf(DISPUTES))
    password = _password()

    @post_load
    def build(self, data: Mapping[str, Any], **_options: Any) -> dict[str, Any]:
        """As the operation takes it."""
        return {"changes": changes_of(data), "password": data["password"]}


class RequestBody(ChangesBody):
    """``POST /orders``: the request is the buyer's signature of the contract."""

    offer_id = fields.String(required=True, validate=validate.Length(1, 64))
    purpose = fields.String(required=True, validate=validate.OneOf(sorted(PURPOSES)))
    purpose_words = fields.String(load_default="", validate=validate.Length(max=MAX_WORDS))
    disputes = fields.String(load_default="officer", validate=validate.OneOf(DISPUTES))
    password = _password()

    @post_load
    def build(self, data: Mapping[str, Any], **_options: Any) -> Request:
        """As the operation takes it."""
        return request_of(data)


class PreviewBody(RequestBody):
    """A request that is only looked at: no signature is asked for."""

    password = fields.String(load_default="", load_only=True, validate=validate.Length(max=_MAX_PASSWORD))


class _PageNumbers(Schema):
    """The numbers of a proposal from a page, which come as text."""

    term_days = _number("term_days", strict=False)
    inspection_hours = _number("inspection_hours", strict=False)
    delivery_days = _number("delivery_days", strict=False)


class CounterForm(_PageNumbers, CounterBody):
    """A counter-proposal from its page."""


class RequestForm(_PageNumbers, RequestBody):
    """A request from its page."""


class PreviewForm(_PageNumbers, PreviewBody):
    """A request that is only looked at, from its page."""


class ProposalOut(Schema):
    """A proposal of the contract, as its maker signed it."""

    number = fields.Integer()
    side = fields.String()
    price = fields.Nested(PriceOut)
    terms = fields.Nested(TermsOut)
    disputes = fields.String()
    contract_sha256 = fields.String()
    at = fields.AwareDateTime()


class ProposalsOut(Schema):
    """All proposals of an order, first to last."""

    items = fields.List(fields.Nested(ProposalOut))


class MessageBody(Body):
    """What to say to the other side."""

    words = fields.String(required=True, validate=validate.Length(1, MAX_CHARACTERS))


class MessageSent(Schema):
    """A message that was sent: the journal names it by its digest."""

    id = fields.String()
    side = fields.String()
    at = fields.AwareDateTime()


class MessageOut(MessageSent):
    """A message."""

    words = fields.String()
    sha256 = fields.String()


#: A page of messages, newest first.
MessagePage = page_of(MessageOut)


def request_of(data: Mapping[str, Any]) -> Request:
    """A request from a loaded body."""
    return Request(
        offer_id=data["offer_id"],
        purpose=data["purpose"],
        disputes=data["disputes"],
        password=data["password"],
        words=data["purpose_words"],
        changes=changes_of({name: data[name] for name in _TERMS if name in data}),
    )


def changes_of(data: Mapping[str, Any]) -> Changes:
    """The changes in a loaded body."""
    terms = {name: data[name] for name in (*_TERMS, "disputes") if name in data}
    price = terms.pop("price", None)
    return Changes(price=None if price is None else Money.parse(price["amount"], price["currency"]), **terms)
