"""One-click sign-in of demonstration people. Its routes exist in demonstration mode only."""

from typing import Any

from flask import Flask, request, url_for
from sqlalchemy import ForeignKey, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from exchange import clock
from exchange.actors import Actor
from exchange.db import engine, read, transaction
from exchange.errors import NotFound
from exchange.members import account_views, accounts
from exchange.members.accounts import SignedIn
from exchange.members.models import Person
from exchange.members.views import local_path
from exchange.orm import Base, Bookkeeping
from exchange.web import access
from exchange.web.languages import language
from exchange.web.views import Answer, blueprint

#: What every demonstration person's password is: it is asked for at each signature.
PASSWORD = "demonstration 2026"  # noqa: S105  (known to everybody who tries the demonstration)


class DemonstrationPerson(Base, Bookkeeping):
    """Somebody made by the demonstration, who may be signed in with one click there."""

    __tablename__ = "demonstration_person"
    __bookkeeping__ = "exists in demonstrations only"

    person_id: Mapped[str] = mapped_column(ForeignKey(Person.id), primary_key=True)
    place: Mapped[int]
    role: Mapped[str]
    name_zh: Mapped[str]
    name_en: Mapped[str]


def enter(person_id: str, place: int, role: str, *, name_zh: str, name_en: str) -> None:
    """List a person for one-click sign-in, ``place`` in the list.

    Raises:
        Forbidden: This is no demonstration.
    """
    clock.require_demonstration()
    row = {"person_id": person_id, "place": place, "role": role, "name_zh": name_zh, "name_en": name_en}
    with engine().begin() as connection:
        connection.execute(insert(DemonstrationPerson).values(row).on_conflict_do_nothing())


def listed() -> list[dict[str, Any]]:
    """The demonstration's people, in order, named in the reader's language."""
    name = DemonstrationPerson.name_en if language() == "en" else DemonstrationPerson.name_zh
    statement = select(DemonstrationPerson.person_id, DemonstrationPerson.role, name.label("name"))
    with read() as found:
        return [dict(row) for row in found.execute(statement.order_by(DemonstrationPerson.place)).mappings()]


def sign_in(person_id: str) -> SignedIn:
    """Open a session for a demonstration person, second factor and all.

    Raises:
        Forbidden: This is no demonstration.
        NotFound: Nobody of that id is listed.
    """
    clock.require_demonstration()
    with read() as found:
        if found.get(DemonstrationPerson, person_id) is None:
            raise NotFound("There is no such demonstration person.")
    with transaction(Actor(None, None, frozenset({accounts.VISITOR})), "sign_in_demonstration") as tx:
        return accounts.open_session(tx, person_id, None, passed=True)


pages = blueprint("demonstration", __name__, "/demonstration")


@pages.post("/sign-in/<person_id>")
@access.public
def sign_in_with_one_click(person_id: str) -> Answer:
    """Become a demonstration person, and go where that was asked for."""
    return account_views.enter(sign_in(person_id), local_path(request.args.get("next")) or url_for("desk.own"))


def init_app(app: Flask) -> None:
    """Serve one-click sign-in, and let the sign-in page list the people. Called in demonstration mode only."""
    app.register_blueprint(pages)
    app.jinja_env.globals.update(demonstration_people=listed, demonstration_password=PASSWORD)
