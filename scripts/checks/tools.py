"""Rules that other programs know: clang-format, clang-tidy, shellcheck, Python's compiler."""

import concurrent.futures
import hashlib
import json
import os
import re
import shutil
import subprocess

import c_source
from tree import Finding, Skip

CLANG_MAJOR = 14  # Debian 12's; other versions lay out some lines differently, and look for other things


def _run(command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)


def _find_program(*names):
    for name in names:
        if shutil.which(name):
            return name
    raise Skip(f"{names[-1]} is not installed")


def _from_output(tree, output, pattern, folder=None):
    """Findings from lines such as "file:12:3: error: message"; paths are relative to the folder."""
    findings = []
    for match in re.finditer(pattern, output, re.MULTILINE):
        path = os.path.relpath(os.path.join(folder or tree.root, match["path"]), tree.root)
        findings.append(Finding(path, int(match["line"]), match["message"]))
    return findings


def _expect_clang(version, what):
    major = re.search(r"version (\d+)", version)
    if not major or int(major[1]) != CLANG_MAJOR:
        found = next((line.strip() for line in version.splitlines() if "version" in line), version.strip())
        raise Skip(f"{what} {CLANG_MAJOR}; here is: {found}")


def check_format(tree):
    program = _find_program(f"clang-format-{CLANG_MAJOR}", "clang-format")
    version = _run([program, "--version"]).stdout
    _expect_clang(version, "the layout is that of clang-format")
    paths = tree.paths(".c", ".h")
    if not paths:
        return []
    output = _run([program, "--dry-run", "--Werror", "--ferror-limit=1", *paths], cwd=tree.root).stdout
    return _from_output(tree, output, r"^(?P<path>[^:\n]+):(?P<line>\d+):\d+: error: (?P<message>code should be .*)$")


def check_shell(tree):
    program = _find_program("shellcheck")
    paths = list(tree.scripts("bash")) + tree.paths(".sh")
    if not paths:
        return []
    findings = [
        Finding(path, 0, "is not strict: set -euo pipefail, or source scripts/common.sh")
        for path in paths
        if "set -euo pipefail" not in tree.text(path) and "/common.sh" not in tree.text(path)
    ]
    output = _run([program, "-x", "-P", "SCRIPTDIR", "-f", "gcc", *paths], cwd=tree.root).stdout
    return findings + _from_output(tree, output, r"^(?P<path>[^:\n]+):(?P<line>\d+):\d+: (?P<message>.*)$")


def check_python(tree):
    findings = []
    for path in tree.paths(".py") + list(tree.scripts("python")):
        try:
            compile(tree.text(path), path, "exec")
        except SyntaxError as error:
            findings.append(Finding(path, error.lineno or 0, str(error.msg)))
    return findings


# ---- clang-tidy: slow, so each file's verdict is kept under the hash of all that it depends on ----


def _closure(tree, path):
    """The file and all project files that it includes, however deep."""
    seen = set()
    waiting = [path]
    while waiting:
        at = waiting.pop()
        if at in seen or not tree.has(at):
            continue
        seen.add(at)
        waiting += [name for _, name, is_quoted in c_source.parse(tree.text(at)).includes if is_quoted]
    return sorted(seen)


def _commands(build_folder, root):
    """Path below the root -> compiler arguments."""
    with open(os.path.join(build_folder, "compile_commands.json"), encoding="utf-8") as file:
        rows = json.load(file)
    paths = {}
    for row in rows:
        path = os.path.relpath(os.path.join(row["directory"], row["file"]), root)
        if not path.startswith(".."):
            paths[path] = row["command"]
    return paths


def _tidy_key(tree, version, path, command):
    digest = hashlib.sha256(f"{version}\n{command}\n".encode())
    for name in [".clang-tidy", *_closure(tree, path)]:
        if tree.has(name) or name == ".clang-tidy":
            with open(os.path.join(tree.root, name), "rb") as file:
                digest.update(name.encode() + b"\0" + file.read() + b"\0")
    return digest.hexdigest()


def _tidy_file(tree, program, build_folder, path, cache_path):
    if os.path.exists(cache_path):
        with open(cache_path, encoding="utf-8") as file:
            return file.read()
    # --extra-arg: the analyser does not know gcc's own flags.
    result = _run(
        [program, "-p", build_folder, "--quiet", "--extra-arg=-Wno-unknown-warning-option", os.path.join(tree.root, path)],
        cwd=tree.root,
    )
    output = "\n".join(line for line in result.stdout.split("\n") if re.match(r"[^:\s]+:\d+:\d+: (error|warning): ", line))
    if result.returncode != 0 and not output:
        return f"{path}:1:1: error: clang-tidy failed: {result.stdout[-300:]}"
    with open(cache_path + ".new", "w", encoding="utf-8") as file:
        file.write(output)
    os.rename(cache_path + ".new", cache_path)
    return output


def check_tidy(tree, build_folder=None):
    program = _find_program("clang-tidy")
    build_folder = build_folder or os.path.join(tree.root, "build")
    if not os.path.exists(os.path.join(build_folder, "compile_commands.json")):
        raise Skip(f"{os.path.relpath(build_folder, tree.root)}/ is not configured: scripts/build does it")
    cache = os.path.join(build_folder, "tidy-cache")
    os.makedirs(cache, exist_ok=True)
    version = _run([program, "--version"]).stdout
    _expect_clang(version, "the analyser's rules were chosen with clang-tidy")
    commands = {path: command for path, command in _commands(build_folder, tree.root).items() if tree.has(path)}
    keys = {path: _tidy_key(tree, version, path, command) for path, command in commands.items()}
    for stale in set(os.listdir(cache)) - set(keys.values()):
        os.unlink(os.path.join(cache, stale))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        outputs = pool.map(
            lambda path: _tidy_file(tree, program, build_folder, path, os.path.join(cache, keys[path])), sorted(commands)
        )
        pattern = r"^(?P<path>[^:\n]+):(?P<line>\d+):\d+: (?:error|warning): (?P<message>.*)$"
        findings = set()
        for output in outputs:
            findings.update(_from_output(tree, output, pattern, build_folder))
    return sorted(findings)
