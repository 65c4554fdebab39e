"""Bodies and answers of the listings' API."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, post_load, validate

from exchange.money import EXPONENTS, Money
from exchange.web.api import Body, MoneyField, page_of
from listings.notice import MAX_STATEMENT
from listings.offers import Terms
from listings.review import MAX_REASON
from listings.revisions import MAX_NOTE
from listings.states import CATEGORIES, CHECK_RESULTS, CHECKLIST, DELIVERIES, GRADES
from listings.versions import Description
from provenance.finding_schemas import FindingCard
from provenance.purposes import PURPOSES
from provenance.states import CHANNELS

_MAX_TITLE, _MAX_DESCRIPTION, _MAX_CLAUSE = 200, 20_000, 2000
_MAX_TERM_DAYS, _MAX_INSPECTION_HOURS = 3650, 24 * 90


def _text(most: int) -> fields.String:
    return fields.String(required=True, validate=validate.Length(1, most))


def _choice(values: Any) -> fields.String:
    return fields.String(required=True, validate=validate.OneOf(list(values)))


def _shown(schema: type[Schema], **options: Any) -> fields.Nested:
    return fields.Nested(schema, allow_none=True, **options)


class Bilingual(Schema):
    """A text in both languages."""

    zh = fields.String(required=True)
    en = fields.String(required=True)


# -- deposits ---------------------------------------------------------------------------------------------------------


class DepositBody(Body):
    """``POST /deposits``: a file that is going to be sent."""

    file_name = _text(1000)
    size_bytes = fields.Integer(required=True, strict=True)
    media_type = _text(100)


class DepositCard(Schema):
    """A deposit in a list; ``code`` says why one was rejected."""

    id = fields.String()
    state = fields.String()
    file_name = fields.String()
    media_type = fields.String()
    size_bytes = fields.Integer()
    code = fields.String(allow_none=True)
    created_at = fields.AwareDateTime()


class DepositOut(DepositCard):
    """A deposit as it stands. Digests are SHA-256 in hexadecimal."""

    row_version = fields.Integer()
    held_bytes = fields.Integer()
    digest = fields.String(allow_none=True)
    plain_root = fields.String(allow_none=True)
    sealed_root = fields.String(allow_none=True)
    profile = fields.Dict(allow_none=True)
    scans = fields.Dict(allow_none=True)
    actions = fields.List(fields.String())


#: A page of deposits, newest first.
DepositPage = page_of(DepositCard)


# -- products and versions --------------------------------------------------------------------------------------------


class DescriptionBody(Body):
    """What a seller says about a version."""

    title_zh = _text(_MAX_TITLE)
    title_en = _text(_MAX_TITLE)
    description_zh = _text(_MAX_DESCRIPTION)
    description_en = _text(_MAX_DESCRIPTION)
    category = _choice(CATEGORIES)
    grade = _choice(GRADES)

    @post_load
    def build(self, data: Mapping[str, Any], **_options: Any) -> Description:
        """As the operations take it."""
        return Description(**data)


class AttachBody(Body):
    """The deposit and the declaration of a version; what is left out stays."""

    deposit_id = fields.String()
    declaration_id = fields.String()


class DecisionBody(Body):
    """A reviewer's decision."""

    checklist = fields.Dict(
        keys=fields.String(validate=validate.OneOf(CHECKLIST)),
        values=fields.String(validate=validate.OneOf(CHECK_RESULTS)),
        required=True,
    )
    reason = fields.String(load_default="", validate=validate.Length(max=MAX_REASON))


class ReasonBody(Body):
    """Why something is stopped, or goes on."""

    reason = _text(MAX_REASON)


class StatementBody(Body):
    """What somebody has against a listing."""

    statement = _text(MAX_STATEMENT)


class AnswerBody(Body):
    """What a reviewer answers to an objection."""

    answer = _text(MAX_STATEMENT)


class SellerOut(Schema):
    """Who sells."""

    id = fields.String()
    kind = fields.String()
    name = fields.String()


class CardOut(Schema):
    """A version in a list."""

    id = fields.String()
    product_id = fields.String()
    number = fields.Integer()
    state = fields.String()
    title = fields.Nested(Bilingual)
    category = fields.String()
    grade = fields.String()
    seller = fields.Nested(SellerOut)
    notice_ends_at = fields.AwareDateTime(allow_none=True)
    published_at = fields.AwareDateTime(allow_none=True)
    review_due_at = fields.AwareDateTime()
    reviewer_id = fields.String(allow_none=True)


#: A page of versions.
CardPage = page_of(CardOut)


class ColumnOut(Schema):
    """A column of the data dictionary."""

    name = fields.String()
    type = fields.String()
    nulls = fields.Integer()
    distinct = fields.Integer()


class GoodsOut(Schema):
    """What everybody may know of the goods."""

    media_type = fields.String()
    size_bytes = fields.Integer()
    digest = fields.String(allow_none=True)
    plain_root = fields.String(allow_none=True)
    sealed_root = fields.String(allow_none=True)
    schema_digest = fields.String(allow_none=True)
    rows = fields.Integer(allow_none=True)
    columns = fields.List(fields.Nested(ColumnOut))


class ChainOut(Bilingual):
    """A step of the explanation why something is government-derived."""

    depth = fields.Integer()
    government = fields.Boolean()


class ClassificationOut(Schema):
    """Whether a version is government-derived, and why."""

    government_derived = fields.Boolean()
    text = fields.Nested(Bilingual)
    chain = fields.List(fields.Nested(ChainOut))
    rules = fields.List(fields.String())


