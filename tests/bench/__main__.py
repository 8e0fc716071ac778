"""scripts/bench, once everything is built: rounds of both stores, then the table, the JSON file, the plot."""

import argparse
import dataclasses
import os
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))

import failures  # noqa: E402 (the path above comes first)
import floors  # noqa: E402
import loads  # noqa: E402
import pace  # noqa: E402
import plot  # noqa: E402
import programs  # noqa: E402
import report  # noqa: E402
import traffic  # noqa: E402
from cluster import Failed  # noqa: E402
from results import Results  # noqa: E402
from store_etcd import Etcd  # noqa: E402
from store_weft import Weft  # noqa: E402

LONGEST_S = 5400  # whatever happens
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
STORES = (Weft(), Etcd())
ROUND_NAMES = tuple(load.name for load in loads.LOADS if load.name != "program_size")


class Stopped(BaseException):
    """A signal asked the run to end."""


def _stop(number, _frame):
    for other in SIGNALS:
        signal.signal(other, signal.SIG_IGN)  # cleaning up is not interrupted
    raise Stopped(signal.Signals(number).name)


def _names(text):
    names = [name for name in text.split(",") if name]
    for name in names:
        if name not in loads.NAMES:
            raise argparse.ArgumentTypeError(f"there is no load '{name}'; there are: {', '.join(loads.NAMES)}")
    return names


def _rounds(text):
    if not text.isdigit() or not 1 <= int(text) <= 50:
        raise argparse.ArgumentTypeError("a number from 1 to 50")
    return int(text)


def _output(path):
    """A run takes long: a file that cannot be written is refused before it."""
    if not os.access(os.path.dirname(os.path.abspath(path)), os.W_OK) or os.path.isdir(path):
        raise argparse.ArgumentTypeError(f"'{path}' cannot be written")
    return path


def _options(arguments):
    parser = argparse.ArgumentParser(prog="scripts/bench", allow_abbrev=False)
    parser.add_argument("--json", metavar="FILE", type=_output)
    parser.add_argument("--svg", metavar="FILE", type=_output)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", metavar="NAME,...", type=_names)
    parser.add_argument("--rounds", metavar="N", type=_rounds)
    parser.add_argument("--dir", metavar="DIR", default="/var/tmp")
    return parser.parse_args(arguments)


def _say(text):
    print(text, flush=True)


def _measure_program_size(results):
    for name, path in (("weft", programs.WEFTD), ("etcd", programs.etcd())):
        if results.wants("program_size"):
            results.add("program_size", 0, name, programs.stripped_size(path))


def _run_round(run, results, folder, restarts):
    for store in STORES:
        traffic.measure(results, store, folder, run)
    for store in STORES:
        failures.measure_start(results, store, folder)
    for restart in restarts:
        restart.measure()
    for is_fast in (False, True):
        for store in STORES:
            failures.measure_leader_killed(results, store, folder, is_fast, run.kills_in_round())


def _run_rounds(run, results, folder, restarts, began):
    round_s = 0
    for number in range(1, run.rounds + 1):
        round_began = time.monotonic()
        if round_began + round_s * 1.1 - began > run.longest_s:
            _say(f"no time for round {number}: {run.longest_s:.0f} s are nearly over")
            break
        _run_round(run, results, folder, restarts)
        round_s = time.monotonic() - round_began
        _say(f"round {number} of {run.rounds}: {time.monotonic() - began:.0f} s")
        if not run.repeats_slow:
            results.forget(loads.SLOW_NAMES)


def _run(run, results, folder):
    began = time.monotonic()
    restarts = []
    _measure_program_size(results)
    floors.measure(results, folder, run.wrk_s)
    if results.wants("restart_100k_keys"):
        restarts = [failures.Restart(results, store, folder) for store in STORES]
        for restart in restarts:
            restart.fill()
    if results.wants(*ROUND_NAMES):
        _run_rounds(run, results, folder, restarts, began)


def _finish(options, results, facts):
    _say("")
    for line in report.table(results):
        _say(line)
    if options.json:
        report.write_json(results, options.json)
    if options.svg:
        with open(options.svg, "w", encoding="utf-8") as file:
            file.write(plot.draw(results, facts))


def main(arguments):
    options = _options(arguments)
    run = pace.QUICK if options.quick else pace.FULL
    run = dataclasses.replace(run, rounds=options.rounds or run.rounds)
    for number in SIGNALS:
        signal.signal(number, _stop)
    signal.alarm(LONGEST_S)
    results = Results(options.only or loads.NAMES)
    folder = None
    try:
        programs.refuse_memory(options.dir)
        facts = programs.facts(options.dir)
        _say("\n".join(facts))
        folder = tempfile.mkdtemp(prefix="weft-bench-", dir=options.dir)
        _run(run, results, folder)
        _finish(options, results, facts)
    except (programs.Missing, Failed) as fault:
        print(f"bench: {fault}", file=sys.stderr)
        return 1
    except Stopped as stopped:
        print(f"bench: stopped by {stopped}", file=sys.stderr)
        return 1
    finally:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
    return 1 if results.faults else 0


sys.exit(main(sys.argv[1:]))
