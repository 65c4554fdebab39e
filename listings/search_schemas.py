"""Queries and answers of the catalogue's search, on pages and in the API."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from exchange.errors import Invalid
from exchange.money import EXPONENTS, Money
from exchange.web.api import Body, PageQuery, page_of
from listings.schemas import Bilingual, PriceOut
from listings.search import FACETS, MAX_SEARCH, Search

_AMOUNT = validate.Regexp(r"^[0-9]{1,16}(\.[0-9]{1,4})?$")
#: Facets of which several values can be chosen; of the currency one, since prices are compared in it.
MANY = tuple(name for name in FACETS if name != "currency")


def _values(name: str) -> fields.List[Any]:
    return fields.List(fields.String(validate=validate.OneOf(FACETS[name])), load_default=list)


class SearchQuery(Body):
    """What is looked for: words, all of which have to be there; of each facet any of the values given.

    ``price_from`` and ``price_to`` are amounts in ``currency``.
    """

    q = fields.String(load_default="", validate=validate.Length(max=MAX_SEARCH))
    state = fields.String(load_default="published", validate=validate.OneOf(["published", "notice"]))
    category = _values("category")
    origin = _values("origin")
    source = _values("source")
    format = _values("format")
    grade = _values("grade")
    delivery = _values("delivery")
    channel = _values("channel")
    currency = fields.String(validate=validate.OneOf(sorted(EXPONENTS)))
    price_from = fields.String(validate=_AMOUNT)
    price_to = fields.String(validate=_AMOUNT)

    @validates_schema
    def check_price(self, data: Mapping[str, Any], **_options: Any) -> None:
        """Prices need their currency, and as many decimals as that has."""
        for name in ("price_from", "price_to"):
            if name not in data:
                continue
            if "currency" not in data:
                raise ValidationError("Choose the currency of the price.", "currency")
            try:
                Money.parse(data[name], data["currency"])
            except Invalid:
                raise ValidationError("This is no amount in that currency.", name) from None

    @post_load
    def build(self, data: dict[str, Any], **_options: Any) -> dict[str, Any]:
        """The search as the reads take it, beside what else was asked."""
        chosen = {name: data.pop(name) for name in MANY}
        currency = data.pop("currency", None)
        if currency is not None:
            chosen["currency"] = [currency]
        limits = {name: Money.parse(data.pop(name), currency) for name in ("price_from", "price_to") if name in data}
        wanted = Search(text=data.pop("q"), state=data.pop("state"), chosen=chosen, **limits)
        return {"wanted": wanted, **data}


class ProductsQuery(SearchQuery, PageQuery):
    """``GET /products``: what is looked for, a page at a time."""


class SourceLineOut(Bilingual):
    """The first of ``count`` lines that name government sources."""

    count = fields.Integer()


class CardSellerOut(Schema):
    """Who sells, on a card."""

    id = fields.String()
    name = fields.String()


class ProductCardOut(Schema):
    """A product in the catalogue. ``completeness`` is the share of cells that are not empty, in thousandths.

    ``prices`` are the lowest on offer, one of each currency; ``id`` is the version's.
    """

    id = fields.String()
    product_id = fields.String()
    number = fields.Integer()
    state = fields.String()
    title = fields.Nested(Bilingual)
    category = fields.String()
    grade = fields.String()
    seller = fields.Nested(CardSellerOut)
    notice_ends_at = fields.AwareDateTime(allow_none=True)
    published_at = fields.AwareDateTime(allow_none=True)
    updated_at = fields.AwareDateTime()
    format = fields.String(allow_none=True)
    rows = fields.Integer(allow_none=True)
    columns = fields.Integer(allow_none=True)
    completeness = fields.Integer(allow_none=True)
    government_derived = fields.Boolean()
    source_line = fields.Nested(SourceLineOut, allow_none=True)
    source_kinds = fields.List(fields.String())
    prices = fields.List(fields.Nested(PriceOut))


#: A page of the catalogue, newest first.
ProductCardPage = page_of(ProductCardOut)


class FacetsOut(Schema):
    """How many of the newest thousand that were found have each value of each facet; ``found`` stops at a thousand."""

    found = fields.Integer()
    facets = fields.Dict(keys=fields.String(), values=fields.Dict(keys=fields.String(), values=fields.Integer()))
