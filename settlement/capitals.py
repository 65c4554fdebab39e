"""Amounts in the capital numerals of Chinese financial documents (大写), which cannot be altered by a stroke.

After 《支付结算办法》 annex 1 (正确填写票据和结算凭证的基本规定): «整» after yuan or jiao, one «零» for a run of zeros,
the units 万 and 亿 for every fourth place.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from exchange.money import EXPONENTS, Money

_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("", "拾", "佰", "仟")
_MYRIADS = ("", "万", "亿", "万亿")
_MYRIAD: Final = 10_000
#: Currency to its name, which stands before the figures of an amount.
_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "CNY": "人民币",
        "HKD": "港币",
        "USD": "美元",
        "EUR": "欧元",
        "GBP": "英镑",
        "SGD": "新加坡元",
        "JPY": "日元",
    }
)


def capitals(amount: Money) -> str:
    """``amount`` in capitals: ``港币壹仟贰佰元整``, ``人民币壹拾元零伍分``.

    Raises:
        ValueError: The amount is negative, or reaches 10^16 of its currency's units.
    """
    places = EXPONENTS[amount.currency]
    whole, part = divmod(amount.minor, 10**places)
    if amount.minor < 0 or whole >= _MYRIAD ** len(_MYRIADS):
        raise ValueError("the amount has no form in capitals")
    jiao, fen = divmod(part, 10)
    name, yuan = _NAMES[amount.currency], _whole(whole)
    if not part:
        return f"{name}{yuan or '零'}元整"
    written = f"{yuan}元" if yuan else ""
    if jiao:
        written += ("零" if yuan and whole % 10 == 0 else "") + f"{_DIGITS[jiao]}角"
    elif yuan:
        written += "零"
    return f"{name}{written}{_DIGITS[fen]}分" if fen else f"{name}{written}整"


def _whole(number: int) -> str:
    """The digits of a whole number, empty for zero."""
    written, gap = "", False
    for power in range(len(_MYRIADS) - 1, -1, -1):
        group = number // _MYRIAD**power % _MYRIAD
        if not group:
            gap = gap or bool(written)
            continue
        if written and (gap or group < _MYRIAD // 10):
            written += "零"
        # 10^12 is 壹万亿 only while nothing stands at 10^8: 壹万零贰亿 carries the 亿 once, at its end.
        unit = _MYRIADS[power]
        if power == len(_MYRIADS) - 1 and number // _MYRIAD ** (power - 1) % _MYRIAD:
            unit = _MYRIADS[1]
        written += _group(group) + unit
        gap = False
    return written


def _group(number: int) -> str:
    """Four digits with their places."""
    written, gap = "", False
    for power in range(len(_PLACES) - 1, -1, -1):
        digit = number // 10**power % 10
        if not digit:
            gap = gap or bool(written)
            continue
        written += ("零" if gap else "") + _DIGITS[digit] + _PLACES[power]
        gap = False
    return written
