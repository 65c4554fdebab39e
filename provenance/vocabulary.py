"""The room's closed sets of words, said to people in both languages."""

from collections.abc import Mapping
from types import MappingProxyType

from exchange.citations import Text

#: Kinds of sources (RULES P-02).
KINDS: Mapping[str, Text] = MappingProxyType(
    {
        "self_collected": Text(zh="自有采集", en="Collected by ourselves"),
        "public": Text(zh="公开采集", en="Published openly"),
        "purchased_here": Text(zh="本所交易购得", en="Bought at this exchange"),
        "purchased_elsewhere": Text(zh="场外或其他交易所购得", en="Bought elsewhere"),
        "individuals": Text(zh="自然人授权获得", en="Given by individuals"),
        "government_open": Text(zh="政务数据开放", en="Government data, open"),
        "government_authorised": Text(zh="政务数据有条件开放或授权运营", en="Government data, by agreement"),
        "shared": Text(zh="共享获得", en="Shared with us"),
        "synthetic": Text(zh="合成数据", en="Synthetic data"),
        "web": Text(zh="自动化采集网络数据", en="Gathered from the web by automated tools"),
    }
)

#: How a source was used.
USES: Mapping[str, Text] = MappingProxyType(
    {
        "incorporated": Text(zh="包含在产品中", en="incorporated in the product"),
        "derived": Text(zh="加工形成产品", en="processed into the product"),
        "trained": Text(zh="用于训练模型", en="used to train a model"),
        "validated": Text(zh="用于校验", en="used to validate"),
        "reference": Text(zh="仅作对照", en="used as a reference list"),
    }
)

#: Open attributes of government data (Art. 17(2)).
ATTRIBUTES: Mapping[str, Text] = MappingProxyType(
    {
        "unconditional": Text(zh="无条件开放", en="open without conditions"),
        "conditional": Text(zh="有条件开放", en="open on conditions"),
        "closed": Text(zh="不予开放", en="not open"),
    }
)

#: Kinds of requests that a department answers in a period of working days.
REQUESTS: Mapping[str, Text] = MappingProxyType(
    {
        "conditional": Text(zh="有条件开放申请", en="Application for data open on conditions (Art. 18)"),
        "sharing": Text(zh="部门间共享申请", en="Sharing between departments (Art. 16)"),
    }
)

#: The two grounds of Art. 26.
GROUNDS: Mapping[str, Text] = MappingProxyType(
    {
        "A": Text(
            zh="经处理无法识别特定数据提供者且不能复原",
            en="Processed so that no provider can be identified and nothing can be restored",
        ),
        "B": Text(
            zh="能够说明数据来源且经特定数据提供者明确授权",
            en="The origin is explained and the providers expressly authorised it",
        ),
    }
)

#: What an agreement rests on.
BASES: Mapping[str, Text] = MappingProxyType(
    {
        "conditional_opening": Text(zh="有条件开放", en="Opening on conditions (Art. 18, 19)"),
        "authorised_operation": Text(zh="授权运营", en="Authorised operation (Art. 21)"),
    }
)

#: Kinds of buyers that an agreement may allow.
BUYERS: Mapping[str, Text] = MappingProxyType(
    {
        "company": Text(zh="企业及其他组织", en="Companies and other bodies"),
        "department": Text(zh="政务部门", en="Government departments"),
        "individual": Text(zh="自然人", en="Individuals"),
    }
)

#: The six items of Art. 19(2), in the article's order.
ITEMS: Mapping[str, Text] = MappingProxyType(
    {
        "data_list": Text(zh="拟使用数据的清单", en="List of the data to be used"),
        "purpose": Text(zh="用途", en="Purpose"),
        "application_scenario": Text(zh="应用场景", en="Application scenario"),
        "security_measures": Text(zh="安全保障措施", en="Security measures"),
        "term": Text(zh="使用期限", en="Term of use"),
        "disposal": Text(zh="协议期满后数据的处置", en="Disposal of the data at the end"),
    }
)

