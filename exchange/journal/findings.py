"""What the verifier of evidence bags may find, in words: one stable code, one sentence in each language."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: a stable code, where, a sentence in English and Chinese, and technical detail."""

    code: str
    path: str
    en: str
    zh: str
    detail: str


def finding(code: str, path: str, detail: str = "") -> Finding:
    """The finding ``code`` about the file ``path``.

    Raises:
        KeyError: No such code.
    """
    en, zh = SENTENCES[code]
    return Finding(code, path, en, zh, detail)


SENTENCES: Final = {
    "archive.not_canonical": (
        "The archive has bytes that its files do not account for; nothing further was checked.",
        "压缩包含有与其文件不相符的字节，未继续核验。",
    ),
    "archive.checksum": (
        "The file's contents do not match the archive's checksum.",
        "文件内容与压缩包内的校验值不符。",
    ),
    "bag.missing_file": ("A file that every bag has is missing.", "缺少证据包必备的文件。"),
    "bag.unexpected_file": ("The file has no place in a bag.", "证据包中不应有此文件。"),
    "bag.file_too_large": ("The file is larger than its kind may be.", "文件超过该类文件的大小上限。"),
    "bag.malformed_tag_file": ("The file is not what the bag's contents demand.", "该文件与证据包内容不符。"),
    "manifest.digest": (
        "The file's SHA-256 is not the one in the manifest.",
        "文件的 SHA-256 与清单不符。",
    ),
    "manifest.not_listed": ("The file is not in the manifest.", "文件未列入清单。"),
    "manifest.absent": ("The manifest lists a file that is not in the bag.", "清单所列文件不在证据包内。"),
    "manifest.malformed": ("The manifest is not in its only form.", "清单格式不符合唯一规范形式。"),
    "signature.invalid": (
        "The bag is not signed by a key you gave, or its signature does not hold.",
        "证据包未经所提供公钥对应的密钥签名，或签名无效。",
    ),
    "signature.other_contents": (
        "The signature is for other contents or for another log.",
        "签名对应的是其他内容或其他日志。",
    ),
    "signature.not_by_log": (
        "The note is signed by a key you gave, but not under the log's own name.",
        "签名虽出自所提供的公钥，但签名者名称不是该日志。",
    ),
    "checkpoint.invalid": (
        "The checkpoint is malformed or not validly signed by a key you gave; no entry can be proven.",
        "检查点格式有误、未经所提供公钥对应的密钥签名或签名无效，无法证明任何条目。",
    ),
    "checkpoint.cosignature": (
        "A cosignature by a witness's key you gave does not hold for this checkpoint.",
        "所提供公钥对应的见证方联署对该检查点无效。",
    ),
    "checkpoint.not_witnessed": (
        "Fewer witnesses cosigned the checkpoint than the policy asks for.",
        "联署该检查点的见证方未达到策略要求的数量。",
    ),
    "story.malformed": (
        "What the bag claims to hold cannot be read; its completeness was not checked.",
        "证据包的内容声明无法读取，未核验完整性。",
    ),
    "story.other_log": ("The story and the checkpoint name different logs.", "内容声明与检查点所指日志不同。"),
    "story.about_incomplete": (
        "The subject that the bag is about is not among those claimed to be complete.",
        "证据包所述事项未声明为完整。",
    ),
    "entry.malformed": ("The entry does not have the form of version 1.", "条目不符合第 1 版格式。"),
    "entry.not_proven": (
        "The entry is not shown to be in the log at its index.",
        "未能证明该条目位于日志的相应序号。",
    ),
    "entry.no_proof": ("The entry comes without a proof.", "条目缺少证明。"),
    "proof.no_entry": ("The proof comes without an entry.", "证明缺少对应条目。"),
    "proof.malformed": ("The proof does not have the form of a tlog-proof.", "证明不符合 tlog-proof 格式。"),
    "proof.other_index": ("The proof is for another index than its file name.", "证明的序号与文件名不符。"),
    "proof.other_checkpoint": (
        "The proof leads to another checkpoint than the bag's.",
        "证明指向的检查点不是本证据包的检查点。",
    ),
    "subject.repeated": (
        "Two entries of the log claim the same place in a subject's story.",
        "日志中有两个条目占用同一事项的同一次序。",
    ),
    "subject.incomplete": (
        "An entry of a subject claimed to be complete is missing.",
        "声明为完整的事项缺少条目。",
    ),
    "subject.beyond_last": (
        "A subject has an entry beyond the last one claimed.",
        "事项含有超出所声明末次序号的条目。",
    ),
    "document.digest": (
        "The document is not the one its name says: its SHA-256 differs.",
        "文件的 SHA-256 与其名称不符。",
    ),
    "document.missing": (
        "A document that an entry names is neither in the bag nor listed as withheld.",
        "条目提及的文件既不在证据包内，也未列为未附文件。",
    ),
    "document.withheld_but_present": (
        "A document is listed as withheld but is in the bag.",
        "列为未附的文件却在证据包内。",
    ),
    "document.not_mentioned": (
        "A document is in the bag or listed as withheld, but no entry names it.",
        "文件在证据包内或列为未附，但没有条目提及。",
    ),
}
