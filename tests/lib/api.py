"""The HTTP API over real sockets, with nothing between the test and the bytes.

An answer is never raised as an error: tests look at statuses. What cannot be reached raises OSError.
"""

import base64
import http.client
import json
import socket
import urllib.parse


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers  # lower-case names
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The problem's code; None for an answer that is none."""
        is_problem = self.headers.get("content-type", "").startswith("application/problem+json")
        return self.json["code"] if is_problem else None

    @property
    def revision(self):
        """The state that the answer reflects."""
        return int(self.headers["x-revision"])

    @property
    def etag(self):
        return self.headers.get("etag")

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:1000]!r}"


class Api:
    """One server's address. A connection a request, so that no state is shared between tests."""

    def __init__(self, port, host="127.0.0.1"):
        self.host = host
        self.port = port

    def request(self, method, path, body=None, headers=None, timeout=10.0):
        """`body`: bytes as they are, or anything else as JSON."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            if body is not None and "Content-Length" not in headers:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def put(self, path, body=b"", **options):
        return self.request("PUT", path, body, **options)

    def post(self, path, body=None, **options):
        return self.request("POST", path, body, **options)

    def delete(self, path, **options):
        return self.request("DELETE", path, **options)

    def raw(self, data, timeout=10.0):
        """Sends bytes, returns all bytes until the server closes or nothing comes for the timeout."""
        with socket.create_connection((self.host, self.port), timeout) as connection:
            connection.sendall(data)
            received = []
            try:
                while chunk := connection.recv(65536):
                    received.append(chunk)
            except (TimeoutError, ConnectionResetError):
                pass
            return b"".join(received)

    def watch(self, path, timeout=10.0, headers=None):
        return Watch(self, path, timeout, headers)

    def event_stream(self, path, timeout=10.0, headers=None):
        return EventStream(self, path, timeout, {"Accept": "text/event-stream", **(headers or {})})


class Watch:
    """A stream of events, a line each. Use as a context; iterate, or take what is expected."""

    def __init__(self, api, path, timeout, headers):
        self.connection = http.client.HTTPConnection(api.host, api.port, timeout=timeout)
        self.connection.request("GET", path, headers=headers or {})
        self.response = self.connection.getresponse()
        self.status = self.response.status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.response.close()  # it has the socket of an answer that says Connection: close
        self.connection.close()

    def next(self):
        """The next event; None at the end of the stream. Raises TimeoutError when none comes."""
        line = self.response.readline()
        return json.loads(line) if line else None

    def take(self, count):
        """The next `count` events that are no bookmarks."""
        events = []
        while len(events) < count:
            event = self.next()
            if event is None:
                raise AssertionError(f"the stream ended after {events}")
            if event["type"] != "BOOKMARK":
                events.append(event)
        return events


class EventStream(Watch):
    """The same as server-sent events, read as the WHATWG standard says: last_id is what a browser would
    send as Last-Event-ID, `frames` what each event said: its fields by name."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.last_id = None
        self.frames = []

    def next(self):
        fields = {}
        while line := self.response.readline().decode().rstrip("\n"):
            name, _, value = line.partition(":")
            if name in fields:
                raise AssertionError(f"two fields {name} in one event: {fields}")
            fields[name] = value.removeprefix(" ")
        if not fields:
            return None
        self.last_id = fields.get("id", self.last_id)
        self.frames.append(fields)
        event = json.loads(fields["data"])
        if fields["event"] != event["type"]:
            raise AssertionError(f"the event says two types: {fields}")
        return event


def quote(text):
    return urllib.parse.quote(text, safe="")


def b64(data):
    return base64.b64encode(data).decode()
