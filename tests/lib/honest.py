"""An honest client: a put and a get after the other on one connection, each timed, while others misbehave.

    with Honest(api) as idle: time passes
    with Honest(api) as besieged: ...
    besieged.check(claim, idle)

What is usual is measured before and after: other programs may have begun to use the machine meanwhile.
"""

import http.client
import threading
import time

NOISE_S = 0.250  # of a machine that does other things, too
FACTOR = 5


class Honest:
    def __init__(self, api, timeout=10.0):
        self.api = api
        self.connection = http.client.HTTPConnection(api.host, api.port, timeout=timeout)
        self.delays = []
        self.faults = []
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()
        self.connection.close()

    def _run(self):
        number = 0
        while not self.is_over.is_set():
            number += 1
            body = str(number).encode()
            try:
                self._time("PUT", body)
                self._time("GET", None)
            except (OSError, http.client.HTTPException) as fault:
                self.faults.append(repr(fault))
                self.connection.close()

    def _time(self, method, body):
        began = time.monotonic()
        self.connection.request(method, "/v1/kv/honest", body)
        answer = self.connection.getresponse()
        answer.read()
        self.delays.append(time.monotonic() - began)
        if answer.status not in (200, 201):
            self.faults.append(f"{method}: {answer.status}")

    def quantile(self, part):
        ordered = sorted(self.delays)
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else float("inf")

    def __str__(self):
        return f"{len(self.delays)} requests, p50 {self.quantile(0.5) * 1e3:.2f} ms, p99 {self.quantile(0.99) * 1e3:.2f} ms"

    def check(self, claim, idle):
        """Served without a fault, and about as soon as when nobody misbehaved."""
        again = measure_idle(self.api)
        print(f"# honest client: idle before {idle}; meanwhile {self}; idle after {again}", flush=True)
        claim.assertEqual(self.faults, [])
        claim.assertGreater(len(self.delays), 20)
        usual_s = max(idle.quantile(0.99), again.quantile(0.99))
        claim.assertLess(self.quantile(0.99), max(FACTOR * usual_s, NOISE_S))


def measure_idle(api, seconds=1.0):
    with Honest(api) as idle:
        time.sleep(seconds)
    return idle
