"""Tables of made-up people: from a seed, with what stands in which column known.

Names are drawn from lists written for this purpose (they share neither order nor extent with those of the detectors);
counties are those of GB/T 2260 in ``demo_data``; numbers carry right check digits and belong to nobody known.
"""

import csv
import random
from collections.abc import Callable
from pathlib import Path

COUNTIES = Path(__file__).parents[1] / "demo_data" / "gbt2260-counties.csv"
_SURNAMES = (
    "李王张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
    "苏卢蒋蔡贾丁魏薛叶阎"
    "余潘杜戴夏钟汪田"
    "任姜范方石姚谭廖"
    "邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文查酆咸厉璩"
)
_COMPOUND = ("欧阳", "上官", "诸葛", "司徒", "慕容")
_GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂英华玉萍红建国志海波宁福生龙元全胜学"
    "祥才发武新利清飞彬富"
    "顺信子昂若曦梓涵雨桐浩然一鸣"
    "可欣语嫣俊熙思远承泽昊天诗琪嘉懿亦菲沐宸瑾瑜"
)
_MINORITY = ("买买提·吐尔逊", "阿依古丽·艾山", "扎西·多吉", "古丽娜尔·卡德尔")
_ROADS = (
    "人民",
    "解放",
    "中山",
    "红锦",
    "龙湖",
    "新华",
    "青年",
    "建设",
    "长江",
    "学府",
    "滨江",
    "松石",
    "金开",
    "渝南",
)
_MOBILES = (
    "130",
    "131",
    "133",
    "135",
    "136",
    "138",
    "139",
    "150",
    "152",
    "158",
    "166",
    "176",
    "177",
    "186",
    "189",
    "199",
)
_CARDS = (("622202", 19), ("621700", 19), ("622848", 19), ("625912", 16), ("431502", 16), ("552801", 16))
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_PLATE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_NOTES = (
    "客户来电咨询办理情况，已答复", "机器运行正常，无异常", "货物已签收，外包装完好", "第三季度检修计划待审批",
    "The meter was replaced in spring",
    "温度偏高，已调整阀门开度", "合同编号见附件，金额已核对", "暂无备注",
)  # fmt: skip


