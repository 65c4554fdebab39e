"""Pages of a party's declarations: the list, the guided draft in steps, the signature, and what was signed."""

from typing import Any

from flask import Response, request, url_for
from flask_babel import gettext

from exchange.clock import BEIJING
from exchange.errors import NotFound, WrongState
from exchange.web import access
from exchange.web.forms import Form
from exchange.web.views import Answer, done
from exchange.workdays import beijing_date
from provenance import declarations as declaring
from provenance import drafting, finding_queries, page_schemas, queries, record_queries, schemas
from provenance.declarations import Content
from provenance.downloads import download
from provenance.models import Authorisation, DeclaredSource
from provenance.pages import brought, room, rows
from provenance.states import AUTHORISED, GOVERNMENT_KINDS, SOURCE_KINDS
from provenance.terms import last_day

desk = room("declarations", __name__, "/desk/declarations")
_WRITING = access.member("owner", "trader")

#: What a source of each kind is asked beyond what every source is asked.
ASKED = {
    "government_open": ("record_id", "retrieved_at"),
    "government_authorised": ("record_id", "agreement_id"),
    "purchased_here": ("acquisition_id",),
    "purchased_elsewhere": ("external_number", "holder_org_id"),
    "shared": ("external_number", "holder_org_id"),
    "public": ("external_number", "holder_org_id"),
    "web": ("not_intrusive",),
}
#: Fields of a source that no form of its kind shows are carried along unseen.
_SPECIAL = ("record_id", "retrieved_at", "agreement_id", "acquisition_id", "external_number", "holder_org_id")


@desk.get("")
@access.member()
def index() -> Answer:
    """The party's declarations."""
    return _list(Form(None))


@desk.post("")
@_WRITING
def begin() -> Answer:
    """Begin an empty draft."""
    form = Form(None)
    made = form.submit(lambda _: declaring.declare(access.actor(), Content(sources=())))
    if made is None:
        return _list(form)
    return done("", url_for(".sources", declaration_id=made.id))


def _list(form: Form) -> Answer:
    page = queries.declarations(access.actor(), cursor=request.args.get("cursor"))
    return form.page("provenance/declarations.html", page=page)


@desk.get("/<declaration_id>")
@access.member()
def show(declaration_id: str) -> Answer:
    """One declaration: what it says, why it is classified as it is, and what changed."""
    return _show(Form(None), declaration_id)


def _show(form: Form, declaration_id: str) -> Answer:
    shown = queries.declaration(access.actor(), declaration_id)
    return form.page(
        "provenance/declaration.html",
        declaration=shown,
        steps=steps(shown, "sign") if shown["state"] == "draft" else None,
        **told(declaration_id, shown),
    )


def told(declaration_id: str, shown: dict[str, Any], purpose: str = "") -> dict[str, Any]:
    """What a page tells of a declaration beside its own words."""
    actor = access.actor()
    digests = [each.evidence_digest for each in (*shown["sources"], *shown["authorisations"]) if each.evidence_digest]
    if shown["anonymisation_evidence"] is not None:
        digests.append(shown["anonymisation_evidence"])
    return {
        "explanation": queries.explanation(actor, declaration_id, purpose=purpose),
        "graph": queries.lineage(actor, declaration_id, purpose=purpose),
        "difference": queries.difference(
            actor, declaration_id, since=request.args.get("since") or None, purpose=purpose
        ),
        "versions": queries.versions(actor, declaration_id),
        "kept": queries.evidence_kept(actor, declaration_id, digests),
        "undertaking": declaring.UNDERTAKING,
        "findings": finding_queries.against(declaration_id),
    }


@desk.get("/<declaration_id>/evidence/<digest>")
@access.member()
def evidence(declaration_id: str, digest: str) -> Response:
    """An evidence file, as a download."""
    return download(queries.evidence(access.actor(), declaration_id, digest))


# -- the steps of a draft -------------------------------------------------------------------------------------------