class ReviewOut(Schema):
    """A decision, as the seller sees it: without the reviewer."""

    decision = fields.String()
    submission = fields.Integer()
    checklist = fields.Dict(keys=fields.String(), values=fields.String())
    reason = fields.String()
    at = fields.AwareDateTime()


class ObjectionOut(Schema):
    """An objection and its answer."""

    id = fields.String()
    version_id = fields.String()
    state = fields.String()
    statement = fields.String()
    answer = fields.String(allow_none=True)
    created_at = fields.AwareDateTime()
    actions = fields.List(fields.String())


class FileOut(Schema):
    """The part of a version that its seller and the reviewers see."""

    deposit_id = fields.String(allow_none=True)
    declaration_id = fields.String(allow_none=True)
    profile = fields.Dict(allow_none=True)
    scans = fields.Dict(allow_none=True)
    findings = fields.List(fields.Nested(FindingCard))
    submission = fields.Integer()
    submitted_at = fields.AwareDateTime(allow_none=True)
    review_due_at = fields.AwareDateTime(allow_none=True)
    reviews = fields.List(fields.Nested(ReviewOut))
    objections = fields.List(fields.Nested(ObjectionOut))


class VersionOut(Schema):
    """A version as it stands."""

    id = fields.String()
    product_id = fields.String()
    number = fields.Integer()
    state = fields.String()
    title = fields.Nested(Bilingual)
    description = fields.Nested(Bilingual)
    category = fields.String()
    grade = fields.String()
    notice_ends_at = fields.AwareDateTime(allow_none=True)
    notice_provisional = fields.Boolean(allow_none=True)
    published_at = fields.AwareDateTime(allow_none=True)
    document_digest = fields.String(allow_none=True)
    row_version = fields.Integer()
    revises_id = fields.String(allow_none=True)
    change_note = fields.String(allow_none=True)
    goods = _shown(GoodsOut)
    source_lines = fields.List(fields.Nested(Bilingual))
    classification = _shown(ClassificationOut)
    actions = fields.List(fields.String())
    file = fields.Nested(FileOut)


class VersionLine(Schema):
    """A version in its product's history."""

    id = fields.String()
    number = fields.Integer()
    state = fields.String()
    published_at = fields.AwareDateTime(allow_none=True)


class ReviseBody(Body):
    """``POST /versions/<id>/revise``: newer rows, and what is new about them."""

    deposit_id = fields.String(required=True)
    note = _text(MAX_NOTE)


# -- offers -----------------------------------------------------------------------------------------------------------


class TermsBody(Body):
    """``POST /offers``: the terms on which a version is offered."""

    version_id = fields.String(required=True)
    price = MoneyField(required=True)
    channel = _choice(CHANNELS)
    exchange_name = fields.String(validate=validate.Length(1, _MAX_TITLE))
    purposes = fields.List(
        fields.String(validate=validate.OneOf(list(PURPOSES))), required=True, validate=validate.Length(1, 50)
    )
    term_days = fields.Integer(required=True, strict=True, validate=validate.Range(1, _MAX_TERM_DAYS))
    territory = _text(_MAX_TITLE)
    redistribution = fields.Boolean(required=True)
    derivation = fields.Boolean(required=True)
    inspection_hours = fields.Integer(required=True, strict=True, validate=validate.Range(1, _MAX_INSPECTION_HOURS))
    delivery = _choice(DELIVERIES)
    acceptance_criteria = _text(_MAX_CLAUSE)

    @post_load
    def build(self, data: dict[str, Any], **_options: Any) -> dict[str, Any]:
        """The version's id, and the terms as the operation takes them."""
        version_id, price = data.pop("version_id"), data.pop("price")
        terms = Terms(
            **{**data, "price": Money.parse(price["amount"], price["currency"]), "purposes": tuple(data["purposes"])}
        )
        return {"version_id": version_id, "terms": terms}


class TermsForm(TermsBody):
    """The same from a page, whose numbers come as text."""

    term_days = fields.Integer(required=True, validate=validate.Range(1, _MAX_TERM_DAYS))
    inspection_hours = fields.Integer(required=True, validate=validate.Range(1, _MAX_INSPECTION_HOURS))


class PriceOut(Schema):
    """An amount of money: the amount is a string, so nothing rounds it."""

    amount = fields.Function(lambda price: str(price).split()[0], metadata={"type": "string"})
    currency = fields.String(validate=validate.OneOf(sorted(EXPONENTS)))


class OfferOut(Schema):
    """An offer as it stands."""

    id = fields.String()
    row_version = fields.Integer()
    version_id = fields.String()
    product_id = fields.String()
    state = fields.String()
    price = fields.Nested(PriceOut)
    channel = fields.String()
    exchange_name = fields.String(allow_none=True)
    purposes = fields.List(fields.String())
    term_days = fields.Integer()
    territory = fields.String()
    redistribution = fields.Boolean()
    derivation = fields.Boolean()
    inspection_hours = fields.Integer()
    delivery = fields.String()
    acceptance_criteria = fields.String()
    actions = fields.List(fields.String())


class ProductOut(Schema):
    """What everybody may see of a product."""

    id = fields.String()
    seller = fields.Nested(SellerOut)
    version = fields.Nested(VersionOut)
    offers = fields.List(fields.Nested(OfferOut))
    versions = fields.List(fields.Nested(VersionLine))


class KnownFile(Schema):
    """What is known of a file by its digest; the rest only when it is known."""

    known = fields.Boolean(required=True)
    product_id = fields.String()
    title = fields.Nested(Bilingual)
    exchange_only = fields.Boolean()
