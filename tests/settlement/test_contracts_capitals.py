"""Amounts in capitals: the examples of 《支付结算办法》 annex 1, and what its rules leave to us."""

import pytest

from exchange.money import Money
from settlement.capitals import capitals


@pytest.mark.parametrize(
    ("minor", "words"),
    [
        (0, "零元整"),
        (1, "壹分"),
        (10, "壹角整"),
        (15, "壹角伍分"),
        (100, "壹元整"),
        (105, "壹元零伍分"),
        (1_005, "壹拾元零伍分"),
        (1_050, "壹拾元零伍角整"),
        (1_032, "壹拾元零叁角贰分"),
        (140_950, "壹仟肆佰零玖元伍角整"),  # the annex's
        (600_714, "陆仟零柒元壹角肆分"),  # the annex's
        (1_640_902, "壹万陆仟肆佰零玖元零贰分"),  # the annex's
        (32_504, "叁佰贰拾伍元零肆分"),  # the annex's
        (10_700_053, "壹拾万柒仟元零伍角叁分"),  # the annex's
        (120_000, "壹仟贰佰元整"),
        (100_000, "壹仟元整"),
        (1_000_000, "壹万元整"),
        (1_000_100, "壹万零壹元整"),
        (10_001_000, "壹拾万零壹拾元整"),
        (1_000_000_000, "壹仟万元整"),
        (10_000_100_000, "壹亿零壹仟元整"),
        (10_000_000_000, "壹亿元整"),
        (12_345_678_912, "壹亿贰仟叁佰肆拾伍万陆仟柒佰捌拾玖元壹角贰分"),
        (5_060_070_000, "伍仟零陆拾万零柒佰元整"),
        (100_000_000_000_000, "壹万亿元整"),
        (100_020_000_000_000, "壹万零贰亿元整"),
        (100_000_000_000_100, "壹万亿零壹元整"),
    ],
)
def test_renminbi(minor: int, words: str) -> None:
    assert capitals(Money(minor, "CNY")) == f"人民币{words}"


def test_other_currencies_are_named_and_yen_have_no_parts() -> None:
    assert capitals(Money(120_000, "HKD")) == "港币壹仟贰佰元整"
    assert capitals(Money(120_000, "JPY")) == "日元壹拾贰万元整"


def test_no_amount_below_nothing_or_beyond_reading() -> None:
    for minor in (-1, 10**18):
        with pytest.raises(ValueError, match="no form in capitals"):
            capitals(Money(minor, "CNY"))
