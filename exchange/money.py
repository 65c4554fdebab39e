"""Amounts of money: an integer of minor units and a currency, never a float."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from exchange.errors import Invalid

#: Decimal places of the currencies the exchange takes (ISO 4217, minor unit).
EXPONENTS = {"CNY": 2, "HKD": 2, "USD": 2, "EUR": 2, "GBP": 2, "SGD": 2, "JPY": 0}

#: The largest amount in minor units; a bigint holds sums of millions of these.
MAX_MINOR = 10**15

_DECIMAL = re.compile(r"([0-9]{1,16})(?:\.([0-9]{1,4}))?")


@dataclass(frozen=True, slots=True)
class Money:
    """``minor`` units of ``currency`` (ISO 4217). Sums and differences of two currencies raise ``ValueError``."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise TypeError("an amount is an integer of minor units")
        if self.currency not in EXPONENTS:
            raise ValueError(f"unknown currency {self.currency!r}")

    @classmethod
    def parse(cls, text: str, currency: str) -> Self:
        """Read a plain decimal such as ``"1200.50"``.

        Raises:
            Invalid: An unknown currency, another notation, more decimals than the currency has, or too large.
        """
        if currency not in EXPONENTS:
            raise Invalid("The currency %(currency)s is not taken here.", code="unknown_currency", currency=currency)
        match = _DECIMAL.fullmatch(text)
        places = EXPONENTS[currency]
        if match is None or len(match[2] or "") > places:
            raise Invalid(
                "Write the amount as digits with at most %(places)s decimals.",
                code="invalid_amount",
                places=places,
            )
        minor = int(match[1]) * 10**places + int((match[2] or "").ljust(places, "0") or "0")
        if minor > MAX_MINOR:
            raise Invalid("The amount is too large.", code="invalid_amount")
        return cls(minor, currency)

    def __add__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(self.minor - other.minor, self.currency)

    def __lt__(self, other: "Money") -> bool:
        self._same(other)
        return self.minor < other.minor

    def __le__(self, other: "Money") -> bool:
        self._same(other)
        return self.minor <= other.minor

    def share(self, parts: int, of: int) -> "Money":
        """``parts`` of ``of`` equal parts, floored to a minor unit (what is left over stays with the rest)."""
        if not 0 <= parts <= of or of <= 0:
            raise ValueError("a share lies between nothing and the whole")
        return Money(self.minor * parts // of, self.currency)

    @property
    def decimal(self) -> Decimal:
        """The amount in the currency's own unit, exactly, for formatting."""
        return Decimal(self.minor).scaleb(-EXPONENTS[self.currency])

    def facts(self) -> dict[str, str]:
        """As a journal fact: both members are strings, so no reader can round them."""
        return {"minor": str(self.minor), "currency": self.currency}

    def __str__(self) -> str:
        places = EXPONENTS[self.currency]
        sign, digits = ("-" if self.minor < 0 else ""), str(abs(self.minor)).rjust(places + 1, "0")
        amount = f"{digits[:-places]}.{digits[-places:]}" if places else digits
        return f"{sign}{amount} {self.currency}"

    def _same(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not add up")
