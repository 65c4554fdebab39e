"""The seller's desk: products with their versions, offers, remarks and objections; and objecting to a listing."""

from flask import render_template, request, url_for
from flask_babel import gettext
from marshmallow import fields, validate

from exchange.marks import N_
from exchange.web import access
from exchange.web.api import Body
from exchange.web.desk import NavItem
from exchange.web.forms import Form
from exchange.web.views import Answer, blueprint, done
from listings import desk_queries, notice, offers, revisions, schemas, versions, words
from listings.deposit_views import deposit_pages
from listings.states import LISTING
from listings.wizard_views import wizard

selling = blueprint("selling", __name__, url_prefix="/desk")
objecting = blueprint("objecting", __name__)
blps = [selling, wizard, deposit_pages, objecting]

NAV = (
    NavItem("desk", N_("Products"), "selling.list_products", place=20),
    NavItem("desk", N_("Files"), "deposits.index", place=25),
)
INBOX = (desk_queries.waits_for_seller,)

_SELLING = ("owner", "trader")


class ReviseForm(Body):
    """Newer rows, and what is new about them."""

    deposit_id = fields.String(required=True)
    note = fields.String(required=True, validate=validate.Length(1, revisions.MAX_NOTE))


@selling.get("/products")
@access.member()
def list_products() -> Answer:
    """One's own products, newest first, or those in one state."""
    state = request.args.get("state")
    wanted = state if state in LISTING.states else None
    page = desk_queries.products(access.caller(), state=wanted, cursor=request.args.get("cursor"))
    return render_template("listings/products.html", page=page, wanted=wanted, states=_ORDER)


#: The states a seller looks for, as a version passes them.
_ORDER = (
    "draft", "submitted", "scanned", "in_review", "returned", "notice", "published", "suspended", "refused",
    "withdrawn",
)  # fmt: skip


@selling.get("/products/<product_id>")
@access.member()
def show_product(product_id: str) -> Answer:
    """One product: its versions and what each waits for."""
    return _page(product_id)


def _page(product_id: str) -> str:
    product = desk_queries.product(access.caller(), product_id)
    return render_template(
        "listings/product.html", product=product, checks=words.CHECKS, decisions=words.DECISIONS, results=words.RESULTS
    )


def _product_of(version_id: str) -> str:
    return str(desk_queries.draft(access.caller(), version_id)["product_id"])


@selling.post("/versions/<version_id>/withdraw")
@access.member(*_SELLING)
def withdraw(version_id: str) -> Answer:
    """Take a version back for good."""
    form = Form(None)
    made = form.submit(lambda _: versions.withdraw(access.actor(), version_id))
    if made is None:
        return form.answer(lambda: _page(_product_of(version_id)))
    return done(gettext("The version is withdrawn."), url_for(".show_product", product_id=made.product_id))


@selling.get("/versions/<version_id>/revise")
@access.member(*_SELLING)
def new_revision(version_id: str) -> Answer:
    """Choose newer rows for a published version."""
    return _revise(Form(ReviseForm), version_id)


@selling.post("/versions/<version_id>/revise")
@access.member(*_SELLING)
def revise(version_id: str) -> Answer:
    """Publish newer rows without review."""
    form = Form(ReviseForm)
    made = form.submit(lambda body: revisions.revise(access.actor(), version_id, **body))
    if made is None:
        return _revise(form, version_id)
    told = gettext("The revision is published, and its offers are open.")
    return done(told, url_for(".show_product", product_id=made.product_id))


def _revise(form: Form, version_id: str) -> Answer:
    draft = desk_queries.draft(access.caller(), version_id)
    files = [file for file in desk_queries.files(access.caller()) if file["id"] != draft["deposit_id"]]
    return form.page("listings/revise.html", draft=draft, files=files)


@selling.post("/offers/<offer_id>/close")
@access.member(*_SELLING)
def close_offer(offer_id: str) -> Answer:
    """Take an offer back."""
    form = Form(None)
    made = form.submit(lambda _: offers.close_offer(access.actor(), offer_id))
    if made is None:
        return form.answer(list_products)
    return done(gettext("The offer is closed."), url_for(".show_product", product_id=made.product_id))


# -- objecting --------------------------------------------------------------------------------------------------------


@objecting.get("/products/<product_id>/objections")
@access.signed_in
def new_objection(product_id: str) -> Answer:
    """What one objected to, and the form to object while the public notice lasts."""
    return _objections(Form(schemas.StatementBody), product_id)


@objecting.post("/products/<product_id>/objections")
@access.signed_in
def object_to(product_id: str) -> Answer:
    """Object to the version that is on public notice."""
    form = Form(schemas.StatementBody)
    made = form.submit(lambda body: notice.object_to(access.actor(), desk_queries.on_notice(product_id).id, **body))
    if made is None:
        return _objections(form, product_id)
    told = gettext(
        "Your objection is recorded. It is decided before anything is published, and the answer stands here."
    )
    return done(told, url_for(".new_objection", product_id=product_id))


def _objections(form: Form, product_id: str) -> Answer:
    version = desk_queries.public_version(product_id)
    own = desk_queries.own_objections(access.caller(), product_id)
    return form.page("listings/object.html", version=version, own=own)
