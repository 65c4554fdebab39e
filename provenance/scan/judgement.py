"""Which of the finds in a column are reported, and how sure: by name, by neighbours, by how many are of the form.

Of numbers of eleven digits that begin with 1 most are mobile numbers by form, and one in ten of any length passes Luhn:
so finds are set against the candidates they came from. Finds that chance explains are not reported.
"""

from dataclasses import dataclass, field

from provenance.scan import columns

HIGH, MEDIUM, LOW = "high", "medium", "low"
SENSITIVE = frozenset({"resident_id", "bank_card", "passport", "permit"})  # Art. 28 PIPL: identity, finance
#: Kinds that belong to one person when they are sure; a company's code, an office's number or an IP need not.
PERSONAL = frozenset({"resident_id", "mobile", "bank_card", "passport", "permit", "name"})
_NEARLY_ALL, _MOST, _HALF, _SOME, _RARE = 950, 800, 500, 200, 100  # per mille
_FEW = 5
_SIGMAS = 4
_SMALL_OCTETS = "0123456789."


@dataclass
class Tally:
    """What was found of one kind in one column."""

    rows: int = 0
    finds: int = 0
    whole: int = 0
    candidates: int = 0
    usual: int = 0
    lowest: int | None = None
    highest: int | None = None
    heads: set[str] = field(default_factory=set)
    samples: list[str] = field(default_factory=list)

    def note(self, low: int, high: int) -> None:
        """Widen the range of the numbers found."""
        self.lowest = low if self.lowest is None else min(low, self.lowest)
        self.highest = high if self.highest is None else max(high, self.highest)


def share(part: int, whole: int) -> int:
    """In per mille, rounded down; of nothing, 0."""
    return part * 1000 // whole if whole else 0


def judge(kind: str, tally: Tally, name: str, present: int) -> tuple[str, list[str]] | None:
    """The confidence and the evidence for it, or None where chance explains the finds.

    Args:
        kind: What the finds have the form of.
        tally: The finds.
        name: The column's name.
        present: Values of the column that are not null.
    """
    named = columns.says(name, kind)
    of_form, of_column = share(tally.finds, tally.candidates), share(tally.rows, present)
    evidence = ["column_name"] if named else []
    judged = _JUDGES[kind](_Case(tally, named, of_form, of_column))
    if judged is None:
        return None
    confidence, found = judged
    return confidence, evidence + found


@dataclass(frozen=True)
class _Case:
    """What the judges look at; shares in per mille."""

    tally: Tally
    named: bool
    of_form: int
    of_column: int


_Judged = tuple[str, list[str]] | None


def _checked(case: _Case) -> _Judged:
    """Identity numbers: region, date and check digit together pass by chance once in a hundred thousand."""
    by_chance = not case.named and case.tally.candidates > 1000 and case.tally.finds * 5000 < case.tally.candidates  # noqa: PLR2004
    return None if by_chance else (HIGH, ["checksum"])


def _mobile(case: _Case) -> _Judged:
    if case.named:
        return HIGH, ["format"]
    if case.tally.whole > case.tally.finds // 2:
        span = (case.tally.highest or 0) - (case.tally.lowest or 0)
        if case.tally.whole >= _FEW and span < 2 * case.tally.whole:
            return LOW, ["format", "consecutive"]
        if case.of_form < _NEARLY_ALL:
            return (LOW, ["format"]) if case.of_form >= _HALF else None
        return (HIGH if case.tally.whole >= 4 * _FEW else MEDIUM), ["format", "almost_all_fit"]
    if case.of_form < _SOME:
        return None
    return (HIGH if case.of_form >= _NEARLY_ALL else MEDIUM), ["format", "in_text"]


def _card(case: _Case) -> _Judged:
    if case.named or (case.of_form >= _MOST and case.tally.finds >= _FEW):
        return HIGH, ["checksum", "issuer"]
    if case.of_form >= _HALF:
        return MEDIUM, ["checksum", "issuer"]
    expected = case.tally.candidates / 10
    beyond = case.tally.finds > expected + _SIGMAS * (expected * 0.9) ** 0.5
    return (LOW, ["checksum", "more_than_chance"]) if beyond else None


def _uscc(case: _Case) -> _Judged:
    if case.named or case.of_form >= _HALF:
        return HIGH, ["checksum"]
    return (MEDIUM, ["checksum"]) if case.of_form >= _RARE else None


def _document(case: _Case) -> _Judged:
    if case.named:
        return HIGH, ["format"]
    return (MEDIUM, ["format"]) if case.of_column >= _MOST and case.tally.whole >= _FEW else None


def _email(_case: _Case) -> _Judged:
    return HIGH, ["format"]


def _ip(case: _Case) -> _Judged:
    if case.named:
        return HIGH, ["format"]
    return (MEDIUM if case.of_column >= _HALF and len(case.tally.heads) >= _FEW else LOW), ["format"]


def _usual(case: _Case) -> _Judged:
    """Plates, landlines and addresses: their form is seldom met by chance."""
    return (HIGH if case.named or case.of_column >= _HALF else MEDIUM), ["format"]


def _name(case: _Case) -> _Judged:
    if case.tally.whole == 0:  # names in free text, each with a word beside it that speaks for it
        return (MEDIUM, ["words_beside"]) if case.tally.rows >= _FEW or case.named else (LOW, ["words_beside"])
    usual = share(case.tally.usual, case.tally.whole)
    if case.named and case.of_column >= _SOME and usual >= _SOME:
        # «name» is also what places and goods are called by: some of them begin like surnames
        return (HIGH, ["surname"]) if case.of_column >= _HALF else None
    if case.of_column >= _MOST and usual >= _HALF and len(case.tally.heads) >= _FEW:
        return (HIGH if case.tally.whole >= 4 * _FEW else MEDIUM), ["surname", "given_name"]
    return None


_JUDGES = {
    "resident_id": _checked, "mobile": _mobile, "bank_card": _card, "uscc": _uscc, "passport": _document,
    "permit": _document, "landline": _usual, "plate": _usual, "email": _email, "ip": _ip, "address": _usual,
    "name": _name,
}  # fmt: skip
KINDS = tuple(_JUDGES)
