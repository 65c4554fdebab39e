"""House rules of four lines each."""

import ast
import re
import subprocess
import sys

import pytest
from architecture.source import ROOF, ROOT, imports, nodes, trees

import command
import wsgi
from exchange import gates, rules
from exchange.orm import Base, Bookkeeping, Journalled


def test_the_import_contracts_hold() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_nothing_imports_the_roof() -> None:
    offenders = [
        path for path in trees() if path not in ROOF and any(f"{m.split('.')[0]}.py" in ROOF for m in imports(path))
    ]
    assert offenders == []


def test_state_has_one_writer() -> None:
    """``exchange/db.py`` assigns it; nobody else does, by attribute, by name, in bulk or in SQL."""
    found = []
    for where, node in nodes(ast.AST):
        if where.startswith(("exchange/db.py", "settlement/sandbox/")):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Attribute) and target.attr == "state" for target in targets):
            found.append(where)
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name == "setattr" and isinstance(node.args[1], ast.Constant) and node.args[1].value == "state":
                found.append(where)
            if name == "values" and any(word.arg == "state" for word in node.keywords):
                found.append(where)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search(r"SET\s+state\b", node.value):
            found.append(where)
    assert [where for where in found if where.split(":")[0] not in OWN_STATE] == []


#: ``money_op`` is bookkeeping: its status is no life cycle of a subject, and one module writes it.
OWN_STATE = {"settlement/money.py"}


def test_a_subjects_first_state_is_not_chosen_by_its_maker() -> None:
    stateful = {mapper.class_.__name__ for mapper in Base.registry.mappers if hasattr(mapper.class_, "__lifecycle__")}
    offenders = [
        where
        for where, node in nodes(ast.Call)
        if getattr(node.func, "id", None) in stateful and any(word.arg == "state" for word in node.keywords)
    ]
    assert offenders == []


def test_verbs_do_not_call_verbs() -> None:
    verbs: dict[str, set[str]] = {}
    for path, tree in trees().items():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and any(getattr(d, "id", None) == "verb" for d in node.decorator_list):
                verbs.setdefault(path.removesuffix(".py").replace("/", "."), set()).add(node.name)
    offenders = []
    for path, tree in trees().items():
        module = path.removesuffix(".py").replace("/", ".")
        known = verbs.get(module, set()) | {m.rpartition(".")[2] for m in imports(path) if _is_verb(m, verbs)}
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name in verbs.get(module, set()):
                called = {c.func.id for c in ast.walk(node) if isinstance(c, ast.Call) and isinstance(c.func, ast.Name)}
                offenders += [f"{path}: {node.name} calls {name}" for name in called & known]
    assert verbs
    assert offenders == []


def _is_verb(dotted: str, verbs: dict[str, set[str]]) -> bool:
    module, _, name = dotted.rpartition(".")
    return name in verbs.get(module, set())


def test_no_floats_near_money() -> None:
    handling = [
        path for path in trees() if "exchange.money" in imports(path) or "exchange.money.Money" in imports(path)
    ]
    found = []
    for path in [*handling, "exchange/money.py"]:
        for node in ast.walk(trees()[path]):
            is_literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
            is_name = isinstance(node, ast.Name) and node.id in {"float", "Float", "Numeric"}
            is_division = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
            if is_literal or is_name or is_division:
                found.append(f"{path}:{node.lineno}")
    assert handling
    assert found == []


def test_no_money_column_holds_a_fraction() -> None:
    columns = [c for table in Base.metadata.tables.values() for c in table.columns]
    assert [str(c) for c in columns if re.search("FLOAT|REAL|NUMERIC|DOUBLE", str(c.type).upper())] == []


def test_the_environment_is_read_by_the_command_line_only() -> None:
    """No module looks at the environment when it loads; below the roof only what starts processes looks at all."""
    allowed = {*ROOF, "exchange/postgres_account.py", "exchange/postgres_server.py", "exchange/processes.py"}
    found = [
        where
        for where, node in nodes(ast.Attribute)
        if node.attr in {"environ", "getenv"} and getattr(node.value, "id", None) == "os"
    ]
    assert [where for where in found if where.split(":")[0] not in allowed] == []
    for path in allowed:
        top = [
            n
            for statement in trees()[path].body
            if not isinstance(statement, ast.FunctionDef | ast.ClassDef)
            for n in ast.walk(statement)
        ]
        assert not [n for n in top if isinstance(n, ast.Attribute) and n.attr in {"environ", "getenv"}], path


def test_exchange_knows_no_product_offer_or_order() -> None:
    """Its identifiers and ids speak of subjects; SQL's ORDER BY is no order."""
    words = {"product", "products", "offer", "offers", "order", "orders", "lot", "lots", "listing", "listings"}
    found = []
    for where, node in nodes(ast.AST, "exchange/"):
        if isinstance(node, ast.keyword):  # another library's word
            continue
        name = getattr(node, "id", None) or getattr(node, "attr", None) or getattr(node, "arg", None)
        name = name or (node.name if isinstance(node, ast.FunctionDef | ast.ClassDef) else None)
        if (
            isinstance(name, str)
            and name != "order_by"
            and words & set(re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower().split("_"))
        ):
            found.append(f"{where} {name}")
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and re.fullmatch("(prd|ver|off|ord|lot)_", node.value)
        ):
            found.append(f"{where} {node.value}")
    assert found == []


def test_no_assert_guards_the_running_system() -> None:
    assert [where for where, _ in nodes(ast.Assert)] == []


def test_every_table_is_journalled_or_says_why_not() -> None:
    for mapper in Base.registry.mappers:
        cls = mapper.class_
        assert issubclass(cls, Journalled) != issubclass(cls, Bookkeeping), cls
        if issubclass(cls, Journalled):
            assert cls.__subject__ in mapper.columns, cls
        else:
            assert cls.__bookkeeping__.strip(), cls


def test_every_template_exists() -> None:
    wanted = {
        node.args[0].value
        for _, node in nodes(ast.Call)
        if getattr(node.func, "id", None) == "render_template" and isinstance(node.args[0], ast.Constant)
    }
    assert wanted
    assert [name for name in wanted if not (ROOT / "templates" / name).is_file()] == []


@pytest.mark.parametrize("rule", [rule for rule in rules.pack().rules.values() if rule.implemented], ids=lambda r: r.id)
def test_an_implemented_rule_has_its_place_and_its_test(rule: rules.Rule) -> None:
    wsgi.rooms()
    assert rule.where
    for place in rule.where:
        assert _resolves(place), place
    if rule.kind is rules.Kind.GATE:
        assert gates.gates().get(rule.id), f"no gate is registered for {rule.id}"
    marked = re.compile(r"@?pytest\.mark\.rule\([^)]*\"" + re.escape(rule.id) + r"\"")
    assert any(marked.search(path.read_text()) for path in (ROOT / "tests").rglob("test_*.py"))


def test_no_gate_enforces_a_rule_that_is_called_unimplemented() -> None:
    wsgi.rooms()
    assert [rule_id for rule_id in gates.gates() if not rules.rule(rule_id).implemented] == []


def _resolves(dotted: str) -> bool:
    from importlib import import_module

    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for name in parts[end:]:
            found = getattr(found, name, None)
        return found is not None
    return False


def test_the_drawn_life_cycles_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["lifecycle", "draw"]) == 0
    assert capsys.readouterr().out.strip() in (ROOT / "docs" / "life-cycles.md").read_text(encoding="utf-8")
