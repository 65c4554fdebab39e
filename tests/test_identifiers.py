from datetime import date
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import identifiers
from exchange.identifiers import (
    Fault,
    InvalidIdentifier,
    ResidentIdKind,
    age_on,
    check_resident_id,
    check_uscc,
    mask,
)

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
TODAY = date(2026, 11, 23)


def uscc_with_check(body: str) -> str:
    """``body`` with its check character, by the other reading of GB 32100: the powers of three modulo 31."""
    total = sum(pow(3, place, 31) * USCC_ALPHABET.index(c) for place, c in enumerate(body))
    return body + next(c for value, c in enumerate(USCC_ALPHABET) if (total + value) % 31 == 0)


def resident_id_with_check(body: str) -> str:
    """``body`` with its check character, by ISO 7064's recursion instead of weights."""
    remainder = 0
    for digit in body:
        remainder = (remainder + int(digit)) * 2 % 11
    return body + "0123456789X"[(12 - remainder) % 11]


usccs = st.builds(
    lambda first, kind, region, organisation: uscc_with_check(f"{first}{kind}{region:06}{organisation}"),
    st.sampled_from("123456789ANY"),
    st.sampled_from(USCC_ALPHABET),
    st.integers(0, 999_999),
    st.text(USCC_ALPHABET, min_size=9, max_size=9),
)
resident_ids = st.builds(
    lambda province, place, born, serial: resident_id_with_check(f"{province}{place:04}{born:%Y%m%d}{serial:03}"),
    st.sampled_from(["11", "50", "51", "54", "65", "71", "81", "82", "83"]),
    st.integers(0, 9_999),
    st.dates(date(1900, 1, 1), TODAY),
    st.integers(0, 999),
)


@pytest.mark.rule("I-04")
@pytest.mark.parametrize(
    "code",
    [
        "91110000600037341L",
        "N2500112MF1234567B",
        "Y1500112MF12345676",
        "91500000QEYFH7B7M0",  # remainder 0: the check value is 31 - 0, taken modulo 31
    ],
)
def test_check_uscc_accepts_digit_led_and_letter_led_codes(code: str) -> None:
    assert check_uscc(code) == code


@pytest.mark.rule("I-04")
@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "length"),
        ("91110000600037341", "length"),
        ("91110000600037341L0", "length"),
        ("9111000060003734IL", "alphabet"),  # I, O, S, V and Z do not occur
        ("9111000060003734OL", "alphabet"),
        ("9111000060003734SL", "alphabet"),
        ("9111000060003734VL", "alphabet"),
        ("9111000060003734ZL", "alphabet"),
        ("91110000 60003734L", "alphabet"),
        ("9111000060003734١L", "alphabet"),  # an Arabic-Indic one
        ("9111000060003734ßL", "length"),
        ("01110000600037341L", "first_character"),
        ("B1110000600037341L", "first_character"),
        ("911100A0600037341L", "region_digits"),
        ("91110000600037341M", "checksum"),
        ("91110000600037314L", "checksum"),
    ],
)
def test_check_uscc_names_the_fault(text: str, fault: str) -> None:
    with pytest.raises(InvalidIdentifier) as raised:
        check_uscc(text)
    assert raised.value.code == fault


def test_check_uscc_normalises_case_width_and_outer_space() -> None:
    assert check_uscc("　９１１１００００６０００３７３４１ｌ\n") == "91110000600037341L"
    assert check_uscc("n2500112mf1234567b") == "N2500112MF1234567B"


@pytest.mark.rule("I-04")
@given(code=usccs)
def test_check_uscc_accepts_every_well_formed_code(code: str) -> None:
    assert check_uscc(code.lower()) == code


@pytest.mark.rule("I-04")
@given(code=usccs, place=st.integers(0, 17), other=st.sampled_from(USCC_ALPHABET))
def test_one_substituted_character_of_a_uscc_is_caught(code: str, place: int, other: str) -> None:
    if other != code[place]:
        with pytest.raises(InvalidIdentifier):
            check_uscc(code[:place] + other + code[place + 1 :])


