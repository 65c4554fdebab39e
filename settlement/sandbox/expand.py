"""Expansion of ids into objects (https://docs.stripe.com/api/expanding_objects)."""

from settlement.sandbox.errors import NotBegun
from settlement.sandbox.store import Call, Object

#: The members that hold an id of the calling account, and of what.
EXPANDABLE = {
    "balance_transaction": "balance_transaction",
    "charge": "charge",
    "latest_charge": "charge",
    "payment_intent": "payment_intent",
    "source_transaction": "charge",
    "transfer": "transfer",
}
MAX_DEPTH = 4


def expand(call: Call, body: Object, paths: list[str]) -> Object:
    """``body`` with the ids at these dotted paths replaced by their objects.

    Raises:
        NotBegun: A path is too deep or leads to nothing that expands.
    """
    for path in paths:
        names = path.split(".")
        if len(names) > MAX_DEPTH:
            raise NotBegun(400, f"You cannot expand more than {MAX_DEPTH} levels.", param="expand")
        _expand(call, body, names)
    return body


def _expand(call: Call, body: Object, names: list[str]) -> None:
    name, rest = names[0], names[1:]
    if body.get("object") == "list" and name == "data":
        for item in body["data"]:
            _expand(call, item, rest)
        return
    if name not in EXPANDABLE or name not in body:
        raise NotBegun(400, f"This property cannot be expanded ({name}).", param="expand")
    if isinstance(body[name], str):
        body[name] = call.get(EXPANDABLE[name], body[name])
    if rest and body[name] is not None:
        _expand(call, body[name], rest)
