"""The table and the JSON file."""

import json

from loads import FLOORS, LOADS


def rows(results):
    """A dict a row, as the JSON file has them; only what both stores measured."""
    found = []
    for load in LOADS:
        for connections in load.connections:
            weft, etcd = (results.median(load.name, connections, store) for store in ("weft", "etcd"))
            if weft is not None and etcd:
                found.append({
                    "load": load.name,
                    "connections": connections,
                    "unit": load.unit,
                    "weft": round(weft, 4),
                    "etcd": round(etcd, 4),
                    "ratio": round(weft / etcd, 4),
                })
    return found


def floors(results):
    """What nothing on this machine can beat; no store is involved."""
    found = []
    for load in FLOORS:
        for connections in load.connections:
            value = results.median(load.name, connections, "machine")
            if value is not None:
                found.append(
                    {"load": load.name, "connections": connections, "unit": load.unit, "value": round(value, 4)}
                )
    return found


def write_json(results, path):
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"rows": rows(results), "floors": floors(results)}, file, indent=1)
        file.write("\n")


def is_reached(load, connections, ratio):
    """None where there is no reach."""
    reach = load.reach.get(connections)
    if reach is None:
        return None
    return ratio >= reach if load.is_rate else ratio <= reach


def _number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _reach_text(load, connections, ratio):
    reach = load.reach.get(connections)
    if reach is None:
        return ""
    sign = ">=" if load.is_rate else "<="
    return f"{sign} {reach:g}x  {'reached' if is_reached(load, connections, ratio) else 'MISSED'}"


def table(results):
    """Lines for people. Lower ratios are better but for rates."""
    lines = [f"{'load':<22} {'conns':>5}  {'unit':<8} {'weft':>12} {'etcd':>12} {'ratio':>8}  {'of rounds':<14} reach"]
    by_key = {(row["load"], row["connections"]): row for row in rows(results)}
    for load in LOADS:
        for connections in load.connections:
            row = by_key.get((load.name, connections))
            if row:
                reach = _reach_text(load, connections, row["ratio"])
                low, high = results.ratios(load.name, connections)
                rounds = f"{low:.2g}..{high:.2g}"
                lines.append(
                    f"{load.name:<22} {connections or '':>5}  {load.unit:<8} {_number(row['weft']):>12} "
                    f"{_number(row['etcd']):>12} {row['ratio']:>7.3g}x  {rounds:<14} {reach}".rstrip()
                )
    for row in floors(results):
        lines.append(f"{row['load']:<22} {row['connections']:>5}  {row['unit']:<8} {_number(row['value']):>12}")
    for (name, store), reason in results.faults.items():
        lines.append(f"{name:<22} not measured, {store}: {reason}")
    return lines
