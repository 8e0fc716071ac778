"""The load generators: wrk, and the C tools beside this file. The same ones, with the same settings,
drive both stores."""

import json
import os
import random
import signal
import string
import subprocess
import time

import programs
from cluster import Failed, die_with_parent

KEY_COUNT = 10_000
VALUE_SIZE = 256
_STARTUP_S = 0.15  # wrk formats its requests before the load begins
_STOP_S = 15.0
_TOOL_S = 120.0
_random = random.Random(7480)


def key(index):
    return f"bench/{index:08d}"


def value():
    """Text without what JSON would escape; etcd's gateway needs it in base64 all the same."""
    return "".join(_random.choices(string.ascii_letters + string.digits, k=VALUE_SIZE))


def write_list(path, requests):
    """The prepared requests, in the form of requests.lua."""
    with open(path, "w", encoding="utf-8") as file:
        for method, target, body in requests:
            file.write(f"{method}\t{target}\t{body}\n")


def run_wrk(member, requests, connections, seconds):
    """Closed loop: each connection sends its next request when it has the answer to the last one.
    wrk's own -d knows whole seconds only; a signal ends the load at any time."""
    path = os.path.join(os.path.dirname(member.data_dir), "requests.txt")
    write_list(path, requests)
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "requests.lua")
    threads = 1 if connections == 1 else 2
    command = [programs.wrk(), f"-t{threads}", f"-c{connections}", "-d600s", "-s", script, member.url, "--", path]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=die_with_parent
    )
    try:
        time.sleep(seconds + _STARTUP_S)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=_STOP_S)
    finally:
        process.kill()
        process.wait()
    line = next((line for line in output.splitlines() if line.startswith("{")), None)
    if line is None:
        raise Failed(f"wrk: {(errors or output).strip()[:200]}")
    found = json.loads(line)
    if found["bad_status"] or found["lost"] or not found["requests"]:
        method, target, _ = requests[0]
        raise Failed(
            f"{method} {target}: {found['bad_status']} refused, {found['lost']} lost, of {found['requests']} answers"
        )
    found["rate"] = found["requests"] / (found["duration_us"] / 1e6)
    return found


class Watchers:
    """Watches that stand on one server while the context lasts."""

    def __init__(self, store, member, count, puts):
        command = [programs.tool("bench-watch"), store.name, member.port, count, puts]
        self.process = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,
        )

    def __enter__(self):
        try:
            if self.process.stdout.readline() != "standing\n":
                raise Failed(self.process.communicate(timeout=_STOP_S)[1].strip()[:300])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def last_ms(self):
        """Writes the keys; the median time until the last watcher has one."""
        output, errors = self.process.communicate("go\n", timeout=_TOOL_S)
        if self.process.returncode != 0:
            raise Failed(errors.strip()[:300])
        return json.loads(output)["last_ms"]


def run_tool(name, *arguments):
    """A C tool prints one line of JSON."""
    done = subprocess.run(
        [programs.tool(name), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=_TOOL_S,
        check=False,
        preexec_fn=die_with_parent,
    )
    if done.returncode != 0:
        raise Failed(f"{name}: {done.stderr.strip()[:300]}")
    return json.loads(done.stdout)
