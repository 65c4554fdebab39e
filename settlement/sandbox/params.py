"""Reading the parameters of a call, with Stripe's words for what is wrong with them.

A handler reads each parameter it honours and then calls ``Params.finish()``, which refuses every other one: what the
sandbox does not implement is never silently ignored.
"""

import re
from collections.abc import Iterable
from typing import Any

from exchange.money import EXPONENTS
from settlement.sandbox.errors import NotBegun

_INTEGER = re.compile(r"-?\d{1,18}")
_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")

#: https://docs.stripe.com/api/metadata
MAX_METADATA_KEYS, MAX_METADATA_KEY, MAX_METADATA_VALUE = 50, 40, 500

#: Smallest charge in minor units (https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts). The page
#: names none for the renminbi; the sandbox takes the Hong Kong dollar's.
MIN_CHARGE = {"cny": 400, "hkd": 400, "usd": 50, "eur": 50, "gbp": 30, "sgd": 50, "jpy": 50}

#: Amounts have at most eight digits (same page).
MAX_AMOUNT = 99_999_999


def nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Form fields such as ``a[b][0]=c`` as dicts within dicts; a list stays a dict by index (``[]`` counts up).

    Raises:
        NotBegun: A name is malformed, or is used both as a value and as a hash.
    """
    root: dict[str, Any] = {}
    for name, value in pairs:
        match = _KEY.fullmatch(name)
        if match is None:
            raise _invalid(name, f"Invalid parameter name: {name}")
        *parents, last = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
        here = root
        for parent in parents:
            here = here.setdefault(parent or str(len(here)), {})
            if not isinstance(here, dict):
                raise _invalid(name, f"Invalid {name}: used both as a value and as a hash")
        here[last or str(len(here))] = value
    return root


def _invalid(param: str, message: str, code: str | None = None) -> NotBegun:
    return NotBegun(400, message, code=code, param=param)


class Params:
    """One level of a call's parameters; ``path`` is where it stands in the whole."""

    def __init__(self, values: dict[str, Any], path: str = "") -> None:
        self._values = values
        self._path = path
        self._read: set[str] = set()

    @property
    def values(self) -> dict[str, Any]:
        """Everything given on this level, as it came."""
        return dict(self._values)

    def _name(self, name: str) -> str:
        return f"{self._path}[{name}]" if self._path else name

    def _take(self, name: str) -> Any:
        self._read.add(name)
        return self._values.get(name)

    def text(self, name: str) -> str | None:
        """A string, or nothing.

        Raises:
            NotBegun: It is empty, or a hash.
        """
        value = self._take(name)
        if isinstance(value, dict):
            raise _invalid(self._name(name), f"Invalid string: {value}")
        if value == "":
            raise _invalid(
                self._name(name),
                f"You passed an empty string for '{self._name(name)}'.",
                "parameter_invalid_empty",
            )
        return None if value is None else str(value)

    def required(self, name: str) -> str:
        """A string that must be there."""
        value = self.text(name)
        if value is None:
            raise self.missing(name)
        return value

    def missing(self, name: str) -> NotBegun:
        """The refusal when a parameter that must be there is not."""
        where = self._name(name)
        return _invalid(where, f"Missing required param: {where}.", "parameter_missing")

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """One of ``choices``; the first unless given."""
        value = self.text(name) or choices[0]
        if value not in choices:
            raise _invalid(self._name(name), f"Invalid {self._name(name)}: must be one of {', '.join(choices)}")
        return value

    def boolean(self, name: str) -> bool:
        """``true`` or ``false``; false unless given."""
        value = self.text(name)
        if value not in {None, "true", "false"}:
            raise _invalid(self._name(name), f"Invalid boolean: {value}")
        return value == "true"

    def integer(self, name: str, *, minimum: int = 1, maximum: int = MAX_AMOUNT) -> int | None:
        """A whole number within bounds, or nothing."""
        value = self.text(name)
        if value is None:
            return None
        where = self._name(name)
        if _INTEGER.fullmatch(value) is None:
            raise _invalid(where, f"Invalid integer: {value}", "parameter_invalid_integer")
        number = int(value)
        if number < minimum:
            raise _invalid(
                where, f"This value must be greater than or equal to {minimum}.", "parameter_invalid_integer"
            )
        if number > maximum:
            raise _invalid(where, f"{where} must be no more than {maximum}", "amount_too_large")
        return number

    def amount(self, name: str = "amount") -> int:
        """A positive amount in minor units that must be there."""
        number = self.integer(name)
        if number is None:
            raise self.missing(name)
        return number

    def currency(self, name: str = "currency") -> str:
        """A lower-case ISO 4217 code that must be there."""
        code = self.required(name).lower()
        if code.upper() not in EXPONENTS:
            raise _invalid(self._name(name), f"Invalid currency: {code}")
        return code

    def charge(self) -> tuple[int, str]:
        """Amount and currency of a charge, not below Stripe's minimum."""
        amount, currency = self.amount(), self.currency()
        check_minimum(amount, currency, self._name("amount"))
        return amount, currency

    def metadata(self) -> dict[str, str]:
        """The caller's own notes."""
        values = self._take("metadata") or {}
        if not isinstance(values, dict):
            raise _invalid("metadata", "Invalid hash: metadata")
        if len(values) > MAX_METADATA_KEYS:
            raise _invalid("metadata", f"Metadata can have at most {MAX_METADATA_KEYS} keys.")
        for key, value in values.items():
            if not isinstance(value, str) or len(key) > MAX_METADATA_KEY or len(value) > MAX_METADATA_VALUE:
                raise _invalid(f"metadata[{key}]", f"Invalid metadata: {key}")
        return values

    def hash(self, name: str) -> "Params":
        """The parameters one level down (none when it is absent); the caller finishes them, too."""
        value = self._take(name)
        if value is not None and not isinstance(value, dict):
            raise _invalid(self._name(name), f"Invalid hash: {self._name(name)}")
        return Params(value or {}, self._name(name))

    def texts(self, name: str) -> list[str]:
        """A list of strings, perhaps empty."""
        values = self.hash(name)
        return [values.required(index) for index in values.indices()]

    def hashes(self, name: str) -> list["Params"]:
        """A list of hashes, perhaps empty; the caller finishes each."""
        values = self.hash(name)
        return [values.hash(index) for index in values.indices()]

    def indices(self) -> list[str]:
        """The names on this level, which is a list, in the order of the list."""
        for name in self._values:
            if not name.isdecimal():
                raise _invalid(self._name(name), f"Invalid array: {self._path}")
        return sorted(self._values, key=int)

    def finish(self) -> None:
        """Refuse whatever was not read.

        Raises:
            NotBegun: With code ``parameter_unknown``.
        """
        for name in sorted(self._values.keys() - self._read):
            where = self._name(name)
            raise _invalid(where, f"Received unknown parameter: {where}", "parameter_unknown")


def check_minimum(amount: int, currency: str, param: str) -> None:
    """Refuse a charge below the currency's minimum (code ``amount_too_small``)."""
    if amount < MIN_CHARGE[currency]:
        raise _invalid(
            param, f"Amount must be at least {MIN_CHARGE[currency]} {currency} (minor units).", "amount_too_small"
        )