#: What a declaration and its parts say, by the name of the field.
FIELDS: Mapping[str, Text] = MappingProxyType(
    {
        "kind": Text(zh="来源类型", en="Kind"),
        "use": Text(zh="使用方式", en="Use"),
        "title": Text(zh="数据名称", en="Name of the data"),
        "holder": Text(zh="持有人", en="Holder"),
        "holder_org_id": Text(zh="持有人在本所的编号", en="Holder's id here"),
        "method": Text(zh="取得方式", en="Method of acquisition"),
        "collected_from": Text(zh="起始日期", en="Collected from"),
        "collected_to": Text(zh="截止日期", en="Collected to"),
        "territory": Text(zh="地域", en="Territory"),
        "licence": Text(zh="法律依据或许可", en="Legal basis or licence"),
        "external_number": Text(zh="外部编号", en="External number"),
        "evidence_digest": Text(zh="证据文件摘要（SHA-256）", en="Digest of the evidence (SHA-256)"),
        "retrieved_at": Text(zh="获取时间", en="Time of retrieval"),
        "record_id": Text(zh="目录记录", en="Catalogue record"),
        "agreement_id": Text(zh="利用协议", en="Agreement of use"),
        "acquisition_id": Text(zh="在本所的交易", en="Trade at this exchange"),
        "not_intrusive": Text(zh="未侵入、未干扰网络服务的声明", en="Statement of no intrusion or disturbance"),
        "ground": Text(zh="交易依据", en="Ground of trade"),
        "anonymisation_method": Text(zh="匿名化方法", en="Method of anonymisation"),
        "anonymisation_evidence": Text(zh="匿名化证据摘要（SHA-256）", en="Digest of the anonymisation's evidence"),
        "processing_steps": Text(zh="加工步骤", en="Processing steps"),
        "personal_information": Text(zh="含个人信息", en="Personal information"),
        "grantor": Text(zh="授权人", en="Grantor"),
        "data": Text(zh="授权的数据", en="Data authorised"),
        "columns": Text(zh="字段", en="Columns"),
        "purposes": Text(zh="用途", en="Purposes"),
        "onward_allowed": Text(zh="允许再提供", en="Onward provision"),
        "starts_at": Text(zh="生效时间", en="Begins"),
        "ends_at": Text(zh="失效时间", en="Ends"),
    }
)

