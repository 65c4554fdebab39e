"""What the name of a column says of what stands in it: evidence for a kind of personal information.

Names are compared in lower case, words apart at spaces, hyphens, underscores and changes of case.
"""

import re

_WORDS: dict[str, str] = {
    "resident_id": r"身份证|证件号|公民身份|id ?card|identity|id ?no|id ?number|\bsfz|shenfenzheng|national id",
    "mobile": r"手机|电话|联系方式|联系号|移动号|mobile|phone|cell|\btel\b|telephone|msisdn|shouji|dianhua",
    "landline": r"电话|固话|座机|联系方式|phone|\btel\b|telephone",
    "bank_card": r"银行卡|卡号|账号|帐号|银行账户|card|bank|account|\bacct|\bpan\b|iban",
    "uscc": r"统一社会信用|信用代码|税号|uscc|credit code",
    "passport": r"护照|passport",
    "permit": r"通行证|回乡证|台胞证|证件号|permit",
    "plate": r"车牌|号牌|plate|licen[cs]e (no|number|plate)|chepai",
    "email": r"邮箱|邮件|e ?mail",
    "ip": r"\bip\b|ip ?addr|ip地址|ip ?v[46]",
    "address": r"地址|住址|住所|居住地|户籍|收货地|家庭|address|\baddr|residence",
    "name": (
        r"姓名|名字|联系人|收货人|收件人|户主|患者|法人|法定代表人|经办人|负责人|驾驶员|司机|业主|客户名|员工|学生|"
        r"person|customer name|full ?name|contact|patient|employee|xingming|surname|first name|last name|given name|"
        r"family name|user name|^name$|owner"
    ),
}
_PATTERNS = {kind: re.compile(words) for kind, words in _WORDS.items()}

#: Kinds that only the name of a column tells: what is sensitive by Art. 28 PIPL, and what singles a person out.
_HINTS = {
    "birth_date": re.compile(r"出生|生日|birth|\bdob\b"),
    "health": re.compile(r"诊断|病历|病史|疾病|用药|检验结果|diagnos|medical record|icd ?10"),
    "religion": re.compile(r"宗教|信仰|religio"),
    "biometric": re.compile(r"指纹|人脸|虹膜|声纹|基因|fingerprint|face ?id|iris ?scan|genome"),
    "whereabouts": re.compile(r"轨迹|行踪|定位|track ?point|whereabouts"),
    "minors": re.compile(r"监护人|未成年|儿童|guardian|\bminor\b"),
}
_PARTS = re.compile(r"(?<=[a-z])(?=[A-Z])|[\s_\-./]+")


def plain(name: str) -> str:
    """The column's name in words."""
    return " ".join(part for part in _PARTS.split(name) if part).lower()


def says(name: str, kind: str) -> bool:
    """Whether the column's name speaks for the kind."""
    return bool(_PATTERNS[kind].search(plain(name)))


def hints(name: str) -> list[str]:
    """Kinds that no value can show, but the name does."""
    return [kind for kind, pattern in _HINTS.items() if pattern.search(plain(name))]