def steps(shown: dict[str, Any], here: str) -> list[tuple[str, str, str]]:
    """The steps of a draft with their addresses, and which are done."""
    named = {
        "sources": (gettext("Sources"), bool(shown["sources"])),
        "basis": (gettext("Ground and processing"), shown["ground"] is not None),
        "authorisations": (gettext("Authorisations"), bool(shown["authorisations"])),
        "sign": (gettext("Check and sign"), False),
    }
    if shown["ground"] != AUTHORISED and not shown["authorisations"]:
        del named["authorisations"]
    return [
        (
            label,
            url_for(f"declarations.{step}", declaration_id=shown["id"]),
            "here" if step == here else "done" if is_done else "todo",
        )
        for step, (label, is_done) in named.items()
    ]


def _draft(declaration_id: str) -> dict[str, Any]:
    shown = queries.declaration(access.actor(), declaration_id)
    if shown["state"] != "draft":
        raise WrongState("What is signed does not change; begin a new version instead.", code="not_a_draft")
    return shown


@desk.get("/<declaration_id>/sources")
@_WRITING
def sources(declaration_id: str) -> Answer:
    """Step 1: the sources so far, and which kind comes next."""
    return _sources_page(Form(None), declaration_id)


def _sources_page(form: Form, declaration_id: str) -> Answer:
    shown = _draft(declaration_id)
    return form.page("provenance/sources.html", declaration=shown, steps=steps(shown, "sources"), kinds=SOURCE_KINDS)


@desk.get("/<declaration_id>/sources/new")
@_WRITING
def new_source(declaration_id: str) -> Answer:
    """A source of the kind that was chosen, with what its catalogue record says if one was picked."""
    kind = request.args.get("kind", "")
    if kind not in SOURCE_KINDS:
        raise NotFound("There is no such %(kind)s.", kind="kind of source")
    values: dict[str, Any] = {"kind": kind}
    if request.args.get("record_id"):
        record = record_queries.catalogue_record(request.args["record_id"])
        holder = dict(record_queries.record_holders()).get(record.department_org_id, "")
        values |= {"record_id": record.id, "title": record.title_zh, "holder": holder}
    return _source_page(Form(page_schemas.SourceForm, values=values), declaration_id)


@desk.post("/<declaration_id>/sources/new")
@_WRITING
def add_source(declaration_id: str) -> Answer:
    """Add the source."""
    return _put_source(declaration_id, None)


@desk.get("/<declaration_id>/sources/<int:position>")
@_WRITING
def edit_source(declaration_id: str, position: int) -> Answer:
    """One source of the draft."""
    found = [source for source in _draft(declaration_id)["sources"] if source.position == position]
    if not found:
        raise NotFound("There is no such %(kind)s.", kind="source")
    return _source_page(Form(page_schemas.SourceForm, values=_source_values(found[0])), declaration_id, position)


@desk.post("/<declaration_id>/sources/<int:position>")
@_WRITING
def change_source(declaration_id: str, position: int) -> Answer:
    """Write the source anew."""
    return _put_source(declaration_id, position)


@desk.post("/<declaration_id>/sources/<int:position>/remove")
@_WRITING
def remove_source(declaration_id: str, position: int) -> Answer:
    """Take the source out."""
    form = Form(None)
    if form.submit(lambda _: drafting.remove_source(access.actor(), declaration_id, position)) is None:
        return _sources_page(form, declaration_id)
    return done(gettext("The source was taken out."), url_for(".sources", declaration_id=declaration_id))


def _put_source(declaration_id: str, position: int | None) -> Answer:
    form = Form(page_schemas.SourceForm)
    made = form.submit(
        lambda source: drafting.put_source(
            access.actor(), declaration_id, source, position=position, evidence=brought("evidence")
        )
    )
    if made is None:
        return _source_page(form, declaration_id, position)
    return done(gettext("The source is saved."), url_for(".sources", declaration_id=declaration_id))


