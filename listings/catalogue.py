"""The public catalogue, and a product's page."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from flask import render_template, request
from flask_babel import gettext
from marshmallow import ValidationError, fields, validate
from sqlalchemy.orm import Session

from exchange.actors import Actor
from exchange.db import engine, read
from exchange.marks import N_, Words
from exchange.web import access
from exchange.web.api import Body
from exchange.web.desk import NavItem
from exchange.web.field_messages import translated
from exchange.web.forms import Form
from exchange.web.languages import language
from exchange.web.views import Answer, blueprint
from listings import digest_checks, product_page, search, visitor_pages
from listings.feeds.croissant import croissant
from listings.feeds.facts import ProductFacts, product_facts
from listings.feeds.views import base_url, feeds
from listings.search import FACETS, MAX_SEARCH, Search
from listings.search_schemas import MANY, SearchQuery
from listings.states import CATEGORIES
from provenance.lineage import rows_behind
from provenance.purposes import PURPOSES
from provenance.vocabulary import KINDS

catalogue = blueprint("catalogue", __name__)
blps = [catalogue, feeds]
NAV = (NavItem("public", N_("Catalogue"), "catalogue.list_products", place=10),)

#: Facets of the form, in the order they stand there.
HEADINGS: Words = {
    "category": N_("Industry"),
    "origin": N_("Origin"),
    "source": N_("Kind of source"),
    "format": N_("Format"),
    "grade": N_("Grade"),
    "delivery": N_("Delivery"),
    "channel": N_("Traded"),
}
VALUES: Words = {
    "origin:government": N_("Made with government data"),
    "origin:other": N_("No government data"),
    "format:csv": "CSV",
    "format:jsonl": "JSON Lines",
    "format:parquet": "Parquet",
    "grade:general": N_("General data"),
    "grade:important": N_("Important data"),
    "grade:core": N_("Core data"),
    "delivery:deposit": N_("At once, from deposit"),
    "delivery:on_order": N_("Made on order"),
    "channel:exchange": N_("At this exchange"),
    "channel:other_exchange": N_("At another exchange"),
    "channel:direct": N_("Directly between the parties"),
}
TYPES: Words = {
    "integer": N_("whole number"),
    "number": N_("number"),
    "text": N_("text"),
    "boolean": N_("yes or no"),
    "date": N_("date"),
    "timestamp": N_("date and time"),
    "timestamptz": N_("instant"),
}
CURRENCIES = ("CNY", "HKD", "USD", "EUR", "GBP", "SGD", "JPY")
#: Roles in which a member orders.
_BUYING = frozenset({"owner", "trader"})


@catalogue.get("/catalogue")
@access.public
def list_products() -> Answer:
    """What is published, or on public notice: searched, chosen by facets, newest first."""
    asked, wrong = _asked()
    wanted: Search = asked["wanted"]
    with read() as session:
        page = search.products(session, wanted, cursor=request.args.get("cursor"))
        counts = search.count(session, wanted)
    return render_template(
        "listings/catalogue/list.html",
        cards=[_told(card) for card in page.items],
        page=page,
        counts=counts,
        counted=search.COUNTED,
        wanted=wanted,
        facets=_facets(wanted, counts),
        chosen=_chosen(wanted),
        wrong=wrong,
        currencies=CURRENCIES,
    )


@catalogue.get("/products/<product_id>")
@access.public
def show_product(product_id: str) -> Answer:
    """Everything about a product that everybody may know, and its offers."""
    actor = access.caller()

    def make() -> str:
        with read() as session:
            return _product_page(actor, product_facts(session, product_id, base_url()))

    if actor.person_id is not None:
        return make()
    with engine().connect() as connection:
        row = product_page.row_of(connection, product_id)
        behind = [] if row["declaration_id"] is None else rows_behind(connection, row["declaration_id"])
    if _on_notice(row):  # its page counts down
        return make()
    return visitor_pages.kept((row, behind), make)


def _on_notice(row: Mapping[str, Any]) -> bool:
    return row["state"] == "notice" or any(one["state"] == "notice" for one in row["history"])


def _product_page(actor: Actor, facts: ProductFacts) -> str:
    return render_template(
        "listings/catalogue/product.html",
        product=facts.page,
        origin=facts.origin,
        graph=facts.lineage,
        croissant=croissant(facts),
        categories=CATEGORIES,
        purposes=PURPOSES,
        types=TYPES,
        values=VALUES,
        reader_is=_reader(actor, facts.page["org_id"]),
    )


class DigestForm(Body):
    """The file to check."""

    digest = fields.String(required=True, validate=validate.Length(1, 80))


@catalogue.get("/files/check")
@access.public
def show_file_check() -> Answer:
    """The form to check a file with."""
    return Form(DigestForm).page("listings/catalogue/digest.html", asked=False, known=None)


@catalogue.post("/files/check")
@access.public
def check_file() -> Answer:
    """Whether a file with this digest must be traded at an exchange."""
    form = Form(DigestForm)
    answer = form.submit(lambda body: (digest_checks.by_digest(body["digest"]),))
    return form.page("listings/catalogue/digest.html", asked=answer is not None, known=answer[0] if answer else None)


# -- what is asked ----------------------------------------------------------------------------------------------------


def _asked() -> tuple[dict[str, Any], dict[str, list[str]]]:
    """The search that the address asks for, and what is wrong with it, by field; what is wrong is left out.

    An address is typed, shortened and passed on: nothing in it stops the page.
    """
    known = {name: [value for value in request.args.getlist(name) if value in FACETS[name]] for name in MANY}
    asked: dict[str, Any] = {**known, "q": request.args.get("q", "")[:MAX_SEARCH]}
    for name in ("state", "currency", "price_from", "price_to"):
        value = request.args.get(name, "").strip()
        if value:
            asked[name] = value
    schema = SearchQuery()
    try:
        return schema.load(asked), {}
    except ValidationError as error:
        wrong = translated(error.normalized_messages())  # type: ignore[no-untyped-call]
        return schema.load({name: value for name, value in asked.items() if name in {*MANY, "q"}}), wrong


def _facets(wanted: Search, counts: search.Counts) -> list[dict[str, Any]]:
    """The facets of the form: the values found or chosen, those found most often first."""
    shown = []
    for name, heading in HEADINGS.items():
        found = counts.facets.get(name, {})
        chosen = wanted.chosen.get(name, ())
        values = sorted({*found, *chosen}, key=lambda value: (-found.get(value, 0), value))
        if values:
            options = [(value, label(name, value), found.get(value, 0), value in chosen) for value in values]
            shown.append({"name": name, "heading": gettext(heading), "options": options, "open": bool(chosen)})
    return shown


def _chosen(wanted: Search) -> list[tuple[str, str]]:
    """What is chosen, in words, each with the address of this search without it."""
    picked = [
        (label(name, value), _without(name, value=value))
        for name, values in wanted.chosen.items()
        for value in values
        if name != "currency" or not (wanted.price_from or wanted.price_to)
    ]
    if wanted.text.strip():
        picked.insert(0, (f"“{wanted.text.strip()}”", _without("q")))
    if wanted.price_from or wanted.price_to:
        picked.append((gettext("Price"), _without("price_from", "price_to")))
    return picked


def label(name: str, value: str) -> str:
    """A value of a facet in words."""
    if name == "category":
        chinese, english = CATEGORIES[value]
        return chinese if language() == "zh" else english
    if name == "source":
        return KINDS[value].in_lang(language())
    return str(gettext(VALUES[f"{name}:{value}"])) if name != "currency" else value


def _without(*names: str, value: str | None = None) -> str:
    """This search's address without some members of its query, or without one value of one."""
    kept = [
        (name, each)
        for name, each in request.args.items(multi=True)
        if name not in {"cursor", "lang"} and not (name in names and value in {None, each})
    ]
    return f"{request.path}?{urlencode(kept)}" if kept else request.path


# -- who reads --------------------------------------------------------------------------------------------------------


def _reader(actor: Actor, seller_id: str) -> str:
    """What the reader is to the product: ``visitor``, ``seller``, ``buyer``, or ``other`` (who orders nothing)."""
    if actor.person_id is None:
        return "visitor"
    if actor.org_id == seller_id:
        return "seller"
    return "buyer" if _BUYING & actor.roles else "other"


def newest(session: Session, limit: int = 6) -> Sequence[dict[str, Any]]:
    """Cards of what was published last, for ``listings/catalogue/_newest.html`` (as ``newest``)."""
    return [_told(card) for card in search.newest(session, limit)]


def _told(card: dict[str, Any]) -> dict[str, Any]:
    """A card with its codes in words."""
    kinds = [label("source", kind) for kind in card["source_kinds"]]
    return card | {"field": label("category", card["category"]), "kinds": kinds}
