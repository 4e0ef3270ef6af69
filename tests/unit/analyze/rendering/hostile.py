"""Texts that want to be more than text."""

import json
from functools import cache

from results import Results
from tests.unit.analyze.rendering.samples import full_results

ATTACKS = (
    "\"><script>alert('script')</script><img src=x onerror=alert('image')>",
    "</script><script>alert('block')</script><!--<script>",
    "</td></table></details></main><svg onload=alert('svg')>",
    '<a href="javascript:alert(1)">link</a> [link](javascript:alert(2)) <b>bold</b> &lt;i&gt;',
    "| cell | `code` | **bold** | {{ 7 * 7 }} | ${7 * 7} | %{customdata} | $group1 | \\| https://example.com",
    "line\u2028separator\u2029and\nnewline\n\n# heading\n\n- item\n\n```\nfence",
)

ALL_AT_ONCE = (
    "\"><script>alert(1)</script><img src=x onerror=alert(2)><a href='javascript:alert(3)'>a</a> <b>b</b> &lt;i&gt;"
)


@cache
def attacked(text: str) -> Results:
    """Results with the text in every place that holds text, names included, whatever a store would say of them."""
    document = full_results(text).model_dump_json()
    for name in ("long", "ranking", "bakeoff", "SAFETY_THRESHOLD_BREACHED"):
        document = document.replace(json.dumps(name), json.dumps(text + name))
    return Results.model_validate_json(document).model_copy(update={"experiment": text})
