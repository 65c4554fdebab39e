"""What a page can do the API can do: every form's verb has an operation of API v1, or stands below with its reason.

Read off the source: what a view names, itself or through what stands beside it in its module, is what it may call.
"""

import ast
import inspect
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from architecture.source import trees
from opened import Site

#: Forms whose verb is made of parts, so that no decorator tells it: the function that page and API both name.
WITHOUT_A_DECORATOR = {
    "account.change_password": "exchange.members.passwords.change_password",
    "account.confirm_second_factor": "exchange.members.accounts.confirm_second_factor",
    "account.end_other_sessions": "exchange.members.sessions.end_other_sessions",
    "account.end_session": "exchange.members.sessions.end_session",
    "account.enrol_second_factor": "exchange.members.accounts.enrol_second_factor",
    "account.new_recovery_codes": "exchange.members.sessions.new_recovery_codes",
    "account.replace_signing_key": "exchange.members.passwords.replace_signing_key",
    "account.switch_desk": "exchange.members.sessions.switch_desk",
    "catalogue.check_file": "listings.digest_checks.by_digest",
    "entrance.accept": "exchange.members.invitations.accept_invitation",
    "entrance.ask_reset": "exchange.members.passwords.ask_reset",
    "entrance.confirm_sign_up": "exchange.members.accounts.confirm_sign_up",
    "entrance.sign_in": "exchange.members.accounts.sign_in",
    "entrance.sign_out": "exchange.members.accounts.sign_out",
    "entrance.sign_up": "exchange.members.accounts.sign_up",
    "entrance.use_reset": "exchange.members.passwords.reset_password",
    "lots.ticket": "settlement.delivery.issue_ticket",
    "notifications.mark_read": "exchange.members.notifications.mark_read",
    "oversight.request_case_file": "exchange.oversight.case_files.request_case_file",
    "staff.appoint": "exchange.members.staff.appoint_staff",
    "trades.preview_order": "settlement.orders.preview",
    "voucher_check.check": "settlement.voucher_checks.by_text",
}
#: Forms without a counterpart of their own, each with the reason.
OF_PAGES_ONLY = {
    "demonstration.sign_in_with_one_click": "a page's way in, in demonstration mode only; the API signs in by password",
    "deposits.send_whole": "a browser without JavaScript sends a file at once; the API takes it in parts (tus)",
    "identity.read_document": "reads a sealed document through the page of its owner; the API reads it by GET",
    "voucher_check.find": "leads to the address of the number that was typed",
}
#: Verbs for one part of a draft, and the verb by which the API writes the whole of it.
BY_PARTS = dict.fromkeys(
    (
        "provenance.drafting.put_authorisation",
        "provenance.drafting.put_source",
        "provenance.drafting.remove_authorisation",
        "provenance.drafting.remove_source",
        "provenance.drafting.set_basis",
    ),
    "provenance.declarations.revise_declaration",
)


def test_what_a_page_can_do_the_api_can_do(site: Site) -> None:
    served = operations(site)
    for endpoint, named in actions(site):
        if endpoint in OF_PAGES_ONLY:
            continue
        called = (named & verbs()) or {WITHOUT_A_DECORATOR.get(endpoint, f"nothing known of {endpoint}")}
        assert called <= named, endpoint
        missing = {name for name in called if BY_PARTS.get(name, name) not in served}
        assert missing == set(), endpoint


def test_what_is_explained_here_is_still_so(site: Site) -> None:
    forms = dict(actions(site))
    served = operations(site)
    assert {*WITHOUT_A_DECORATOR, *OF_PAGES_ONLY} <= set(forms)
    assert [endpoint for endpoint in {*WITHOUT_A_DECORATOR, *OF_PAGES_ONLY} if forms[endpoint] & verbs()] == []
    assert [part for part in BY_PARTS if part in served] == []


def test_what_the_api_can_do_a_page_can_do(site: Site) -> None:
    """Nobody needs a program for what the exchange asks of them."""
    on_pages = {name for _, named in actions(site) for name in named}
    elsewhere = {
        "provenance.declarations.revise_declaration",  # pages write a draft part by part
        "provenance.drafting.bring_evidence",  # comes with its part
        "exchange.members.identity.read_document",  # read by the page through the page of its owner
        "settlement.dispute_files.read_evidence",  # a page reads by GET
        "exchange.db.advance_clock",  # of the demonstration
    }
    assert set(operations(site)) & verbs() - on_pages - elsewhere == set()


@cache
def verbs() -> frozenset[str]:
    """The dotted names of all verbs."""
    return frozenset(
        f"{_module(path)}.{node.name}"
        for path, tree in trees().items()
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and any(getattr(d, "id", None) == "verb" for d in node.decorator_list)
    )


def actions(site: Site) -> Iterator[tuple[str, frozenset[str]]]:
    """The endpoint of every form of a page, with what its view names."""
    for rule in site.app.url_map.iter_rules():
        if "POST" in (rule.methods or set()) and not rule.endpoint.startswith(("api_", "hooks.")):
            yield rule.endpoint, reached(site.app.view_functions[rule.endpoint])


def operations(site: Site) -> dict[str, set[str]]:
    """What the API's views name, each with their endpoints."""
    found: dict[str, set[str]] = {}
    for endpoint, view in site.app.view_functions.items():
        if endpoint.startswith("api_"):
            for name in reached(view):
                found.setdefault(name, set()).add(endpoint)
    return found


def reached(view: Callable[..., Any]) -> frozenset[str]:
    """What a view names, itself or through what stands in its module beside it, as dotted names."""
    view = inspect.unwrap(view)
    path = view.__module__.replace(".", "/") + ".py"
    if path not in trees():
        return frozenset()
    beside, known = _beside(path), _imported(path)
    seen: set[str] = set()
    todo, found = [view.__name__], set()
    while todo:
        name = todo.pop()
        if name in seen or name not in beside:
            continue
        seen.add(name)
        for node in ast.walk(beside[name]):
            if isinstance(node, ast.Name):
                todo.append(node.id)
                found.add(known.get(node.id, ""))
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                found.add(f"{known.get(node.value.id, '')}.{node.attr}")
    return frozenset(found)


@cache
def _beside(path: str) -> dict[str, ast.AST]:
    named: dict[str, ast.AST] = {}
    for node in trees()[path].body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            named[node.name] = node
        elif isinstance(node, ast.Assign):
            named |= {target.id: node.value for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            named[node.target.id] = node.value
    return named


@cache
def _imported(path: str) -> dict[str, str]:
    """The names that a module imports, each with what it stands for."""
    return {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(trees()[path])
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


def _module(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")
