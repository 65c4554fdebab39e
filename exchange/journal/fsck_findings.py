"""What a check of a whole log may find, in words: one stable code, one sentence in each language."""

from typing import Final

from exchange.journal.findings import Finding


def finding(code: str, path: str, detail: object = "") -> Finding:
    """The finding ``code`` about ``path``: a tile, a bundle, a leaf's index, a subject, or a size.

    Raises:
        KeyError: No such code.
    """
    en, zh = SENTENCES[code]
    return Finding(code, path, en, zh, str(detail))


SENTENCES: Final = {
    "checkpoint.missing": ("The log has no checkpoint: nothing vouches for it.", "日志没有检查点，无从担保。"),
    "checkpoint.invalid": (
        "The checkpoint is malformed, or not validly signed by a key you gave.",
        "检查点格式有误，或未经所提供公钥对应的密钥有效签名。",
    ),
    "checkpoint.other_log": (
        "The checkpoint is of another log than the newest one.",
        "该检查点与最新检查点不属于同一日志。",
    ),
    "checkpoint.row": (
        "What the database says of a checkpoint is not what the checkpoint says.",
        "数据库对检查点的记载与检查点本身不符。",
    ),
    "checkpoint.root": (
        "The root that was signed is not the root of the tree that is there.",
        "已签名的根哈希与现有树的根哈希不符。",
    ),
    "checkpoint.order": (
        "A larger checkpoint was signed at an earlier time.",
        "较大的检查点签名时间反而更早。",
    ),
    "tile.missing": ("A tile of the signed tree is missing.", "已签名的树缺少一块哈希。"),
    "tile.changed": (
        "A tile's hashes are not those that the tree above or below them demands.",
        "哈希块的内容与其上层或下层不符。",
    ),
    "tile.unexpected": ("There is a tile beyond the signed tree.", "存在超出已签名树范围的哈希块。"),
    "entry.missing": ("An entry of the log is missing.", "日志缺少一个条目。"),
    "entry.changed": (
        "The entry's bytes do not hash to the leaf that the signed tree holds.",
        "条目内容的哈希与已签名树中的叶不符。",
    ),
    "entry.malformed": ("The entry does not have the form of version 1.", "条目不符合第 1 版格式。"),
    "entry.copy": (
        "What searches read beside the entry is not what the entry says.",
        "检索所用的字段与条目内容不符。",
    ),
    "entry.unplaced": (
        "The entry has no place in the log and is not waiting for one.",
        "条目在日志中没有位置，也未在等待入列。",
    ),
    "entry.awaited": (
        "An entry that waits for its place in the log is missing.",
        "等待入列的条目已不存在。",
    ),
    "bundle.malformed": ("The bundle cannot be cut into its entries.", "条目包无法拆分为条目。"),
    "leaf.unsigned": (
        "There are leaves that no checkpoint covers.",
        "存在未被任何检查点涵盖的叶。",
    ),
    "subject.gap": (
        "A subject's story skips a number or repeats one: an entry was left out or told twice.",
        "事项的条目次序有缺漏或重复：有条目被遗漏或重复记载。",
    ),
    "subject.counter": (
        "The counter of a subject is not the number of its entries: one was removed from the end, or added.",
        "事项的计数与其条目数不符：末尾条目被删除，或有条目被添加。",
    ),
    "row.untold": (
        "A business row belongs to a subject of which the log tells nothing.",
        "业务记录所属的事项在日志中没有任何记载。",
    ),
    "row.state": (
        "A business row is in another state than its entries lead to.",
        "业务记录的状态与其日志条目推得的状态不符。",
    ),
    "row.edge": (
        "An entry tells of a step that the life cycle does not have from there.",
        "条目所记载的步骤不符合生命周期的规定。",
    ),
    "entry.rowless": (
        "The log tells of a subject of which there is no row.",
        "日志记载的事项没有对应的业务记录。",
    ),
    "link.unknown": (
        "An entry links to a subject of which the log tells nothing.",
        "条目所链接的事项在日志中没有任何记载。",
    ),
}
