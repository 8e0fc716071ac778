"""/metrics, taken apart: Prometheus' text format 0.0.4."""

import os
import re
import shutil

_LINE = re.compile(r'^([a-z_][a-z0-9_]*)(?:\{(.*)\})? (\S+)$')
_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def read(api):
    """{name: {frozenset of (label, value): number}}"""
    return parse(api.get("/metrics").body.decode())


def parse(text):
    series = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None:
            raise AssertionError(f"not a line of metrics: {line!r}")
        labels = frozenset(_LABEL.findall(match[2] or ""))
        family = series.setdefault(match[1], {})
        if labels in family:
            raise AssertionError(f"twice: {line!r}")
        family[labels] = float(match[3])
    return series


def value(series, name, **labels):
    return series[name][frozenset(labels.items())]


def find_promtool():
    """Where promtool is (scripts/setup --tools); None when it is nowhere."""
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "weft", "promtool")
    return shutil.which("promtool") or (cache if os.access(cache, os.X_OK) else None)
