"""A page's Content-Security-Policy: its own styles, named by their hash, and nothing else.

https://www.w3.org/TR/CSP3/: a policy in a `meta` element holds for what follows it.
"""

from __future__ import annotations

import base64
import hashlib
import re

_HEAD = '<meta charset="utf-8">'
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_ATTRIBUTE = re.compile(r'<[a-z][^<>]* style="')


def sealed(page: str) -> str:
    """Return the page with its policy: no script, no frame, no form, nothing from elsewhere.

    Style attributes are allowed where the page has some; foreign text cannot bring one in, for
    its quotes and angle brackets are escaped.
    """
    policy = [
        "default-src 'none'",
        f"style-src {' '.join(map(_hash, _STYLE.findall(page))) or _NONE}",
        *(["style-src-attr 'unsafe-inline'"] if _ATTRIBUTE.search(page) else []),
        "base-uri 'none'",
        "form-action 'none'",
    ]
    meta = f'<meta http-equiv="Content-Security-Policy" content="{"; ".join(policy)}">'
    return page.replace(_HEAD, f'{_HEAD}\n{meta}\n<meta name="referrer" content="no-referrer">', 1)


_NONE = "'none'"


def _hash(style: str) -> str:
    digest = hashlib.sha256(style.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
