"""A party's own entries, each with the proof that the log holds it: what the party keeps needs no trust in anybody."""

from exchange.actors import REGULATOR, Actor
from exchange.db import read
from exchange.errors import NotFound
from exchange.journal import canonical, proofs, queries
from exchange.journal.proofs import Proven
from exchange.oversight import scopes


def proof(actor: Actor, entry_id: str) -> Proven:
    """An entry of the actor's organisation: one it made itself, or one of a subject that is its own.

    What an organ did is not among them, whatever it was about: an organ tells a party what concerns it by serving it.

    Raises:
        NotFound: There is no such entry, or it is another party's.
        Unavailable: It is just being placed in the log.
    """
    with read() as session:
        told = queries.entry(session, entry_id)
        party = actor.org_id
        hidden = told.subject.startswith(scopes.APART) or canonical.loads(told.body)["role"] == REGULATOR
        own = party is not None and (told.org_id == party or scopes.belongs(session, told.subject, party))
        if hidden or not own:
            raise NotFound("The journal tells nothing of this.")
        return proofs.of_entry(session, entry_id)
