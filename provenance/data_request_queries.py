"""Reads of requests for government data: a party's own, and for reviewers those that are overdue."""

from sqlalchemy import or_, select

from exchange import clock
from exchange.actors import Actor
from exchange.db import read
from exchange.web.paging import DEFAULT_LIMIT, Page, page
from provenance.data_requests import side_of
from provenance.models import DataRequest
from provenance.record_queries import got

#: Staff who see what is overdue.
READERS = frozenset({"compliance_reviewer", "auditor"})


def data_request(actor: Actor, request_id: str) -> DataRequest:
    """One request, for its two sides.

    Raises:
        NotFound: It is none of the actor's organisation.
    """
    with read() as session:
        request = got(session.get(DataRequest, request_id), "data_request")
        side_of(request, actor.org_id)
        return request


def data_requests(actor: Actor, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[DataRequest]:
    """Requests to or from the actor's organisation, newest first."""
    own = or_(DataRequest.department_org_id == actor.org_id, DataRequest.applicant_org_id == actor.org_id)
    statement = select(DataRequest.id, DataRequest).where(own)
    with read() as session:
        return page(session, statement, [DataRequest.id], cursor=cursor, limit=limit, shape=lambda row: row[1])


def overdue(actor: Actor, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[DataRequest]:
    """For reviewers: requests whose period is over without an answer, newest first.

    Raises:
        Forbidden: The actor is neither a reviewer nor an auditor.
    """
    actor.need(*sorted(READERS))
    statement = select(DataRequest.id, DataRequest).where(
        DataRequest.state.in_(("received", "extended")), DataRequest.due_at <= clock.now()
    )
    with read() as session:
        return page(session, statement, [DataRequest.id], cursor=cursor, limit=limit, shape=lambda row: row[1])