def _source_page(form: Form, declaration_id: str, position: int | None = None) -> Answer:
    shown, actor = _draft(declaration_id), access.actor()
    kind = form.value("kind")
    asked = ASKED.get(kind, ())
    query = request.args.get("q", "")
    return form.page(
        "provenance/source.html",
        declaration=shown,
        steps=steps(shown, "sources"),
        kind=kind,
        position=position,
        asked=asked,
        carried=[name for name in _SPECIAL if name not in asked],
        agreements=queries.agreements(actor, limit=100).items if "agreement_id" in asked else (),
        acquisitions=record_queries.acquisitions(actor, limit=100).items if "acquisition_id" in asked else (),
        query=query,
        records=record_queries.catalogue_records(q=query, limit=8).items if query and kind in GOVERNMENT_KINDS else (),
    )


def _source_values(source: DeclaredSource) -> dict[str, Any]:
    values = {name: getattr(source, name) for name in declaring.Source.__dataclass_fields__}
    if source.evidence_digest is not None:
        values["evidence_digest"] = source.evidence_digest.hex()
    if source.retrieved_at is not None:
        values["retrieved_at"] = source.retrieved_at.astimezone(BEIJING).replace(tzinfo=None).isoformat("T", "minutes")
    return values


@desk.get("/<declaration_id>/basis")
@_WRITING
def basis(declaration_id: str) -> Answer:
    """Step 2: the ground and the processing."""
    shown = _draft(declaration_id)
    names = ("ground", "anonymisation_method", "processing_steps", "personal_information")
    values = {name: shown[name] for name in names}
    if shown["anonymisation_evidence"] is not None:
        values["anonymisation_evidence"] = shown["anonymisation_evidence"].hex()
    return _basis_page(Form(page_schemas.BasisForm, values=values), shown)


@desk.post("/<declaration_id>/basis")
@_WRITING
def set_basis(declaration_id: str) -> Answer:
    """Save step 2; «save and add a step» comes back to it with one more row."""
    form = Form(page_schemas.BasisForm)
    made = form.submit(
        lambda said: drafting.set_basis(access.actor(), declaration_id, said, evidence=brought("evidence"))
    )
    if made is None:
        return _basis_page(form, _draft(declaration_id))
    if "more" in request.args:
        return done(gettext("Saved."), url_for(".basis", declaration_id=declaration_id))
    step = "authorisations" if made.ground == AUTHORISED else "sign"
    return done(gettext("Saved."), url_for(f".{step}", declaration_id=declaration_id))


def _basis_page(form: Form, shown: dict[str, Any]) -> Answer:
    shown_rows = rows(form, "processing_steps", "name", "description")
    return form.page("provenance/basis.html", declaration=shown, steps=steps(shown, "basis"), rows=shown_rows)


@desk.get("/<declaration_id>/authorisations")
@_WRITING
def authorisations(declaration_id: str) -> Answer:
    """Step 3, on ground B: the authorisations so far."""
    return _authorisations_page(Form(None), declaration_id)


def _authorisations_page(form: Form, declaration_id: str) -> Answer:
    shown = _draft(declaration_id)
    return form.page("provenance/authorisations.html", declaration=shown, steps=steps(shown, "authorisations"))


@desk.get("/<declaration_id>/authorisations/new")
@_WRITING
def new_authorisation(declaration_id: str) -> Answer:
    """An empty authorisation."""
    return _authorisation_page(Form(page_schemas.GrantForm), declaration_id)


@desk.post("/<declaration_id>/authorisations/new")
@_WRITING
def add_authorisation(declaration_id: str) -> Answer:
    """Add the authorisation."""
    return _put_authorisation(declaration_id, None)


@desk.get("/<declaration_id>/authorisations/<authorisation_id>")
@_WRITING
def edit_authorisation(declaration_id: str, authorisation_id: str) -> Answer:
    """One authorisation of the draft."""
    found = [each for each in _draft(declaration_id)["authorisations"] if each.id == authorisation_id]
    if not found:
        raise NotFound("There is no such %(kind)s.", kind="authorisation")
    form = Form(page_schemas.GrantForm, values=_grant_values(found[0]))
    return _authorisation_page(form, declaration_id, authorisation_id)


