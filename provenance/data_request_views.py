"""Requests for government data on pages: by when the department answers; the applicant reads along."""

from collections.abc import Callable
from typing import Any

from flask import request, url_for
from flask_babel import gettext

from exchange.web import access
from exchange.web.forms import Form
from exchange.web.views import Answer, done
from provenance import data_request_queries, data_requests
from provenance.data_request_schemas import ExtensionBody, ReceiptBody, RefusalBody
from provenance.models import DataRequest
from provenance.pages import room
from provenance.record_queries import catalogue_record
from provenance.states import ANSWER_DAYS, DATA_REQUEST

desk = room("data_requests", __name__, "/desk/data-requests")
_WRITING = access.member("owner", "trader")


@desk.get("")
@access.member()
def index() -> Answer:
    """Requests to or from the own organisation."""
    page = data_request_queries.data_requests(access.actor(), cursor=request.args.get("cursor"))
    return Form(None).page("provenance/data_requests.html", page=page)


@desk.get("/new")
@_WRITING
def new() -> Answer:
    """An empty receipt."""
    return _receipt(Form(ReceiptBody))


@desk.post("/new")
@_WRITING
def receive() -> Answer:
    """Record the receipt."""
    form = Form(ReceiptBody)
    made = form.submit(lambda receipt: data_requests.receive(access.actor(), receipt))
    if made is None:
        return _receipt(form)
    return done(gettext("The request is recorded; its period runs."), url_for(".show", request_id=made.id))


@desk.get("/<request_id>")
@access.member()
def show(request_id: str) -> Answer:
    """One request, and what may be done with it."""
    return _page(request_id, Form(None))


@desk.post("/<request_id>/extend")
@_WRITING
def extend(request_id: str) -> Answer:
    """Extend the period."""
    return _answer(request_id, Form(ExtensionBody), data_requests.extend)


@desk.post("/<request_id>/refuse")
@_WRITING
def refuse(request_id: str) -> Answer:
    """Record a refusal."""
    return _answer(request_id, Form(RefusalBody), data_requests.refuse)


@desk.post("/<request_id>/grant")
@_WRITING
def grant(request_id: str) -> Answer:
    """Record that it was granted."""
    data_requests.grant(access.actor(), request_id)
    return _recorded(request_id)


@desk.post("/<request_id>/withdraw")
@_WRITING
def withdraw(request_id: str) -> Answer:
    """Record that the applicant withdrew."""
    data_requests.withdraw(access.actor(), request_id)
    return _recorded(request_id)


def _answer(request_id: str, form: Form, verb: Callable[..., DataRequest]) -> Answer:
    made = form.submit(lambda body: verb(access.actor(), request_id, **body))
    return _page(request_id, form, asked=verb.__name__) if made is None else _recorded(request_id)


def _recorded(request_id: str) -> Answer:
    return done(gettext("That is recorded."), url_for(".show", request_id=request_id))


def _receipt(form: Form) -> Answer:
    return form.page("provenance/data_request_form.html", kinds=sorted(ANSWER_DAYS))


def _page(request_id: str, form: Form, asked: str = "") -> Answer:
    shown, actor = data_request_queries.data_request(access.actor(), request_id), access.actor()
    side = data_requests.side_of(shown, actor.org_id)
    writes = bool(actor.roles & {"owner", "trader"})
    said: dict[str, Any] = {
        "shown": shown,
        "asked": asked,
        "record": catalogue_record(shown.record_id),
        "actions": DATA_REQUEST.actions(shown.state, frozenset({side})) if writes else [],
        "most": ANSWER_DAYS[shown.kind],
    }
    return form.page("provenance/data_request.html", **said)
