"""What was measured: a list of values for each load, number of connections and store."""

import statistics


class Results:
    def __init__(self, names):
        self.names = set(names)  # the loads that are wanted
        self.values = {}  # (load, connections, store) -> values, one a round
        self.faults = {}  # (load, store) -> why it could not be measured

    def wants(self, *names):
        return any(name in self.names for name in names)

    def forget(self, names):
        """These loads have been measured often enough."""
        self.names -= set(names)

    def add(self, load, connections, store, value):
        if load in self.names:
            self.values.setdefault((load, connections, store), []).append(value)

    def fault(self, load, store, reason):
        if load in self.names:
            self.faults[(load, store)] = str(reason)

    def median(self, load, connections, store):
        """None when there is no value, or when any round failed: no median hides a fault."""
        values = self.values.get((load, connections, store))
        if not values or (load, store) in self.faults:
            return None
        return statistics.median(values)

    def ratios(self, load, connections):
        """Lowest and highest ratio of a round, weft / etcd; both stores were measured minutes apart at most."""
        weft, etcd = (self.values.get((load, connections, store), []) for store in ("weft", "etcd"))
        found = [ours / theirs for ours, theirs in zip(weft, etcd) if theirs]
        return (min(found), max(found)) if found else None
