"""The files of a source tree, read once; and what a rule answers.

A tree is a folder, not a commit: what is not committed yet is checked too, and so are the planted trees
of the self-test. Build folders and dot folders are not part of it.
"""

import os
from dataclasses import dataclass, field


@dataclass(frozen=True, order=True)
class Finding:
    path: str
    line: int  # from 1; 0: the file as a whole
    message: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.message}" if self.line else f"{self.path}: {self.message}"


class Skip(Exception):
    """The rule cannot run on this machine; says why."""


@dataclass
class Tree:
    root: str
    texts: dict = field(default_factory=dict)

    def paths(self, *endings):
        """All paths below the root with one of these endings, in order; all files without endings."""
        return [path for path in sorted(self._all()) if not endings or path.endswith(endings)]

    def _all(self):
        if not self.texts:
            for folder, folders, files in os.walk(self.root):
                is_top = folder == self.root
                folders[:] = [f for f in folders if not _is_passed_over(f, is_top)]
                for name in files:
                    path = os.path.relpath(os.path.join(folder, name), self.root)
                    self.texts[path] = None
        return self.texts

    def text(self, path):
        if self._all().get(path) is None:
            with open(os.path.join(self.root, path), encoding="utf-8", errors="surrogateescape") as file:
                self.texts[path] = file.read()
        return self.texts[path]

    def has(self, path):
        return path in self._all()

    def scripts(self, interpreter):
        """Files without an ending whose first line names the interpreter."""
        for path in self.paths():
            if "." not in os.path.basename(path) and os.path.getsize(os.path.join(self.root, path)):
                first_line = self.text(path).split("\n", 1)[0]
                if first_line.startswith("#!") and interpreter in first_line:
                    yield path


def _is_passed_over(folder, is_top):
    if folder == "__pycache__" or (folder.startswith(".") and folder != ".ci"):
        return True
    return is_top and (folder == "build" or folder.startswith("build-"))


def top_folder(path):
    """"raft" for "raft/log.c"; "" for a file at the top."""
    return path.split("/", 1)[0] if "/" in path else ""
