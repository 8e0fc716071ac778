"""Plants violations in a temporary tree: each rule must find every one of its own, and nothing in a
clean tree. A rule without plants fails here."""

import os
import tempfile

from tree import Skip, Tree

_FLOORS = "util:\nstore: util\nraft: store util\nonly raft/fsm.c: store/\ndoor lmdb.h: store/txn.c\n"
_UNIT_H = "/* A unit. */\n#ifndef WEFT_STORE_KEY_H\n#define WEFT_STORE_KEY_H\n\nint key_size(void);\n\n#endif\n"
_UNIT_C = '#include "store/key.h"\n\nint key_size(void) {\n    return 4;\n}\n'
_CLEAN = {
    ".clang-format": "BasedOnStyle: LLVM\nIndentWidth: 4\nColumnLimit: 100\nAllowShortFunctionsOnASingleLine: None\n",
    ".clang-tidy": "Checks: '-*,bugprone-*,misc-no-recursion,clang-analyzer-*'\nWarningsAsErrors: '*'\n",
    "scripts/floors.txt": _FLOORS,
    "scripts/README.md": "# scripts\n",
    "scripts/go": "#!/usr/bin/env bash\nset -euo pipefail\necho \"$1\"\n",
    "scripts/tool.py": "print('hello')\n",
    "store/README.md": "# store\n",
    "store/key.h": _UNIT_H,
    "store/key.c": _UNIT_C,
    "store/rows.def": "ROW(1)\n",
    "store/rows.c": (
        "/* A table. */\n\nint row_of(int n) {\n    switch (n) {\n"
        "#define ROW(x)                                                                                     \\\n"
        "    case x:                                                                                        \\\n"
        "        return x;\n"
        '#include "store/rows.def"\n#undef ROW\n    }\n    return 0;\n}\n'
    ),
    "raft/README.md": "# raft\n",
    "raft/fsm.c": '/* The state machine. */\n#include "store/key.h"\n\nint fsm_size(void) {\n    return key_size();\n}\n',
}


def _with_body(body, includes=""):
    """store/key.c with this body, so that only the body can be at fault."""
    return {"store/key.c": f'#include "store/key.h"\n{includes}\nint key_size(void) {{\n{body}\n    return 4;\n}}\n'}


def _with_comment(comment):
    return {"store/key.c": _UNIT_C.replace("    return 4;", f"    {comment}\n    return 4;")}


