#!/usr/bin/env python3
"""Asks a served topology random questions and compares every answer with DuckDB's over the same lines: see prove-queries.

    prove_queries.py MILLRACE DIRECTORY QUERIES EVENTS SEED

Where buckets begin is computed here with Python's own time zones; DuckDB filters, groups and adds up.
"""

import decimal
import json
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import duckdb

MINUTE, HOUR, DAY, QUARTER = 60_000, 3_600_000, 86_400_000, 900_000
GAP = 30 * MINUTE
HOME = "America/New_York"
ZONES = [HOME, "UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Adelaide", "Pacific/Auckland", "America/St_Johns"]

TOPOLOGY = f"""
topology: proof
timezone: {HOME}
source: {{ topic: events, horizon: 72h }}
sessions: {{ gap: 30m }}
views:
  traffic:
    rollup:
      of: events
      by: [event_type, geo.country, device.type]
      measures:
        events: count
        users: distinct(user_id)
        revenue: sum(properties.amount, scale=2)
        price: avg(properties.amount)
        least: min(properties.amount, scale=2)
        most: max(properties.amount, scale=2)
        p90: quantile(properties.amount, 0.9)
        carts: count where event_type = 'add_to_cart'
      grains: {{ minute: forever, hour: forever, day: forever }}
  visits:
    rollup:
      of: sessions
      by: [geo.country, device.type]
      measures:
        sessions: count
        visitors: distinct(user_id)
        bounces: count where events = 1
        duration: avg(duration)
        p50: quantile(duration, 0.5)
      grains: {{ hour: forever, day: forever }}
"""

LOAD = f"""
create table events as
select any_value(coalesce(user_id, anonymous_id)) as u, event_id, any_value(event_type) as event_type,
  any_value(epoch_ms("timestamp")) as t, any_value(geo.country) as country, any_value(device."type") as device,
  any_value(properties.amount) as amount
from read_ndjson($FILE, columns = {{event_id: 'VARCHAR', event_type: 'VARCHAR', user_id: 'VARCHAR',
  anonymous_id: 'VARCHAR', "timestamp": 'TIMESTAMP', device: 'STRUCT("type" VARCHAR)', geo: 'STRUCT(country VARCHAR)',
  properties: 'STRUCT(amount DECIMAL(18,2))'}})
group by event_id
"""

# Of the events of a user in the order of time and id: the ends of each session, and what its first event says.
SESSIONS = f"""
create table sessions as
with numbered as (
  select *, sum(case when before is null or t - before > {GAP} then 1 else 0 end)
    over (partition by u order by t, event_id) as session
  from (select *, lag(t) over (partition by u order by t, event_id) as before from events))
select u, min(t) as t, max(t) - min(t) as duration, count(*) as n,
  first(country order by t, event_id) as country, first(device order by t, event_id) as device
from numbered group by u, session
"""

DIMENSIONS = {
    "traffic": {"event_type": "event_type", "geo.country": "country", "device.type": "device"},
    "visits": {"geo.country": "country", "device.type": "device"},
}
# What DuckDB adds up, from which the value is made; digits after the point; whether it is exact.
COUNT, SUM, AVG, LEAST, MOST, QUANTILE = range(6)
METRICS = {
    "traffic": {
        "events": (COUNT, "count(*)", 0), "users": (COUNT, "count(distinct u)", 0),
        "revenue": (SUM, "coalesce(sum(amount), 0)", 2), "price": (AVG, "[sum(amount)::decimal(38,2), count(amount)]", 6),
        "least": (LEAST, "min(amount)", 2), "most": (MOST, "max(amount)", 2),
        "p90": (QUANTILE, "list_sort(list(amount) filter (amount is not null))", 6, Decimal("0.9")),
        "carts": (COUNT, "count(*) filter (event_type = 'add_to_cart')", 0),
    },
    "visits": {
        "sessions": (COUNT, "count(*)", 0), "visitors": (COUNT, "count(distinct u)", 0),
        "bounces": (COUNT, "count(*) filter (n = 1)", 0),
        "duration": (AVG, "[sum(duration)::decimal(38,2), count(*)]", 6),
        "p50": (QUANTILE, "list_sort(list(duration))", 0, Decimal("0.5")),
    },
}
FILTERS = {
    "traffic": [
        ("event_type = 'page_view'", "event_type = 'page_view'"),
        ("geo.country in ('DE', 'FR', 'US') and not (device.type = 'mobile')",
         "country in ('DE', 'FR', 'US') and not (device = 'mobile')"),
        ("event_type != 'page_view' or geo.country < 'F'", "event_type <> 'page_view' or country < 'F'"),
        ("exists(device.type)", "device is not null"), ("not exists(geo.country)", "country is null"),
    ],
    "visits": [
        ("device.type = 'mobile'", "device = 'mobile'"), ("geo.country >= 'G'", "country >= 'G'"),
        ("geo.country = 'DE' or geo.country = 'nowhere'", "country = 'DE' or country = 'nowhere'"),
    ],
}


