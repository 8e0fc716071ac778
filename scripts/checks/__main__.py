"""python3 scripts/checks [--root DIR] [--build DIR] [--self-test] [--list] [RULE...]: TAP on stdout."""

import argparse
import functools
import os
import sys

import floors
import self_test
import shape
import tools
import words
from tree import Skip, Tree

RULES = {
    "floors": (floors.check, "a folder includes only what scripts/floors.txt allows"),
    "words": (words.check, "nothing of the list 'not here' is here"),
    "shape": (shape.check, "functions, files, headers and folders have the house's shape"),
    "format": (tools.check_format, "clang-format has nothing to change"),
    "shell": (tools.check_shell, "shellcheck finds nothing in the scripts"),
    "python": (tools.check_python, "the Python files compile"),
    "tidy": (tools.check_tidy, "clang-tidy finds nothing"),
}


def _outcome(name, function, tree):
    """(is_ok, reason to skip or None, findings)"""
    try:
        findings = function(tree)
    except Skip as skip:
        return True, str(skip), []
    return not findings, None, sorted(findings)


def main():
    parser = argparse.ArgumentParser(prog="scripts/check", description="Checks the house rules.")
    parser.add_argument("rules", nargs="*", metavar="RULE", help="only these: " + ", ".join(RULES))
    parser.add_argument("--root", default=os.getcwd())
    parser.add_argument("--build", help="a configured build folder, for clang-tidy")
    parser.add_argument("--self-test", action="store_true", help="plant violations; every rule must find its own")
    parser.add_argument("--list", action="store_true", help="print the rules")
    arguments = parser.parse_args()
    unknown = set(arguments.rules) - set(RULES)
    if unknown:
        parser.error(f"there is no rule {', '.join(sorted(unknown))}")
    chosen = {name: row for name, row in RULES.items() if not arguments.rules or name in arguments.rules}
    if arguments.list:
        for name, (_, claim) in chosen.items():
            print(f"{name:8} {claim}")
        return 0
    if arguments.self_test:
        outcomes = self_test.run({name: function for name, (function, _) in chosen.items()})
    else:
        outcomes = []
        tree = Tree(os.path.realpath(arguments.root))
        for name, (function, _) in chosen.items():
            if name == "tidy" and arguments.build:
                function = functools.partial(function, build_folder=os.path.realpath(arguments.build))
            outcomes.append((name, *_outcome(name, function, tree)))
    return _print_tap(outcomes)


def _print_tap(outcomes):
    for number, (name, is_ok, skip, findings) in enumerate(outcomes, 1):
        print(f"{'ok' if is_ok else 'not ok'} {number} - {name}{f' # SKIP {skip}' if skip else ''}")
        for finding in findings:
            print(f"# {finding}")
    print(f"1..{len(outcomes)}", flush=True)
    return 0 if outcomes and all(outcome[1] for outcome in outcomes) else 1


sys.exit(main())
