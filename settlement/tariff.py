"""The exchange's fee as published with its trading rules: a share of what the seller gets, fixed in each order."""

from typing import Final

#: Three hundredths.
DEFAULT_BASIS_POINTS: Final = 300
#: More than a fifth is a slip of the pen.
HIGHEST_BASIS_POINTS: Final = 2_000

_basis_points = DEFAULT_BASIS_POINTS


def bind(basis_points: int) -> None:
    """Charge ``basis_points`` (hundredths of a percent) on orders placed from now on.

    Raises:
        ValueError: Not from 0 to ``HIGHEST_BASIS_POINTS``.
    """
    global _basis_points  # noqa: PLW0603  (an exchange has one tariff)
    if not 0 <= basis_points <= HIGHEST_BASIS_POINTS:
        raise ValueError(f"a fee is from 0 to {HIGHEST_BASIS_POINTS} basis points")
    _basis_points = basis_points


def basis_points() -> int:
    """The fee of an order placed now; what an order was placed with stays with it."""
    return _basis_points