class People:
    """Draws from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - made-up people, the same ones from the same seed
        with COUNTIES.open(encoding="utf-8") as file:
            self.counties = [row for row in csv.DictReader(file) if row["code"].isdigit()]

    def digits(self, count: int) -> str:
        return "".join(self.random.choices("0123456789", k=count))

    def name(self) -> str:
        drawn = self.random.random()
        if drawn < 0.01:
            return self.random.choice(_MINORITY)
        surname = self.random.choice(_COMPOUND) if drawn < 0.03 else self.random.choice(_SURNAMES)
        return surname + "".join(self.random.choices(_GIVEN, k=1 if self.random.random() < 0.3 else 2))

    def resident_id(self) -> str:
        county = self.random.choice(self.counties)["code"]
        born = (
            f"{self.random.randrange(1940, 2020)}{self.random.randrange(1, 13):02d}{self.random.randrange(1, 29):02d}"
        )
        first = county + born + self.digits(3)
        weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
        return first + "10X98765432"[sum(w * int(c) for w, c in zip(weights, first, strict=True)) % 11]

    def mobile(self) -> str:
        return self.random.choice(_MOBILES) + self.digits(8)

    def bank_card(self) -> str:
        head, length = self.random.choice(_CARDS)
        first = head + self.digits(length - len(head) - 1)
        total = sum(sum(divmod(int(c) * (2 if place % 2 == 0 else 1), 10)) for place, c in enumerate(reversed(first)))
        return first + str(-total % 10)

    def uscc(self) -> str:
        code = self.random.choice(self.counties)["code"]
        first = self.random.choice(("91", "92", "12", "52")) + code + "".join(self.random.choices(_USCC, k=9))
        weights = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
        return first + _USCC[-sum(w * _USCC.index(c) for w, c in zip(weights, first, strict=True)) % 31]

    def passport(self) -> str:
        return self.random.choice(("E" + self.digits(8), "E" + self.random.choice("ABCDEFGH") + self.digits(7)))

    def permit(self) -> str:
        return self.random.choice(("C", "H", "M")) + self.digits(8)

    def plate(self) -> str:
        head = self.random.choice("京津沪渝冀豫云辽黑湘皖鲁苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼") + self.random.choice(
            _PLATE_LETTERS
        )
        dot = self.random.choice(("", "", "·"))
        if self.random.random() < 0.4:
            return head + dot + self.random.choice(("D", "F")) + self.digits(5)
        return head + dot + "".join(self.random.choices(_PLATE_LETTERS + "0123456789", k=5))

    def email(self) -> str:
        user = "".join(self.random.choices("abcdefghijklmnopqrstuvwxyz0123456789_.", k=7)).strip(".") + "k"
        return f"{user}@{self.random.choice(('qq.com', '163.com', 'example.com.cn', 'corp.example'))}"

    def ip(self) -> str:
        if self.random.random() < 0.1:
            return f"2001:da8:{self.random.randrange(65536):x}::{self.random.randrange(1, 65536):x}"
        return ".".join(str(self.random.randrange(1, 255)) for _ in range(4))

    def address(self) -> str:
        county = self.random.choice(self.counties)
        road = self.random.choice(_ROADS)
        house = self.random.randrange(1, 900)
        tail = f"{self.random.randrange(1, 20)}栋{self.random.randrange(1, 4)}单元{self.random.randrange(101, 3302)}室"
        return self.random.choice(
            (
                f"{county['name']}{road}路{house}号{tail}",
                f"{road}大道{house}号{road}花园{tail}",
                f"{county['name']}{road}镇{self.random.choice('东西南北')}山村{house % 12 + 1}组",
                f"{county['name']}{road}街道{road}西街{house}号附{house % 9 + 1}号",
                f"{road}小区{tail}",
            )
        )

    def note(self, number: int) -> str:
        return f"{self.random.choice(_NOTES)}（{number}）"


#: A column's name with and without a word that speaks for the kind; the second is for values that stand alone.
COLUMNS: dict[str, tuple[str, str]] = {
    "resident_id": ("身份证号", "f1"), "mobile": ("手机号", "f2"), "bank_card": ("银行卡号", "f3"),
    "uscc": ("信用代码", "f4"),
    "passport": ("护照号", "f5"), "permit": ("通行证", "f6"), "plate": ("车牌号", "f7"), "email": ("邮箱", "f8"),
    "ip": ("IP地址", "f9"), "address": ("住址", "f10"), "name": ("姓名", "f11"),
}  # fmt: skip


def planted(folder: Path, seed: int, rows: int) -> Path:
    """A table with a named and a nameless column of every kind, one of notes that hide some, and four innocent ones."""
    people = People(seed)
    makers: list[tuple[str, Callable[[], str]]] = [(kind, getattr(people, kind)) for kind in COLUMNS]
    path = folder / f"planted-{seed}.csv"
    hidden = ("mobile", "resident_id", "email", "plate", "address", "bank_card")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        heads = [name for kind in COLUMNS for name in COLUMNS[kind]]
        writer.writerow(
            [*heads, *(f"note_{kind}" for kind in hidden), "innocent", "order_no", "serial", "level", "city"]
        )
        for number in range(rows):
            cells = [make() for _, make in makers for _ in (0, 1)]
            notes = [
                people.note(number) + (f"，{getattr(people, kind)()}，" if number % 10 == 3 else "") for kind in hidden
            ]
            level = people.random.choice(("高级", "中级", "普通", "特殊"))
            city = people.random.choice(people.counties)["name"]
            innocent = [
                people.note(number),
                f"{people.random.randrange(10**11):011d}",
                "2" + people.digits(15),
                level,
                city,
            ]
            writer.writerow([*cells, *notes, *innocent])
    return path


def expected() -> dict[str, str]:
    """The kind planted in each column of `planted`; columns that are not named hold nothing personal."""
    named = {column: kind for kind, pair in COLUMNS.items() for column in pair}
    return named | {
        f"note_{kind}": kind for kind in ("mobile", "resident_id", "email", "plate", "address", "bank_card")
    }
