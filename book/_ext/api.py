"""The API page: its short list of modules written out, and docstrings shown as they are written."""

from __future__ import annotations

import re

from sphinx.application import Sphinx

LIST = re.compile(r"^```\{modules\} (.*)\n```$", re.MULTILINE)
SECTION = """\
### `mecllm.{name}`

```{{eval-rst}}
.. automodule:: mecllm.{name}
```
"""


def write_out(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Give each module that a `{modules}` block names its heading and its documentation."""
    source[0] = LIST.sub(
        lambda block: "\n".join(SECTION.format(name=name) for name in block[1].split()), source[0]
    )


def keep_plain(
    _app: Sphinx, _what: str, _name: str, _object: object, _options: object, lines: list[str]
) -> None:
    """Take bars and stars as written, as in |K - H| and *.csv; they are no markup."""
    lines[:] = [line.replace("|", r"\|").replace("*", r"\*") for line in lines]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("source-read", write_out)
    app.connect("autodoc-process-docstring", keep_plain, priority=400)  # before napoleon
    return {"parallel_read_safe": True, "parallel_write_safe": True}