@pytest.mark.rule("I-04")
@given(code=usccs, place=st.integers(0, 16))
def test_two_exchanged_neighbours_of_a_uscc_are_caught(code: str, place: int) -> None:
    if code[place] != code[place + 1]:
        with pytest.raises(InvalidIdentifier):
            check_uscc(code[:place] + code[place + 1] + code[place] + code[place + 2 :])


def test_check_resident_id_reads_number_birth_date_and_kind() -> None:
    # The example of GB 11643-1999.
    found = check_resident_id("11010519491231002x", TODAY)
    assert found.number == "11010519491231002X"
    assert found.birth_date == date(1949, 12, 31)
    assert found.kind is ResidentIdKind.RESIDENT


@pytest.mark.parametrize("prefix", ["810000", "820000", "830000"])
def test_check_resident_id_accepts_residence_permits(prefix: str) -> None:
    number = resident_id_with_check(prefix + "19900307" + "123")
    assert check_resident_id(number, TODAY).kind is ResidentIdKind.RESIDENCE_PERMIT


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "length"),
        ("110105491231002", "length"),  # fifteen digits: no longer valid since 2013
        ("11010519491231002Y", "alphabet"),
        ("1101051949123100XX", "alphabet"),
        ("1101051949123100٢X", "alphabet"),
        (resident_id_with_check("99010519491231002"), "region"),
        (resident_id_with_check("11010519490230002"), "birth_date"),
        (resident_id_with_check("11010519001301002"), "birth_date"),
        (resident_id_with_check("11010500000101002"), "birth_date"),
        (resident_id_with_check("11010520261124002"), "birth_date_future"),
        ("110105194912310020", "checksum"),
    ],
)
def test_check_resident_id_names_the_fault(text: str, fault: str) -> None:
    with pytest.raises(InvalidIdentifier) as raised:
        check_resident_id(text, TODAY)
    assert raised.value.code == fault


def test_check_resident_id_accepts_who_was_born_today_and_leap_days() -> None:
    assert check_resident_id(resident_id_with_check("50010320261123002"), TODAY).birth_date == TODAY
    assert check_resident_id(resident_id_with_check("50010320240229002"), TODAY).birth_date == date(2024, 2, 29)


@given(number=resident_ids)
def test_check_resident_id_accepts_every_well_formed_number(number: str) -> None:
    wide = "".join(chr(ord(c) + 0xFEE0) for c in number.lower())
    assert check_resident_id(wide, TODAY) == check_resident_id(number, TODAY)


@given(number=resident_ids, place=st.integers(0, 17), other=st.sampled_from("0123456789X"))
def test_one_substituted_character_of_a_resident_id_is_caught(number: str, place: int, other: str) -> None:
    if other != number[place]:
        with pytest.raises(InvalidIdentifier):
            check_resident_id(number[:place] + other + number[place + 1 :], TODAY)


@given(text=st.text(max_size=40))
def test_whatever_is_typed_is_accepted_or_refused_by_a_stable_code(text: str) -> None:
    for check in (check_uscc, lambda typed: check_resident_id(typed, TODAY)):
        with pytest.raises(InvalidIdentifier) as raised:
            check(text)
        assert raised.value.code in get_args(Fault)
        assert str(raised.value)


def test_neither_errors_nor_representations_repeat_the_number() -> None:
    number = "11010519491231002X"
    assert number not in repr(check_resident_id(number, TODAY))
    with pytest.raises(InvalidIdentifier) as raised:
        check_resident_id("110105194912310020", TODAY)
    assert "1949" not in str(raised.value)


def test_age_on_counts_completed_years() -> None:
    born = date(2008, 2, 29)
    assert age_on(born, date(2026, 2, 28)) == 17
    assert age_on(born, date(2026, 3, 1)) == 18
    assert age_on(born, born) == 0
    with pytest.raises(ValueError, match="before the birth"):
        age_on(born, date(2008, 2, 28))


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("11010519491231002X", "110*************2X"),
        ("E12345678", "*********"),
        ("H1234567890", "H12******90"),
        ("", ""),
    ],
)
def test_mask_hides_most_of_a_number(number: str, shown: str) -> None:
    assert mask(number) == shown


def test_every_fault_has_its_message() -> None:
    assert set(identifiers._MESSAGES) == set(get_args(Fault))
