from market import market

__all__ = ["market"]
