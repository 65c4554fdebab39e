"""Which registered sources a table seems to be made from. A finding is a question to the seller, never a verdict."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from provenance.scan.contract import Result

LEAST_ROWS, LEAST_PERMILLE, LEAST_LIFT = 8, 50, 5
_COMMON = 3  # a token of so many sources belongs to none of them


@dataclass(frozen=True)
class Finding:
    """Rows of the upload that a source explains.

    Attributes:
        source: the source's name.
        kind: ``records`` (rows of the source), ``aggregate`` (groups of it).
        rows: rows of the upload, estimated from the sketch.
        permille: their share of the rows that the sketch can speak for.
        columns: pairs of a column of the upload and the source's column it agrees with.
        lift: how many times more pairs of cells agree than with the upload's columns shuffled.
    """

    source: str
    kind: str
    rows: int
    permille: int
    columns: tuple[tuple[str, str], ...]
    lift: int


def compare(upload: Result, sources: Mapping[str, Result]) -> list[Finding]:
    """The findings for the sketch ``upload`` against ``sources``, the strongest first."""
    findings = []
    for kind, part in (("records", "tokens"), ("aggregate", "aggregates")):
        spread = Counter(token for source in sources.values() for token in {one[0] for one in source[part]})
        for name, source in sources.items():
            own = {one[0]: one for one in source[part] if spread[one[0]] < _COMMON}
            if own and (found := _judge(upload, name, source, own, kind)):
                findings.append(found)
    rowwise = {found.source for found in findings if found.kind == "records"}
    kept = [found for found in findings if found.kind == "records" or found.source not in rowwise]
    return sorted(kept, key=lambda found: (-found.permille, found.source))


def _judge(upload: Result, name: str, source: Result, own: dict[int, list[int]], kind: str) -> Finding | None:
    shared = [one for one in upload["tokens"] if one[0] in own]
    votes: dict[tuple[int, int], int] = defaultdict(int)
    for token, _, first, second in shared:
        votes[first, own[token][2]] += 1
        votes[second, own[token][3]] += 1
    aligned: dict[int, int] = {}
    for mine, theirs in sorted(votes, key=lambda pair: -votes[pair]):
        if mine not in aligned and (kind == "aggregate" or theirs not in aligned.values()):
            aligned[mine] = theirs
    agreed = [one for one in shared if aligned.get(one[2]) == own[one[0]][2] and aligned.get(one[3]) == own[one[0]][3]]
    rows = len({one[1] for one in agreed})
    by_chance = sum(one[0] in own for one in upload["shuffled"])
    seen = len({one[1] for one in upload["tokens"]})
    if rows < LEAST_ROWS or rows * 1000 < LEAST_PERMILLE * seen or len(agreed) < LEAST_LIFT * by_chance:
        return None
    columns = tuple(
        (upload["columns"][mine], source["columns"][theirs])
        for mine, theirs in sorted(aligned.items())
        if any(mine in one[2:] for one in agreed)
    )
    estimate = max(rows, rows * upload["rows"] // seen)
    return Finding(name, kind, estimate, rows * 1000 // seen, columns, len(agreed) // max(1, by_chance))