# rule -> what is planted (a file replaces the clean tree's; None removes it) and words of the finding.
_PLANTS = {
    "floors": [
        ({"store/key.c": '#include "store/key.h"\n#include "raft/log.h"\n', "raft/log.h": "/* */\n"}, "store/ may not include raft/"),
        ({"raft/log.c": '/* Log. */\n#include "store/key.h"\n'}, "raft/fsm.c alone may include store/"),
        ({"store/key.c": '#include "store/key.h"\n#include <lmdb.h>\n'}, "<lmdb.h> may be included by store/txn.c alone"),
        ({"store/key.c": '#include "key.h"\n'}, "is no file of this tree"),
        ({"attic/old.c": "/* Old. */\n"}, "has no row for attic"),
        ({"scripts/floors.txt": _FLOORS.replace("util:", "util: raft")}, "util may not name raft"),
        ({"scripts/floors.txt": _FLOORS + "nonsense\n"}, "cannot read the row"),
        ({"scripts/floors.txt": None}, "is missing"),
    ],
    "words": [
        (_with_body("    strcpy(a, b);"), "strcpy()"),
        (_with_body("    int n = atoi(text);"), "atoi()"),
        (_with_body("    char *p = alloca(n);"), "alloca()"),
        (_with_body('    system("ls");'), "system()"),
        (_with_body("    usleep(1000);"), "usleep()"),
        (_with_body("    char *p = malloc(3);"), "malloc()"),
        (_with_body("    int fd = open(path, O_RDONLY);"), "open() without O_CLOEXEC"),
        (_with_body("    int fd = socket(AF_INET, SOCK_STREAM, 0);"), "socket() without SOCK_CLOEXEC"),
        (_with_body("    int fd = dup(2);"), "dup()"),
        (_with_body("#define TRY(x) if (x) return 1;"), "a macro hides return"),
        (_with_body("#define ROW(x) return x;\n    int n = 0;"), "a macro hides return"),
        (_with_body("#if 0\n    n++;\n#endif"), "dead code"),
        (_with_comment("/* key = key + 1; */"), "commented-out code"),
        (_with_comment("// key_reset(key);"), "commented-out code"),
        (_with_comment("/* " + "TO" + "DO: bounds */"), "unfinished work"),
        (_with_body('    LOG_WARN("snapshots are not ' + 'implemented");'), "unfinished work"),
        ({"scripts/go": "#!/usr/bin/env bash\nset -euo pipefail\ncd /ro" + "ot/weft\n"}, "a path of one machine"),
        ({"store/README.md": "See /wo" + "rk/main.\n"}, "a path of one machine"),
    ],
    "shape": [
        (_with_body("    key_step();\n" * 68), "key_size() has 7"),
        ({"store/long.c": "/* Long. */\n" + "\n" * 500}, "has 501 lines"),
        ({"store/key.h": _UNIT_H.replace("/* A unit. */\n", "")}, "begins with a comment"),
        ({"store/key.h": _UNIT_H.replace("WEFT_STORE_KEY_H", "KEY_H")}, "no include guard"),
        ({"store/key.c": "#include <stdio.h>\n#include \"store/other.h\"\n#include \"store/key.h\"\n"}, 'includes "store/key.h" first'),
        ({"store/lone.c": "int lone(void);\n"}, "has no header of its own"),
        ({"store/README.md": None}, "has no README.md"),
    ],
    "format": [
        ({"store/key.c": _UNIT_C.replace("    return", "  return")}, "code should be clang-formatted"),
        ({"store/key.h": _UNIT_H.replace("int key_size(void);", "int   key_size(void);")}, "code should be clang-formatted"),
    ],
    "shell": [
        ({"scripts/go": "#!/usr/bin/env bash\nset -euo pipefail\nrm $1\n"}, "Double quote"),
        ({"scripts/go": "#!/usr/bin/env bash\necho hello\n"}, "is not strict"),
    ],
    "python": [
        ({"scripts/tool.py": "def f(:\n"}, "invalid syntax"),
    ],
    "tidy": [
        (_with_body("    int *p = 0;\n    *p = 3;"), "Dereference of null"),
        (_with_body("    if (key_size() > 9)\n        return key_size();"), "recursive call chain"),
    ],
}


def _plant(folder, files):
    for path, text in files.items():
        full = os.path.join(folder, path)
        if text is None:
            os.unlink(full)
            continue
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)


def _add_build(folder):
    """A build folder as meson would have made it, for clang-tidy."""
    path = os.path.join(folder, "store/key.c")
    rows = f'[{{"directory": "{folder}", "file": "{path}", "command": "cc -iquote {folder} -c {path}"}}]'
    _plant(folder, {"build/compile_commands.json": rows})


def _findings(function, files):
    with tempfile.TemporaryDirectory(prefix="weft-check-") as folder:
        folder = os.path.realpath(folder)
        _plant(folder, _CLEAN)
        _plant(folder, files)
        _add_build(folder)
        return function(Tree(folder))


def _faults(name, function):
    """What is wrong with the rule itself."""
    plants = _PLANTS.get(name, [])
    if not plants:
        return ["no violation is planted for it: it proves nothing"]
    faults = [f"finds a fault in the clean tree: {finding}" for finding in _findings(function, {})]
    for files, words in plants:
        found = _findings(function, files)
        if not any(words in str(finding) for finding in found):
            faults.append(f"misses '{words}' in {', '.join(files)}; found: {[str(f) for f in found]}")
    return faults


def run(rules):
    outcomes = []
    for name, function in rules.items():
        try:
            faults = _faults(name, function)
            outcomes.append((f"self-test/{name}", not faults, None, faults))
        except Skip as skip:
            outcomes.append((f"self-test/{name}", True, str(skip), []))
    return outcomes
