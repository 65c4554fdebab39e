"""The register of government data, for everybody, and the department's desk where its records are kept."""

from typing import Any

from flask import request, url_for
from flask_babel import gettext

from exchange.errors import NotFound
from exchange.web import access
from exchange.web.forms import Form
from exchange.web.views import Answer, done
from provenance import record_queries, record_schemas, records
from provenance.models import CatalogueRecord
from provenance.pages import room, rows
from provenance.records import RecordEntry
from provenance.states import OPEN_ATTRIBUTES

public = room("register", __name__, "/register")
desk = room("records", __name__, "/desk/records")
_KEEPING = access.member("owner")
_MAX_QUERY = 200


@public.get("")
@access.public
def index() -> Answer:
    """Records of the government catalogue: searched, and narrowed by department and open attribute."""
    asked: dict[str, Any] = {
        "q": request.args.get("q", "")[:_MAX_QUERY],
        "department_org_id": request.args.get("department") or None,
        "open_attribute": request.args.get("attribute") or None,
    }
    page = record_queries.catalogue_records(**asked, cursor=request.args.get("cursor"))
    holders = record_queries.record_holders()
    return Form(None).page(
        "provenance/register.html", page=page, asked=asked, holders=holders, attributes=OPEN_ATTRIBUTES
    )


@public.get("/<record_id>")
@access.public
def show(record_id: str) -> Answer:
    """One record."""
    record = record_queries.catalogue_record(record_id)
    holder = dict(record_queries.record_holders()).get(record.department_org_id, "")
    return Form(None).page("provenance/record.html", record=record, holder=holder)


@desk.get("")
@access.member()
def kept() -> Answer:
    """The department's own records."""
    page = record_queries.catalogue_records(
        department_org_id=access.actor().org_id or "", cursor=request.args.get("cursor")
    )
    return Form(None).page("provenance/records.html", page=page)


@desk.get("/new")
@_KEEPING
def new() -> Answer:
    """An empty record."""
    return _page(Form(record_schemas.RecordBody), None)


@desk.post("/new")
@_KEEPING
def add() -> Answer:
    """Enter the record; «one more column» comes back with another row, nothing saved yet."""
    form = Form(record_schemas.RecordBody)
    if "more" in request.args:
        return _page(form, None)
    made = form.submit(lambda entry: records.record_catalogue(access.actor(), entry))
    if made is None:
        return _page(form, None)
    return done(gettext("The record is entered."), url_for("register.show", record_id=made.id))


@desk.get("/<record_id>")
@_KEEPING
def edit(record_id: str) -> Answer:
    """One record of the own department."""
    record = _own(record_id)
    values = {name: getattr(record, name) for name in RecordEntry.__dataclass_fields__} | {"revision": record.revision}
    return _page(Form(record_schemas.RecordRevision, values=values), record_id)


@desk.post("/<record_id>")
@_KEEPING
def change(record_id: str) -> Answer:
    """Correct the record."""
    form = Form(record_schemas.RecordRevision)
    if "more" in request.args:
        return _page(form, record_id)
    made = form.submit(lambda body: records.revise_record(access.actor(), record_id, **body))
    if made is None:
        _own(record_id)
        return _page(form, record_id)
    return done(gettext("The record is corrected."), url_for("register.show", record_id=made.id))


def _own(record_id: str) -> CatalogueRecord:
    record = record_queries.catalogue_record(record_id)
    if record.department_org_id != access.actor().org_id:
        raise NotFound("There is no such %(kind)s.", kind="catalogue_record")
    return record


def _page(form: Form, record_id: str | None) -> Answer:
    return form.page(
        "provenance/record_form.html",
        record_id=record_id,
        rows=rows(form, "fields", "name", "description"),
        attributes=OPEN_ATTRIBUTES,
    )
