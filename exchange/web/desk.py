"""Desks: the menus of the three kinds of signed-in people, and what waits for each of them, by deadline.

Rooms hang in by two names in their modules with pages: ``NAV``, entries of a menu, and ``INBOX``, functions that find
what waits for somebody. ``exchange`` knows none of them by name.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import ModuleType
from typing import Literal

from flask import Blueprint, Flask, current_app, redirect, render_template, url_for
from flask_babel import gettext
from sqlalchemy.orm import Session

from exchange.actors import MEMBER_ROLES, REGULATOR, STAFF_ROLES, Actor
from exchange.db import read
from exchange.marks import N_
from exchange.web import access
from exchange.web.views import Answer

Desk = Literal["desk", "console", "oversight"]
_EXTENSION = "databourse.desks"
#: Who sits at which desk.
DESKS: dict[Desk, frozenset[str]] = {
    "desk": MEMBER_ROLES,
    "console": STAFF_ROLES,
    "oversight": frozenset({REGULATOR}),
}
#: More than this waits on the pages of its own room.
INBOX_LIMIT = 50


@dataclass(frozen=True, slots=True)
class NavItem:
    """An entry of a menu: of a desk, of everybody (``public``) or beside the reader's name (``own``).

    ``label`` is a marked message, ``roles`` who sees it (everybody there if empty).
    """

    desk: Desk | Literal["public", "own"]
    label: str
    endpoint: str
    roles: frozenset[str] = frozenset()
    place: int = 50


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that waits for the reader: ``title`` in the reader's language, ``due_at`` if there is a deadline."""

    subject: str
    title: str
    url: str
    due_at: datetime | None
    since: datetime


#: Finds what waits for an actor: a few rows by an indexed query.
Provider = Callable[[Session, Actor], Iterable[Waiting]]


@dataclass(frozen=True, slots=True)
class _Desks:
    menu: Sequence[NavItem]
    inbox: Sequence[Provider]


blueprint = Blueprint("desk", __name__)
NAV = (
    NavItem("desk", N_("Inbox"), "desk.party", place=0),
    NavItem("console", N_("Console"), "desk.console", place=0),
    NavItem("public", N_("Rules"), "pages.duties", place=80),
    NavItem("public", N_("The log"), "pages.log", place=90),
)


def init_app(app: Flask, faces: Iterable[ModuleType]) -> None:
    """Register the rooms' pages, menus and inboxes."""
    menu: list[NavItem] = [*NAV]
    inbox: list[Provider] = []
    app.register_blueprint(blueprint)
    for face in faces:
        for part in face.blps:
            app.register_blueprint(part)
        menu += getattr(face, "NAV", ())
        inbox += getattr(face, "INBOX", ())
    app.extensions[_EXTENSION] = _Desks(sorted(menu, key=lambda item: item.place), inbox)
    app.jinja_env.globals.update(
        desk_of=desk_of, menu=menu_of_reader, reader=access.caller, public_menu=public_menu, own_menu=own_menu
    )


def desk_of(roles: frozenset[str]) -> Desk | None:
    """The desk of somebody in ``roles``; ``None`` for visitors and those who have no seat yet."""
    return next((desk for desk, seats in DESKS.items() if seats & roles), None)


def home_of(roles: frozenset[str]) -> str:
    """The address of the first page of somebody in ``roles``."""
    desk = desk_of(roles)
    return f"/{desk}" if desk else url_for("pages.home")


def menu_of_reader() -> list[NavItem]:
    """The menu of the reader's desk."""
    roles = access.caller().roles
    desk = desk_of(roles)
    items = current_app.extensions[_EXTENSION].menu
    return [item for item in items if item.desk == desk and (not item.roles or item.roles & roles)]


def public_menu() -> list[tuple[str, str]]:
    """What everybody may read: label and address."""
    return _entries("public")


def own_menu() -> list[tuple[str, str]]:
    """What belongs to the reader alone: label and address."""
    return _entries("own")


def _entries(menu: str) -> list[tuple[str, str]]:
    roles = access.caller().roles
    items: Sequence[NavItem] = current_app.extensions[_EXTENSION].menu
    return [
        (gettext(item.label), url_for(item.endpoint))
        for item in items
        if item.desk == menu and (not item.roles or item.roles & roles)
    ]


def waiting() -> list[Waiting]:
    """What waits for the reader: what has a deadline first, the nearest first; then the oldest."""
    actor = access.caller()
    with read() as session:
        found = [item for provider in current_app.extensions[_EXTENSION].inbox for item in provider(session, actor)]
    dated = sorted((item for item in found if item.due_at is not None), key=lambda item: item.due_at or item.since)
    undated = sorted((item for item in found if item.due_at is None), key=lambda item: item.since)
    return [*dated, *undated][:INBOX_LIMIT]


@blueprint.get("/desk")
@access.member()
def party() -> Answer:
    """What waits for a member."""
    return render_template("exchange/desk.html", waiting=waiting(), title=gettext("Inbox"))


@blueprint.get("/console")
@access.staff()
def console() -> Answer:
    """What waits for the operator's staff."""
    return render_template("exchange/desk.html", waiting=waiting(), title=gettext("Console"))


@blueprint.get("/home")
@access.signed_in
def own() -> Answer:
    """To the reader's own desk."""
    return redirect(home_of(access.caller().roles), 303)