class Failed(Exception):
    pass


def text(milliseconds):
    return datetime.fromtimestamp(milliseconds // 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def midnight(day, zone):
    """Where a date begins: clocks that are changed at midnight are not among the zones."""
    return round(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def first_of_month(day, months=0):
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def local(time, zone):
    return datetime.fromtimestamp(time / 1000, ZoneInfo(zone))


def bucket(time, granularity, zone):
    if granularity == "minute":
        return time // MINUTE * MINUTE
    if granularity == "hour":
        offset = round(local(time, zone).utcoffset().total_seconds() * 1000)
        return (time + offset) // HOUR * HOUR - offset
    day = local(time, zone).date()
    if granularity == "week":
        day -= timedelta(days=day.weekday())
    if granularity == "month":
        day = first_of_month(day)
    return midnight(day, zone)


def following(row, granularity, zone):
    if granularity in ("minute", "hour"):
        return row + (MINUTE if granularity == "minute" else HOUR)
    day = local(row, zone).date()
    return midnight({"day": day + timedelta(days=1), "week": day + timedelta(days=7),
                     "month": first_of_month(day, 1)}[granularity], zone)


def rows_of(start, end, granularity, zone):
    row = bucket(start, granularity, zone)
    if row < start:
        row = following(row, granularity, zone)
    rows = []
    while row < end:
        rows.append(row)
        row = following(row, granularity, zone)
    return rows


def before(start, end, granularity, zone):
    first, last = local(start, zone).date(), local(end, zone).date()
    whole = midnight(first, zone) == start and midnight(last, zone) == end
    if whole and first.day == 1 and last.day == 1 and granularity != "week":
        months = (last.year - first.year) * 12 + last.month - first.month
        return midnight(first_of_month(first, -months), zone), start
    if whole and granularity in ("minute", "hour", "day"):
        return midnight(first - (last - first), zone), start
    if granularity in ("minute", "hour"):
        return start - (end - start), start
    rows = rows_of(start, end, granularity, zone)
    until = bucket(start, granularity, zone)
    if until < start:
        until = following(until, granularity, zone)
    day = local(until, zone).date()
    if granularity == "month":
        return midnight(first_of_month(day, -len(rows)), zone), until
    return midnight(day - timedelta(days=len(rows) * (7 if granularity == "week" else 1)), zone), until


class Proof:
    def __init__(self, url, lines, seed):
        self.url = url
        self.random = random.Random(seed)
        self.database = duckdb.connect()
        self.database.execute(LOAD.replace("$FILE", "'" + lines.replace("'", "''") + "'"))
        self.database.execute(SESSIONS)
        self.first, self.last = self.database.execute("select min(t), max(t) from events").fetchone()
        self.maps = set()

    def draw(self):
        pick, chance = self.random.choice, lambda share: self.random.random() < share
        view = pick(list(METRICS))
        granularity = pick(["minute", "hour", "day", "week", "month"] if view == "traffic" else
                           ["hour", "day", "week", "month"])
        asked = {"view": view, "metric": pick(list(METRICS[view])), "granularity": granularity}
        if chance(0.7):
            asked["timezone"] = pick(ZONES)
        zone = asked.get("timezone", "UTC" if granularity in ("minute", "hour") else HOME)
        length = {"minute": 3 * HOUR, "hour": 4 * DAY, "day": 20 * DAY, "week": 40 * DAY, "month": 60 * DAY}[granularity]
        start = self.random.randrange(self.first - length // 2, self.last) // QUARTER * QUARTER
        end = start + self.random.randrange(QUARTER, length) // QUARTER * QUARTER
        align = self.random.random()
        if align < 0.4 and granularity != "minute":
            start = midnight(local(start, zone).date(), zone)
            end = midnight(local(end, zone).date() + timedelta(days=1), zone)
        elif align < 0.6 and granularity in ("day", "week", "month"):
            start = midnight(first_of_month(local(start, zone).date()), zone)
            end = midnight(first_of_month(local(end, zone).date(), 1), zone)
        bounded = chance(0.85) or granularity in ("minute", "hour")
        if bounded:
            asked["start_time"], asked["end_time"] = text(start), text(end)
        else:
            start, end = self.first - DAY * 40, self.last + DAY * 40
        dimensions = [name for name in DIMENSIONS[view] if chance(0.45)]
        if dimensions:
            self.random.shuffle(dimensions)
            asked["group_by"] = ",".join(dimensions)
        condition = None
        if chance(0.4):
            asked["where"], condition = pick(FILTERS[view])
        exact = METRICS[view][asked["metric"]][0] != QUANTILE
        if dimensions and exact and chance(0.5):
            asked["top"] = str(self.random.randrange(1, 6))
            if chance(0.7):
                asked["other"] = "true"
        if bounded and chance(0.4):
            asked["fill"] = "zero"
        if bounded and chance(0.3):
            asked["compare_to"] = "previous_period"
        if exact and chance(0.3):
            asked["order"] = pick(["value", "-value", "time"])
        return asked, zone, start, end, dimensions, condition

    def ask(self, asked):
        """All pages; by GET or by POST."""
        data, cursor = [], None
        limit = self.random.choice([None, None, None, 7, 100])
        posts = self.random.random() < 0.3
        while True:
            page = dict(asked)
            if limit:
                page["limit"] = str(limit)
            if cursor:
                page["cursor"] = cursor
            if posts:
                request = urllib.request.Request(f"{self.url}/query", json.dumps(page).encode(),
                                                 {"Content-Type": "application/json"})
            else:
                request = f"{self.url}/query?{urllib.parse.urlencode(page)}"
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    answer = json.loads(answer.read(), parse_float=Decimal, parse_int=Decimal)
            except urllib.error.HTTPError as error:
                raise Failed(f"status {error.code}: {error.read().decode()}")
            data += answer["data"]
            cursor = answer["next_cursor"]
            if not cursor or len(data) > 3_000:
                return data, cursor is None

    def mapped(self, granularity, zone):
        """A table from quarter hours to buckets."""
        name = f"map_{granularity}_{ZONES.index(zone)}"
        if name not in self.maps:
            self.maps.add(name)
            first, last = (self.first - 200 * DAY) // QUARTER, (self.last + 100 * DAY) // QUARTER
            pairs = [(quarter, bucket(quarter * QUARTER, granularity, zone)) for quarter in range(first, last)]
            path = os.path.join(tempfile.gettempdir(), f"millrace-{os.getpid()}-{name}.csv")
            with open(path, "w") as file:
                file.write("q,b\n")
                file.writelines(f"{q},{b}\n" for q, b in pairs)
            self.database.execute(f"create table {name} as select * from read_csv('{path}')")
            os.remove(path)
        return name

    def value(self, metric, found):
        kind, _, digits, *rest = metric
        if kind == AVG:
            if found is None or not found[1]:
                return None
            return (Decimal(found[0]) / Decimal(found[1])).quantize(Decimal("0.000001"), decimal.ROUND_HALF_EVEN)
        if kind == QUANTILE:
            if not found:
                return None
            rank = max(1, math.ceil(len(found) * rest[0]))
            return Decimal(found[rank - 1])
        if found is None:
            return Decimal(0) if kind in (COUNT, SUM) else None
        return Decimal(found)

    def cells(self, view, metric, granularity, zone, start, end, groups, condition):
        """{(bucket, group): value}; `groups` are SQL. A bucket of None is the whole range."""
        rows = rows_of(start, end, granularity, zone) if granularity else None
        table = "events" if view == "traffic" else "sessions"
        if granularity == "minute":
            source, name = table, f"t // {MINUTE} * {MINUTE}"
        else:
            source, name = f"{table} join {self.mapped(granularity, zone)} on t // {QUARTER} = q", "b"
        where = f"{name} >= {start} and {name} < {end}" + (f" and ({condition})" if condition else "")
        selected = ", ".join([f"{name} as bucket"] + [f"{group} as g{i}" for i, group in enumerate(groups)])
        keys = ", ".join(["bucket"] + [f"g{i}" for i in range(len(groups))])
        by_bucket = self.database.execute(
            f"select {keys}, {metric[1]} from (select *, {selected} from {source} where {where}) group by {keys}"
        ).fetchall()
        whole = ", ".join(f"g{i}" for i in range(len(groups))) or "1"
        in_all = self.database.execute(
            f"select {whole}, {metric[1]} from (select *, {selected} from {source} where {where}) group by {whole}"
        ).fetchall() if groups else []
        return ({(line[0], tuple(line[1:-1])): self.value(metric, line[-1]) for line in by_bucket},
                {tuple(line[:-1]): self.value(metric, line[-1]) for line in in_all})

    def expected(self, asked, zone, start, end, dimensions, condition):
        view, granularity = asked["view"], asked["granularity"]
        metric = METRICS[view][asked["metric"]]
        columns = [DIMENSIONS[view][name] for name in dimensions]
        ordered = lambda group: [(part or "").encode() for part in group]
        ranges = [(start, end)]
        if "compare_to" in asked:
            ranges.append(before(start, end, granularity, zone))
        sides, top = [], None
        for begin, until in ranges:
            cells, totals = self.cells(view, metric, granularity, zone, begin, until, columns, condition)
            if "top" in asked:
                if top is None:
                    ranked = sorted(totals, key=ordered)
                    ranked.sort(key=lambda group: (totals[group] is None, -(totals[group] or 0)))
                    top = ranked[:int(asked["top"])]
                    names = ", ".join("(" + ", ".join("null" if part is None else "'" + part.replace("'", "''") + "'"
                                                      for part in group) + ")" for group in top)
                kept = {key: value for key, value in cells.items() if key[1] in top}
                if asked.get("other") == "true":
                    test = " or ".join(
                        "(" + " and ".join(f"{column} is not distinct from " +
                                           ("null" if part is None else "'" + part.replace("'", "''") + "'")
                                           for column, part in zip(columns, group)) + ")" for group in top)
                    rest = f"not ({test})" if top else "true"
                    both = f"({condition}) and {rest}" if condition else rest
                    others, _ = self.cells(view, metric, granularity, zone, begin, until, [], both)
                    for (moment, _), value in others.items():
                        kept[(moment, None)] = value
                cells = kept
            sides.append(cells)
        keys = set(sides[0])
        if "fill" in asked:
            groups = {group for side in sides for _, group in side} if dimensions else {()}
            keys = {(row, group) for row in rows_of(start, end, granularity, zone) for group in groups} | keys
        order = sorted(keys, key=lambda key: (key[0], key[1] is None, ordered(key[1] or ())))
        nothing = self.value(metric, None)
        rows = []
        places = {row: place for place, row in enumerate(rows_of(start, end, granularity, zone))}
        earlier = rows_of(*ranges[1], granularity, zone) if len(ranges) > 1 else []
        for moment, group in order:
            row = {"timestamp": text(moment), "value": sides[0].get((moment, group), nothing),
                   "dimensions": dict(zip(dimensions, group if group is not None else [None] * len(dimensions)))}
            if group is None:
                row["other"] = True
            if len(ranges) > 1:
                place = places[moment]
                key = (earlier[place], group) if place < len(earlier) else None
                row["previous"] = sides[1].get(key, nothing if "fill" in asked and key else None)
            rows.append(row)
        if asked.get("order", "time") != "time":
            sign = -1 if asked["order"] == "-value" else 1
            rows.sort(key=lambda row: (row["value"] is None, sign * (row["value"] or 0)))
        return rows

    def same(self, metric, a, b):
        if a is None or b is None or metric[0] != QUANTILE:
            return a == b
        return abs(a - b) * 128 <= abs(a) + (1 if metric[2] == 0 else 0)

    def prove(self, number):
        drawn = self.draw()
        asked = drawn[0]
        metric = METRICS[asked["view"]][asked["metric"]]
        got, whole = self.ask(asked)
        wanted = self.expected(*drawn)
        if not whole:
            wanted = wanted[:len(got)]
        where = f"question {number}: {urllib.parse.urlencode(asked)}"
        if len(got) != len(wanted):
            raise Failed(f"{where}: {len(got)} rows, expected {len(wanted)}")
        for mine, theirs in zip(got, wanted):
            alike = (mine.keys() == theirs.keys() and self.same(metric, theirs["value"], mine["value"])
                     and self.same(metric, theirs.get("previous"), mine.get("previous"))
                     and all(mine[key] == theirs[key] for key in mine if key not in ("value", "previous")))
            if not alike:
                raise Failed(f"{where}:\n  got      {mine}\n  expected {theirs}")
        return len(got)


def serve(millrace, topology, data, errors):
    server = subprocess.Popen([millrace, "serve", topology, "--data", data, "--listen", "127.0.0.1:0"],
                              stdout=subprocess.DEVNULL, stderr=open(errors, "w"))
    url = None
    while url is None:
        if server.poll() is not None:
            raise Failed("the server ended: " + open(errors).read())
        for line in open(errors):
            if " on http" in line:
                url = "http" + line.strip().split(" on http")[-1]
    while True:
        try:
            urllib.request.urlopen(f"{url}/readyz", timeout=10)
            return server, url
        except urllib.error.HTTPError:
            continue


def main():
    os.environ.pop("MILLRACE_BINARY", None)  # not a setting of the program
    millrace, directory, queries, events, seed = sys.argv[1:]
    decimal.getcontext().prec = 60
    lines = os.path.join(directory, f"events-{events}.ndjson")
    if not os.path.exists(lines):
        subprocess.run([millrace, "generate", "--events", events, "--users", str(int(events) // 15), "--days", "75",
                        "--bytes", "400", "--end", "2026-04-20", "--output", lines + ".new"], check=True)
        os.rename(lines + ".new", lines)
    with tempfile.TemporaryDirectory(prefix="millrace-queries-") as scratch:
        topology = os.path.join(scratch, "proof.yaml")
        with open(topology, "w") as file:
            file.write(TOPOLOGY)
        data = os.path.join(scratch, "data")
        subprocess.run([millrace, "import", lines, "--data", data, "--json"], check=True, stdout=subprocess.DEVNULL)
        server, url = serve(millrace, topology, data, os.path.join(scratch, "errors"))
        try:
            proof = Proof(url, lines, int(seed))
            rows = 0
            for number in range(1, int(queries) + 1):
                rows += proof.prove(number)
            print(f"{queries} answers of seed {seed} are DuckDB's: {rows} rows, from {events} lines of events")
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()


try:
    main()
except Failed as failure:
    print(f"prove-queries: {failure}", file=sys.stderr)
    sys.exit(1)
