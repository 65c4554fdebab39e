"""What in a column's text has the form of a Chinese person's name, an address or a number plate.

Surnames: those borne by most people, as the Ministry of Public Security reports them (全国姓名报告), and those of the
百家姓 that are seldom the first character of another word. Characters of given names: frequent ones. Plates: GA 36-2018
(province, letter, five characters, six for new energy; no I and no O).
"""

import codecs
import re

import numpy as np
from numpy.typing import NDArray

_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许邓韩冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢"
    "姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫雷龙黎史陶贺毛段郝顾龚邵万覃武钱戴严莫孔向常"
    "汤康易乔赖文樊兰殷施洪翟安颜倪牛温芦季俞章鲁葛伍申尤毕聂柴焦欧祝左梅庄辛管岳霍柳卓关包翁裴阮耿齐甘符"
    "古詹童凌骆单冉邢路靳盛涂柯丛宁宫商项纪连成谷饶苗车房游鄢屈阳解应宗冼丘费曲蒲边卜景党宿滕阎席穆隋祁蔺"
    "桂艾胥米喻全练鲍华窦农粟牟缪尚池戚瞿娄刁仲佟楚邬褚明满娜巩邰敖伏沙臧麦原苑司强晏代谌郎庞麻简封卫狄位"
    "鞠栾匡晋揭冀相雍岑和虞干柏荣查丰水沃酆傅皮卞萧湛禹贝谈茅舒蓝闵危昝裘宣贲郁杭诸吉钮嵇滑荀羊於惠甄芮羿"
    "储汲邴糜松富巫乌巴弓牧隗宓蓬郗班仰伊仇暴厉戎祖束幸韶郜蓟薄印怀鄂索咸籍屠蒙苍闻莘贡劳逄姬扶堵宰郦璩桑"
    "濮寿扈燕浦慕茹习宦鱼容慎戈庾暨居衡步弘寇禄阙殳蔚夔隆师厍晁勾融冷訾阚那毋乜须巢蒯荆竺逯盖桓仝苟"
)
COMPOUND_SURNAMES = (
    "欧阳", "上官", "司马", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐", "司徒",
    "长孙", "夏侯", "轩辕", "端木",
    "百里", "东郭", "南宫", "呼延", "独孤", "申屠", "闻人", "宇文", "澹台",
)  # fmt: skip
_GIVEN = (
    "英华秀兰玉桂文红明丽国金春平建志海梅军荣云林凤美杰德芳艳小伟燕霞晓永玲辉强敏生清香珍涛雪静娟莲新龙光"
    "洪福忠立利佳淑俊波飞成婷东萍琴学少勇鹏爱超江慧勤洁良嘉宇浩磊安雅琳月莉瑞庆丹亮子欣怡思诗涵梓轩雨晨博"
    "天佑泽睿琪萱可馨若彤一诺语桐依然宸墨皓辰俊哲煜城铭峰刚鑫亚宏娜斌芬贵秋长正素巧君世民振才康胜冬仁元顺"
    "全邦胤昌启兴发先有继加祥培克培宝根富方家义锋松柏青山河岚芸蓉茜倩蕾菲薇颖悦妍晶晗昊阳旭昕航远帆翔凯毅"
    "恒达衡钧钰宁静淇源泉润沛沐汐瑶璐珊瑾琦璇珂璟维绍继绪彩霞艺芝苗菊竹兵权武威猛坤乾震雷鸣岩岗川湘淮耀辉"
    "炳灿烨焕炜熙照景昭晖智信礼贤孝廉诚善美娇娥媛姣婧妮娅婉如意心慈惠恩念忆怀玥珠翠碧银锦绣纯素绵彬栋梁楠"
    "桦榕槐梦希望向卫国庆丰收满仓富贵吉利祖宗传绪承业开泰伯仲叔季友朋亦凡以之其尔奕弘承修远书画棋乐歌舒畅"
    "逸尘默言语谦和"
)
codecs.lookup("utf-32-le")  # found while files can still be read
_HAN_FIRST, _HAN_LAST = 0x4E00, 0x9FFF
_LONGEST_NAME = 4
_COMPOUND_LENGTHS = (3, 4)


def _table(characters: str) -> NDArray[np.bool_]:
    table = np.zeros(0x10000, dtype=np.bool_)
    table[[ord(c) for c in characters]] = True
    return table


_IS_SURNAME, _IS_GIVEN = _table(_SURNAMES), _table(_GIVEN)
_COMPOUNDS = np.array([(ord(name[0]) << 16) | ord(name[1]) for name in COMPOUND_SURNAMES], dtype=np.uint32)