@desk.post("/<declaration_id>/authorisations/<authorisation_id>")
@_WRITING
def change_authorisation(declaration_id: str, authorisation_id: str) -> Answer:
    """Write the authorisation anew."""
    return _put_authorisation(declaration_id, authorisation_id)


@desk.post("/<declaration_id>/authorisations/<authorisation_id>/remove")
@_WRITING
def remove_authorisation(declaration_id: str, authorisation_id: str) -> Answer:
    """Take the authorisation out."""
    form = Form(None)
    made = form.submit(lambda _: drafting.remove_authorisation(access.actor(), declaration_id, authorisation_id))
    if made is None:
        return _authorisations_page(form, declaration_id)
    return done(gettext("The authorisation was taken out."), url_for(".authorisations", declaration_id=declaration_id))


@desk.post("/<declaration_id>/authorisations/<authorisation_id>/withdraw")
@_WRITING
def withdraw(declaration_id: str, authorisation_id: str) -> Answer:
    """Record that the grantor withdrew it."""
    form = Form(schemas.ReasonBody, name=authorisation_id)
    made = form.submit(
        lambda body: declaring.withdraw_authorisation(access.actor(), declaration_id, authorisation_id, **body)
    )
    if made is None:
        return _show(form, declaration_id)
    return done(
        gettext("The withdrawal is recorded; new trades on this declaration stop."),
        url_for(".show", declaration_id=declaration_id),
    )


def _put_authorisation(declaration_id: str, authorisation_id: str | None) -> Answer:
    form = Form(page_schemas.GrantForm)
    made = form.submit(
        lambda grant: drafting.put_authorisation(
            access.actor(), declaration_id, grant, authorisation_id=authorisation_id, evidence=brought("evidence")
        )
    )
    if made is None:
        return _authorisation_page(form, declaration_id, authorisation_id)
    return done(gettext("The authorisation is saved."), url_for(".authorisations", declaration_id=declaration_id))


def _authorisation_page(form: Form, declaration_id: str, authorisation_id: str | None = None) -> Answer:
    shown = _draft(declaration_id)
    return form.page(
        "provenance/authorisation.html",
        declaration=shown,
        steps=steps(shown, "authorisations"),
        authorisation_id=authorisation_id,
    )


def _grant_values(row: Authorisation) -> dict[str, Any]:
    return {
        "grantor": row.grantor,
        "data": row.data,
        "columns": "\n".join(row.columns),
        "purposes": row.purposes,
        "onward_allowed": row.onward_allowed,
        "starts_on": beijing_date(row.starts_at),
        "ends_on": last_day(row.ends_at),
        "evidence_digest": row.evidence_digest.hex(),
    }


@desk.get("/<declaration_id>/sign")
@_WRITING
def sign(declaration_id: str) -> Answer:
    """The last step: everything that will be signed, on one page."""
    return _sign_page(Form(schemas.DeclarationSignature), declaration_id)


@desk.post("/<declaration_id>/sign")
@_WRITING
def put_signature(declaration_id: str) -> Answer:
    """Give the undertaking and sign."""
    form = Form(schemas.DeclarationSignature)
    made = form.submit(lambda body: declaring.sign_declaration(access.actor(), declaration_id, **body))
    if made is None:
        return _sign_page(form, declaration_id)
    return done(gettext("The declaration is signed."), url_for(".show", declaration_id=declaration_id))


def _sign_page(form: Form, declaration_id: str) -> Answer:
    shown = _draft(declaration_id)
    return form.page(
        "provenance/sign.html", declaration=shown, steps=steps(shown, "sign"), **told(declaration_id, shown)
    )


@desk.post("/<declaration_id>/renew")
@_WRITING
def renew(declaration_id: str) -> Answer:
    """Begin the next version."""
    form = Form(None)
    made = form.submit(lambda _: drafting.renew_declaration(access.actor(), declaration_id))
    if made is None:
        return _show(form, declaration_id)
    return done(
        gettext("A new version was begun with everything that still holds."),
        url_for(".sources", declaration_id=made.id),
    )
