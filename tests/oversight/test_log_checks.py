"""The page on which the auditor and the administrator see what the nightly check found."""

from datetime import timedelta
from pathlib import Path

import pytest
from conftest import Database
from opened import opened
from written import as_owner, seal, tell

from exchange import attest
from exchange.actors import Actor
from exchange.journal.nightly import Nightly
from exchange.web import access


def test_checks_are_shown_to_auditor_and_administrator(database: Database, tmp_path: Path) -> None:
    with opened(database, tmp_path) as site:
        site.let_in({role: Actor(f"per_{role}", "org_operator", frozenset({role})) for role in ROLES})
        client = site.client()
        client.set_cookie(access.COOKIE, "auditor")
        assert "No check yet" in client.get("/console/oversight/log?lang=en").text
        tell("ord_1aa", times=300)
        seal(database, attest.signer())
        run(database)
        sound = client.get("/console/oversight/log").text
        assert "Sound" in sound or "完好" in sound
        assert "300" in sound
        with as_owner(database, "journal_check") as owner:
            owner.execute("UPDATE journal_check SET started_at = started_at - interval '2 days'")
            owner.execute("DELETE FROM journal_entry WHERE seq = 7")
        run(database)
        found = client.get("/console/oversight/log").text
        assert "<code>entry.missing</code>" in found
        assert 'role="alert"' in found
        for role, status in (("administrator", 200), ("settlement_officer", 403), ("owner", 403)):
            client.set_cookie(access.COOKIE, role)
            assert client.get("/console/oversight/log").status_code == status, role


ROLES = ("auditor", "administrator", "settlement_officer", "owner")


def run(database: Database) -> None:
    work = Nightly(database.conninfo("app"), [attest.vkey()], first=timedelta())
    while work():
        pass


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_says_each_finding_in_the_readers_language(database: Database, tmp_path: Path, language: str) -> None:
    with opened(database, tmp_path) as site:
        site.let_in({"auditor": Actor("per_auditor", "org_operator", frozenset({"auditor"}))})
        tell("ord_1aa", times=3)
        seal(database, attest.signer())
        with as_owner(database) as owner:
            owner.execute("UPDATE journal_subject SET seq = 9")
        run(database)
        client = site.client()
        client.set_cookie(access.COOKIE, "auditor")
        page = client.get("/console/oversight/log", headers={"Accept-Language": language}).text
        assert {"en": "The counter of a subject", "zh": "事项的计数"}[language] in page