_SURNAME_PATTERN = f"(?:{'|'.join(COMPOUND_SURNAMES)}|[{_SURNAMES}])"
_CUES = (
    "姓名|联系人|收货人|收件人|寄件人|患者|病人|申请人|法定代表人|经办人|户主|家属|当事人|业主|车主|投保人|被保险人|受益人|"
    "学生|家长|员工|驾驶员|司机|原告|被告|嫌疑人|证人|本人|负责人|客户|租客|房东|用户"
)
_TITLES = "先生|女士|小姐|同志|同学|医生"
_AFTER_CUE = re.compile(rf"(?:{_CUES})(?:是|为|叫)?[:：\s]{{0,2}}({_SURNAME_PATTERN}[\u4e00-\u9fff]{{1,2}})")
_TITLE = re.compile(_TITLES)
_BEFORE_TITLE = re.compile(rf"{_SURNAME_PATTERN}[\u4e00-\u9fff]{{0,2}}$")
_MINORITY_NAME = re.compile(r"(?m)^[\u4e00-\u9fff]{2,7}(?:·[\u4e00-\u9fff]{2,7}){1,3}$")

_PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-HJ-NP-Z][·•. -]?"
    r"(?:[0-9]{5}[A-HJK]|[A-HJK][0-9A-HJ-NP-Z][0-9]{4}|[0-9A-HJ-NP-Z]{4}[0-9A-HJ-NP-Z挂学警港澳])(?![0-9A-Za-z])"
)
_ADDRESS = re.compile(
    r"(?:[省市区县州盟旗镇乡路街道巷弄村苑里]|胡同|花园|大厦|广场|公寓)"
    r"[^\n,，;；。|]{0,24}?[0-9一二三四五六七八九十百]+[-—#]?[0-9A-Za-z]*(?:号|弄|栋|幢|座|单元|室|组|楼|层|户|门牌)"
)


_BEFORE_PLACE = 12
_HAN_AT_END = re.compile(r"[\u4e00-\u9fff]+\Z")


class NameLooks:
    """How many of a piece's values look like names, and how sure their characters are."""

    def __init__(self, text: str) -> None:
        """Judge each line of the text."""
        code = np.frombuffer(f"\n{text}\n     ".encode("utf-32-le", errors="replace"), dtype=np.uint32)
        breaks = np.flatnonzero(code == ord("\n"))
        starts, lengths = breaks[:-1] + 1, np.diff(breaks) - 1
        fits = (lengths > 1) & (lengths <= _LONGEST_NAME)
        places, sizes = starts[fits], lengths[fits]
        window = np.minimum(code[places[:, None] + np.arange(_LONGEST_NAME)], 0xFFFF)
        han = (window >= _HAN_FIRST) & (window <= _HAN_LAST)
        han |= np.arange(_LONGEST_NAME) >= sizes[:, None]
        compound = np.isin((window[:, 0] << 16) | window[:, 1], _COMPOUNDS) & np.isin(sizes, _COMPOUND_LENGTHS)
        single = _IS_SURNAME[window[:, 0]] & (sizes < _LONGEST_NAME)
        name = han.all(axis=1) & (single | compound)
        last = np.minimum(code[places + sizes - 1], 0xFFFF)
        minority = [match.start() + 1 for match in _MINORITY_NAME.finditer(text)] if "·" in text else []
        #: Places of line breaks, as if one stood before the text.
        self.breaks = breaks
        #: Where in the text the names begin, by line breaks before them.
        self.rows = np.unique(np.searchsorted(breaks, np.concatenate([places[name], minority]).astype(np.int64)) - 1)
        self.count = len(self.rows)
        self.minority = len(minority)
        #: Of them, those whose last character is frequent in given names.
        self.usual = int((name & _IS_GIVEN[last]).sum()) + len(minority)


def names_in(text: str) -> list[tuple[int, int]]:
    """Names in free text, told by the words beside them."""
    spans = [match.span(1) for match in _AFTER_CUE.finditer(text)]
    for title in _TITLE.finditer(text):
        before = max(0, title.start() - _LONGEST_NAME)
        if name := _BEFORE_TITLE.search(text[before : title.start()]):
            spans.append((before + name.start(), title.start()))
    return spans


def plates(text: str) -> list[tuple[int, int]]:
    """Number plates of vehicles."""
    return [match.span() for match in _PLATE.finditer(text)]


def addresses(text: str) -> list[tuple[int, int]]:
    """Addresses down to a house, a building or a group of houses; each with the characters before its first place."""
    spans = []
    for match in _ADDRESS.finditer(text):
        begun = match.start()
        before = _HAN_AT_END.search(text, max(0, begun - _BEFORE_PLACE), begun)
        if before:  # a place has a name
            spans.append((before.start(), match.end()))
    return spans
