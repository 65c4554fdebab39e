"""The readable report of an evidence bag: one HTML page in Chinese and English, without scripts or outside links.

The page is for people. What it says is proven by the entry files beside it, not by the page.
"""

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

from exchange.journal import canonical
from exchange.journal.checkpoint import Checkpoint

_HEAD: Final = """<!doctype html>
<html lang="zh-Hans">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ border: 1px solid #767676; padding: .3rem .5rem; text-align: left; vertical-align: top }}
td, code {{ overflow-wrap: anywhere }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>本页仅供阅读；证明力在于同一证据包内的条目文件、日志证明与签名。</p>
<p lang="en">This page is for reading; what proves are the entry files, log proofs and signatures in the same bag.</p>
"""

_ENTRIES: Final = """<h2>条目 <span lang="en">Entries</span></h2>
<table>
<thead><tr><th>序号 <span lang="en">Index</span></th><th>时间 <span lang="en">Time (UTC)</span></th>\
<th>事项 <span lang="en">Subject and action</span></th><th>行为人 <span lang="en">Actor</span></th>\
<th>内容 <span lang="en">Facts and digests</span></th></tr></thead>
<tbody>
"""

_FOOT: Final = """<h2>核验 <span lang="en">Verification</span></h2>
<p>从独立渠道取得日志公钥后运行：<code>databourse verify FILE --key VKEY</code></p>
<p lang="en">Obtain the log's key from an independent source, then run the command above.</p>
</body>
</html>
"""


def render(
    *,
    about: str,
    complete: Mapping[str, int],
    withheld: Mapping[str, str],
    tree: Checkpoint,
    entries: Iterable[tuple[int, Mapping[str, Any]]],
    documents: Sequence[str],
) -> Iterator[bytes]:
    """The page, in parts: what the bag is about, the checkpoint, then each entry with its index, then documents."""
    yield _HEAD.format(title=f"证据报告 Evidence report: {escape(about)}").encode()
    yield _checkpoint(tree).encode()
    yield _list(
        "完整的事项 <span lang='en'>Complete subjects</span>", [f"{s} #1–{n}" for s, n in sorted(complete.items())]
    )
    yield _ENTRIES.encode()
    for index, leaf in entries:
        yield _row(index, leaf).encode()
    yield b"</tbody>\n</table>\n"
    yield _list("文件 <span lang='en'>Documents (SHA-256)</span>", documents)
    kept_back = [f"{digest}: {reason}" for digest, reason in sorted(withheld.items())]
    yield _list("未附文件及理由 <span lang='en'>Not included, and why</span>", kept_back)
    yield _FOOT.encode()


def _checkpoint(tree: Checkpoint) -> str:
    return (
        '<h2>检查点 <span lang="en">Checkpoint</span></h2>\n'
        f'<p>日志 <span lang="en">Log</span>: <code>{escape(tree.origin)}</code><br>\n'
        f'条目总数 <span lang="en">Size</span>: {tree.size}<br>\n'
        f'根哈希 <span lang="en">Root</span>: <code>{base64.b64encode(tree.root).decode()}</code></p>\n'
    )


def _row(index: int, leaf: Mapping[str, Any]) -> str:
    actor = f"{leaf['org'] or '—'} ({leaf['role']})"
    digests = "".join(f"<br>{escape(name)}: <code>{digest}</code>" for name, digest in leaf["digests"].items())
    return (
        f"<tr><td>{index}</td><td>{escape(leaf['at'])}</td>"
        f"<td>{escape(leaf['subject'])} #{leaf['seq']}<br>{escape(leaf['action'])}</td>"
        f"<td>{escape(actor)}</td>"
        f"<td><code>{escape(canonical.dumps(leaf['facts']).decode())}</code>{digests}</td></tr>\n"
    )


def _list(heading: str, items: Sequence[str]) -> bytes:
    lines = "".join(f"<li>{escape(item)}</li>\n" for item in items) or '<li>无 <span lang="en">None</span></li>\n'
    return f"<h2>{heading}</h2>\n<ul>\n{lines}</ul>\n".encode()
