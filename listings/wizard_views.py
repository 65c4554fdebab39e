"""A new product in six steps: what it is, goods, where they came from, grade (`grade_views`), terms, check and submit.

Each step is saved when it is sent, and can be left: the draft waits on the seller's desk.
"""

from typing import Any

from flask import url_for
from flask_babel import gettext
from marshmallow import fields

from exchange.web import access
from exchange.web.api import Body
from exchange.web.forms import Form
from exchange.web.problems import problem
from exchange.web.views import Answer, blueprint, done
from listings import deposits, desk_queries, offers, schemas, versions, words
from listings.states import CATEGORIES, LISTING_OPEN
from provenance import queries as provenance_queries
from provenance import vocabulary
from provenance.purposes import PURPOSES

wizard = blueprint("wizard", __name__, url_prefix="/desk")

_SELLING = ("owner", "trader")
#: What a new offer begins with.
_USUAL = {
    "price.currency": "CNY",
    "channel": "exchange",
    "term_days": 365,
    "redistribution": "false",
    "derivation": "false",
    "inspection_hours": 72,
    "delivery": "deposit",
}


class GoodsForm(Body):
    """Which file a version sells."""

    deposit_id = fields.String(required=True)


class SourceForm(Body):
    """Which declaration says where the data came from."""

    declaration_id = fields.String(required=True)


# -- 1: what it is ----------------------------------------------------------------------------------------------------


@wizard.get("/products/new")
@access.member(*_SELLING)
def new_product() -> Answer:
    """An empty description."""
    return _describe(Form(schemas.DescriptionBody, values={"grade": "general"}), None, url_for(".create_product"))


@wizard.post("/products/new")
@access.member(*_SELLING)
def create_product() -> Answer:
    """Begin a product."""
    form = Form(schemas.DescriptionBody)
    made = form.submit(lambda body: versions.create_product(access.actor(), body))
    if made is None:
        return _describe(form, None, url_for(".create_product"))
    return done(gettext("Saved as a draft."), url_for(".goods", version_id=made.id))


@wizard.get("/products/<product_id>/versions/new")
@access.member(*_SELLING)
def new_version(product_id: str) -> Answer:
    """The description of the latest version, to begin the next one with."""
    latest = desk_queries.product(access.caller(), product_id)["versions"][0]
    form = Form(schemas.DescriptionBody, values=latest)
    return _describe(form, None, url_for(".add_version", product_id=product_id))


@wizard.post("/products/<product_id>/versions/new")
@access.member(*_SELLING)
def add_version(product_id: str) -> Answer:
    """Draft a further version."""
    form = Form(schemas.DescriptionBody)
    made = form.submit(lambda body: versions.add_version(access.actor(), product_id, body))
    if made is None:
        return _describe(form, None, url_for(".add_version", product_id=product_id))
    return done(gettext("Saved as a draft."), url_for(".goods", version_id=made.id))


@wizard.get("/versions/<version_id>/describe")
@access.member()
def describe(version_id: str) -> Answer:
    """The description of a draft."""
    draft = desk_queries.draft(access.caller(), version_id)
    form = Form(schemas.DescriptionBody, values=draft)
    return _describe(form, draft, url_for(".edit", version_id=version_id))


@wizard.post("/versions/<version_id>/describe")
@access.member(*_SELLING)
def edit(version_id: str) -> Answer:
    """Describe a draft anew."""
    form = Form(schemas.DescriptionBody)
    if form.submit(lambda body: versions.edit_version(access.actor(), version_id, body)) is None:
        draft = desk_queries.draft(access.caller(), version_id)
        return _describe(form, draft, url_for(".edit", version_id=version_id))
    return done(gettext("Saved."), url_for(".goods", version_id=version_id))


def _describe(form: Form, draft: dict[str, Any] | None, action: str) -> Answer:
    return form.page(
        "listings/describe.html",
        draft=draft,
        action=action,
        steps=steps_of(draft, "describe"),
        categories=CATEGORIES,
        grades=words.GRADES,
    )


# -- 2: goods ---------------------------------------------------------------------------------------------------------


@wizard.get("/versions/<version_id>/goods")
@access.member()
def goods(version_id: str) -> Answer:
    """The file of a draft: send one, or choose one that was sent."""
    return _goods(Form(GoodsForm), version_id)


@wizard.post("/versions/<version_id>/goods")
@access.member(*_SELLING)
def attach_goods(version_id: str) -> Answer:
    """Choose the file."""
    form = Form(GoodsForm)
    if form.submit(lambda body: versions.attach(access.actor(), version_id, **body)) is None:
        return _goods(form, version_id)
    return done(gettext("This file is what the version sells."), url_for(".goods", version_id=version_id))


