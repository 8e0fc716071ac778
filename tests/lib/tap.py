"""The Test Anything Protocol, as far as our tests speak it: "ok 3 - claim # SKIP reason", "not ok",
"# diagnosis" lines behind what they belong to, and the plan "1..N"."""

import re
from dataclasses import dataclass, field

_LINE = re.compile(r"^(not ok|ok)\b\s*\d*\s*(?:-\s*)?(.*?)(?:\s*#\s*(SKIP)\b\s*(.*))?$", re.IGNORECASE)
_PLAN = re.compile(r"^1\.\.(\d+)\b")


@dataclass
class Result:
    name: str
    is_ok: bool
    skip_reason: str = None  # None: it ran
    diagnosis: list = field(default_factory=list)


def parse(output):
    """(results, planned count or None)"""
    results = []
    planned = None
    for line in output.split("\n"):
        match = _LINE.match(line)
        if match:
            is_skipped = match[3] is not None
            results.append(Result(match[2].strip(), match[1].lower() == "ok", (match[4] or "") if is_skipped else None))
        elif line.startswith("#") and results:
            results[-1].diagnosis.append(line[1:].strip(" "))
        elif _PLAN.match(line):
            planned = int(_PLAN.match(line)[1])
    return results, planned


def line_of(number, name, is_ok, skip_reason=None):
    text = f"{'ok' if is_ok else 'not ok'} {number} - {name}"
    return f"{text} # SKIP {skip_reason}" if skip_reason is not None else text
