"""What scans of deposited goods have to ask of the declaration: suspicions, by what was found and what was declared."""

from collections.abc import Iterator, Mapping
from typing import Any

from provenance.findings import Suspicion
from provenance.models import Declaration
from provenance.states import ANONYMISED

#: Findings of one file that stand in the question; the whole report stands with the deposit.
MAX_COLUMNS = 20
#: Confidence that is worth a question.
_SURE = ("high", "medium")
_TOLD = ("column", "kind", "count", "share_permille", "confidence", "samples")


def of_scans(deposit_id: str, scans: Mapping[str, Any], declaration: Declaration) -> Iterator[Suspicion]:
    """The questions that a deposit's scans put to a declaration."""
    personal = scans.get("personal") or {}
    if personal.get("personal") and not declaration.personal_information:
        found = [one for one in personal["findings"] if one["confidence"] in _SURE and one["where"] != "name"]
        columns = [{name: one[name] for name in _TOLD} for one in found[:MAX_COLUMNS]]
        title = ", ".join(dict.fromkeys(str(one["column"]) for one in found[:MAX_COLUMNS]))
        yield Suspicion("personal", deposit_id, title, {"columns": columns}, key="personal information")
    anonymity = scans.get("anonymity") or {}
    if anonymity.get("linkage_risk") == "high" and declaration.ground == ANONYMISED:
        yield Suspicion("anonymity", deposit_id, _singled_out(anonymity), _evidence(anonymity), key="anonymity")


def _singled_out(anonymity: Mapping[str, Any]) -> str:
    columns = [name for one in anonymity["assessments"] for name in one["quasi_identifiers"]]
    columns += [one["column"] for one in anonymity["hashed"] if one["reversed"]]
    return ", ".join(list(dict.fromkeys(columns))[:MAX_COLUMNS])


def _evidence(anonymity: Mapping[str, Any]) -> dict[str, Any]:
    groups = [
        {
            "columns": one["quasi_identifiers"][:MAX_COLUMNS],
            "k": one["k"],
            "unique_rows": one["unique_rows"],
            "unique_permille": one["unique_permille"],
        }
        for one in anonymity["assessments"]
    ]
    hashed = [
        {"column": one["column"], "algorithm": one["algorithm"], "method": one["method"], "matched": one["matched"]}
        for one in anonymity["hashed"][:MAX_COLUMNS]
        if one["reversed"]
    ]
    return {"groups": groups, "hashed": hashed}