#: Kinds of findings.
FINDINGS: Mapping[str, Text] = MappingProxyType(
    {
        "derivation": Text(zh="疑似来自已登记的数据", en="May come from registered data"),
        "personal": Text(zh="未申报的个人信息", en="Personal information that is not declared"),
        "anonymity": Text(zh="可能识别到个人", en="People may be singled out"),
        "use": Text(zh="政务数据的使用方式", en="How government data was used"),
        "reported": Text(zh="举报", en="Reported"),
    }
)
#: What each kind of finding asks.
FINDING_QUESTIONS: Mapping[str, Text] = MappingProxyType(
    {
        "derivation": Text(
            zh="文件中的内容与已登记的数据相符，而来源说明未列明该数据。是否使用了该数据？",
            en="What the file holds agrees with registered data that the declaration does not name. Was it used?",
        ),
        "personal": Text(
            zh="文件中发现个人信息特征，而来源说明称不含个人信息。是否含有个人信息？",
            en="The file holds what looks like personal information, and the declaration says there is none. Is there?",
        ),
        "anonymity": Text(
            zh="部分记录可能指向特定个人。这是供核查的事实，不是法律结论。",
            en="Some rows may point at single people. This is evidence to look at, not a legal conclusion.",
        ),
        "use": Text(
            zh="来源说明称该政务数据未进入成品。由两名审核员认定；对认定不服的，可以申诉一次。",
            en="The declaration says that this government data does not stand in the product. Two reviewers decide"
            " whether that is so; the party may appeal once.",
        ),
        "reported": Text(
            zh="收到针对该产品来源的举报，请说明。", en="The origin of this product was reported; say what is so."
        ),
    }
)
#: What reviewers hold.
OUTCOMES: Mapping[str, Text] = MappingProxyType(
    {"confirm": Text(zh="成立", en="It is so"), "dismiss": Text(zh="不成立", en="It is not so")}
)
#: What scans for personal information look for; the later ones are told by a column's name alone.
SCANNED: Mapping[str, Text] = MappingProxyType(
    {
        "resident_id": Text(zh="居民身份证号", en="resident identity number"),
        "mobile": Text(zh="手机号", en="mobile number"),
        "landline": Text(zh="固定电话", en="landline number"),
        "bank_card": Text(zh="银行卡号", en="bank card"),
        "uscc": Text(zh="统一社会信用代码", en="unified social credit code"),
        "passport": Text(zh="护照号", en="passport"),
        "permit": Text(zh="通行证号", en="travel permit"),
        "plate": Text(zh="车牌号", en="number plate"),
        "email": Text(zh="电子邮箱", en="e-mail address"),
        "ip": Text(zh="IP地址", en="IP address"),
        "address": Text(zh="住址", en="postal address"),
        "name": Text(zh="姓名", en="name of a person"),
        "birth_date": Text(zh="出生日期（据字段名）", en="date of birth, by the column's name"),
        "health": Text(zh="健康（据字段名）", en="health, by the column's name"),
        "religion": Text(zh="宗教信仰（据字段名）", en="religion, by the column's name"),
        "biometric": Text(zh="生物特征（据字段名）", en="biometric trait, by the column's name"),
        "whereabouts": Text(zh="行踪（据字段名）", en="whereabouts, by the column's name"),
        "minors": Text(zh="未成年人（据字段名）", en="minors, by the column's name"),
    }
)
#: How sure a scan is.
CONFIDENCES: Mapping[str, Text] = MappingProxyType(
    {
        "high": Text(zh="确定", en="sure"),
        "medium": Text(zh="很可能", en="likely"),
        "low": Text(zh="仅供提示", en="a hint"),
    }
)
#: Names of facts in a finding's evidence.
EVIDENCE: Mapping[str, Text] = MappingProxyType(
    {
        "columns": Text(zh="字段", en="Columns"),
        "column": Text(zh="字段", en="Column"),
        "confidence": Text(zh="把握", en="Confidence"),
        "count": Text(zh="数量", en="Count"),
        "holder": Text(zh="持有人", en="Holder"),
        "kind": Text(zh="类型", en="Kind"),
        "rows": Text(zh="行数", en="Rows"),
        "samples": Text(zh="样例（已遮盖）", en="Samples (masked)"),
        "groups": Text(zh="分组", en="Groups"),
        "hashed": Text(zh="可还原的摘要", en="Digests that were reversed"),
        "algorithm": Text(zh="算法", en="Algorithm"),
        "method": Text(zh="方法", en="Method"),
        "matched": Text(zh="还原数量", en="Reversed"),
        "k": Text(zh="最小分组（k）", en="Smallest group (k)"),
        "unique_rows": Text(zh="唯一的行", en="Rows that are alone"),
        "unique_permille": Text(zh="唯一行占比（千分之）", en="Rows that are alone (per mille)"),
        "sample_rows": Text(zh="样例行", en="Sample rows"),
        "share_permille": Text(zh="占比（千分之）", en="Share (per mille)"),
        "statement": Text(zh="陈述", en="Statement"),
        "use": Text(zh="使用方式", en="Use"),
    }
)

#: What came, went or changed between two versions.
CHANGES: Mapping[str, Text] = MappingProxyType(
    {
        "added": Text(zh="新增", en="Added"),
        "removed": Text(zh="删除", en="Removed"),
        "changed": Text(zh="修改", en="Changed"),
    }
)

#: Codes of fields that hold one, by the name of the field.
CODES: Mapping[str, Mapping[str, Text]] = MappingProxyType({"kind": KINDS, "use": USES, "ground": GROUNDS})

#: Codes that stand in a finding's evidence, by the name of the fact.
EVIDENCE_CODES: Mapping[str, Mapping[str, Text]] = MappingProxyType(
    {"kind": SCANNED, "confidence": CONFIDENCES, "use": USES}
)