def _goods(form: Form, version_id: str) -> Answer:
    draft = desk_queries.draft(access.caller(), version_id)
    return form.page(
        "listings/goods.html",
        draft=draft,
        steps=steps_of(draft, "goods"),
        files=desk_queries.files(access.caller()),
        deposit=draft["deposit"],
        rejections=words.REJECTIONS,
        column_types=words.COLUMN_TYPES,
        scan_kinds=vocabulary.SCANNED,
        confidences=vocabulary.CONFIDENCES,
        endings=deposits.ENDINGS,
        most=deposits.MAX_BYTES,
    )


# -- 3: where it came from --------------------------------------------------------------------------------------------


@wizard.get("/versions/<version_id>/source")
@access.member()
def source(version_id: str) -> Answer:
    """The declaration of a draft: choose one, or begin one."""
    return _source(Form(SourceForm), version_id)


@wizard.post("/versions/<version_id>/source")
@access.member(*_SELLING)
def attach_source(version_id: str) -> Answer:
    """Choose the declaration."""
    form = Form(SourceForm)
    if form.submit(lambda body: versions.attach(access.actor(), version_id, **body)) is None:
        return _source(form, version_id)
    return done(gettext("The origin is named."), url_for(".grading", version_id=version_id))


def _source(form: Form, version_id: str) -> Answer:
    actor = access.caller()
    draft = desk_queries.draft(actor, version_id)
    declarations = provenance_queries.declarations(actor, limit=desk_queries.MANY)
    return form.page(
        "listings/source.html", draft=draft, steps=steps_of(draft, "source"), declarations=declarations.items
    )


# -- 4: terms and price -----------------------------------------------------------------------------------------------


@wizard.get("/versions/<version_id>/terms")
@access.member()
def terms(version_id: str) -> Answer:
    """The offers of a version, and the form of another."""
    return _terms(Form(schemas.TermsForm, values=_USUAL), version_id)


@wizard.post("/versions/<version_id>/terms")
@access.member(*_SELLING)
def open_offer(version_id: str) -> Answer:
    """Offer the version."""
    form = Form(schemas.TermsForm)
    if form.submit(lambda body: offers.open_offer(access.actor(), version_id, body["terms"])) is None:
        return _terms(form, version_id)
    return done(gettext("The offer is open."), url_for(".terms", version_id=version_id))


def _terms(form: Form, version_id: str) -> Answer:
    draft = desk_queries.draft(access.caller(), version_id)
    return form.page(
        "listings/terms.html",
        draft=draft,
        steps=steps_of(draft, "terms"),
        purposes=PURPOSES,
        channels=words.CHANNELS,
        deliveries=words.DELIVERIES,
    )


# -- 5: check and submit ----------------------------------------------------------------------------------------------


@wizard.get("/versions/<version_id>/check")
@access.member()
def check(version_id: str) -> Answer:
    """The whole draft, and what is missing."""
    return _check(Form(None), version_id)


@wizard.post("/versions/<version_id>/check")
@access.member(*_SELLING)
def submit(version_id: str) -> Answer:
    """Hand the version in."""
    form = Form(None)
    made = form.submit(lambda _: versions.submit(access.actor(), version_id))
    if made is None:
        return _check(form, version_id)
    words_ = gettext("Submitted. A reviewer decides within %(days)s working days.", days=versions.REVIEW_DAYS)
    return done(words_, url_for("selling.show_product", product_id=made.product_id))


def _check(form: Form, version_id: str) -> Answer:
    actor = access.caller()
    draft = desk_queries.draft(actor, version_id)
    lacking = desk_queries.shortcomings(actor, version_id) if draft["state"] in LISTING_OPEN else []
    return form.page(
        "listings/check.html",
        draft=draft,
        steps=steps_of(draft, "check"),
        lacking=[(problem(one.error)[0], _url(one.step, version_id)) for one in lacking],
        categories=CATEGORIES,
        grades=words.GRADES,
    )


# -- the way through --------------------------------------------------------------------------------------------------


def _url(step: str, version_id: str) -> str | None:
    return url_for(f".{step}", version_id=version_id) if step else None


def steps_of(draft: dict[str, Any] | None, here: str) -> list[tuple[str, str | None, str]]:
    """The six steps for the eye: which are done, and where one is."""
    done_ = {
        "describe": draft is not None,
        "goods": draft is not None and draft["deposit"] is not None,
        "source": draft is not None and draft["declaration"] is not None,
        "grading": draft is not None and draft["graded"],
        "terms": draft is not None and any(offer["state"] == "open" for offer in draft["offers"]),
        "check": draft is not None and draft["state"] not in LISTING_OPEN,
    }
    labels = {
        "describe": gettext("What it is"),
        "goods": gettext("Goods"),
        "source": gettext("Where it came from"),
        "grading": gettext("Grade"),
        "terms": gettext("Terms and price"),
        "check": gettext("Check and submit"),
    }
    return [
        (
            label,
            None if draft is None else _url(step, draft["id"]),
            "here" if step == here else "done" if done_[step] else "todo",
        )
        for step, label in labels.items()
    ]
