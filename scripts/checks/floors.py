"""scripts/floors.txt: which folder may include which, which file alone opens which library's door."""

import os
import re

import c_source
from tree import Finding, top_folder

TABLE = "scripts/floors.txt"
_IDENTIFIER = r"[\w.\-]+"


class Floors:
    """The table, taken apart. `faults` are the table's own."""

    def __init__(self, text):
        self.may_include = {}  # folder -> set of folders
        self.only = {}  # (folder, included folder) -> files of that folder that may
        self.doors = {}  # header -> files, or folders with a slash at the end
        self.faults = []
        for number, line in enumerate(text.split("\n"), 1):
            line = line.split("#", 1)[0].strip()
            if line and not self._take(line):
                self.faults.append(Finding(TABLE, number, f"cannot read the row '{line}'"))
        self._check_order(text)

    def _take(self, line):
        left, colon, right = line.partition(":")
        if not colon:
            return False
        words = left.split()
        if len(words) == 1:
            self.may_include[words[0]] = set(right.split())
        elif len(words) == 2 and words[0] == "only":
            for folder in right.split():
                self.only.setdefault((top_folder(words[1]), folder.rstrip("/")), set()).add(words[1])
        elif len(words) == 2 and words[0] == "door":
            self.doors[words[1]] = right.split()
        else:
            return False
        return True

    def _check_order(self, text):
        """A row names only rows above it, so that no include can go up a floor or round in a circle."""
        above = set()
        for folder, allowed in self.may_include.items():
            number = next(n for n, line in enumerate(text.split("\n"), 1) if re.match(rf"{folder}\s*:", line))
            for other in sorted(allowed - above):
                self.faults.append(Finding(TABLE, number, f"{folder} may not name {other}, which is not above it"))
            above.add(folder)

    def is_behind_door(self, path, header):
        rows = self.doors.get(header)
        return rows is None or any(path == row or (row.endswith("/") and path.startswith(row)) for row in rows)


def check(tree):
    if not tree.has(TABLE):
        return [Finding(TABLE, 0, "is missing")]
    floors = Floors(tree.text(TABLE))
    findings = list(floors.faults)
    for path in tree.paths(".c", ".h", ".def"):
        folder = top_folder(path)
        if folder == "tests":
            continue  # tests may look at every floor
        if folder not in floors.may_include:
            findings.append(Finding(path, 0, f"{TABLE} has no row for {folder or 'the top folder'}"))
            continue
        for line, name, is_quoted in c_source.parse(tree.text(path)).includes:
            message = _refusal(tree, floors, path, name, is_quoted)
            if message:
                findings.append(Finding(path, line, message))
    return findings


def _refusal(tree, floors, path, name, is_quoted):
    """Why this include is not allowed; None when it is."""
    if not is_quoted:
        if floors.is_behind_door(path, name):
            return None
        return f"<{name}> may be included by {' '.join(floors.doors[name])} alone"
    folder, other = top_folder(path), top_folder(name)
    if not tree.has(name):
        return f'"{name}" is no file of this tree; project headers are included by path, others with <>'
    if other == folder:
        return None
    if other not in floors.may_include[folder]:
        return f"{folder}/ may not include {other}/"
    files = floors.only.get((folder, other))
    if files and path not in files:
        return f"in {folder}/, {' '.join(sorted(files))} alone may include {other}/"
    return None
