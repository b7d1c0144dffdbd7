#!/usr/bin/env python3
"""The work of `millrace bench` in DuckDB: loads keyed NDJSON files and answers the same questions.

    compare_duckdb.py file|memory|plain OUTPUT WINDOW_START WINDOW_LENGTH WINDOW_COUNT FILE...

With `file` the tables are in a database file in OUTPUT, checkpointed at the end, as durable as a state that is not synced;
with `memory` nothing outlives the process. `plain` is `file` as one would write it first: every field of the lines is loaded
with the types DuckDB finds, resends are dropped by `distinct on`, users counted by `count(distinct)`. Prints one JSON object with the moment the last answer was there, then writes
the answers to OUTPUT as CSV, which is not part of the measurement.

The other two are as fast as we could make them: only the fields that are needed are read, with their types given; duplicates are dropped while
loading (a resend is the same bytes, so any of them will do); order is not preserved; exact distinct users in two steps
instead of count(distinct); sessions and the funnel by windows and ASOF joins over integers. All cores.
"""

import json
import os
import resource
import sys
import time

import duckdb

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
GAP, WITHIN = 30 * MINUTE, DAY

COLUMNS = """{event_id: 'VARCHAR', event_type: 'VARCHAR', user_id: 'VARCHAR', anonymous_id: 'VARCHAR',
  "timestamp": 'TIMESTAMP', device: 'STRUCT("type" VARCHAR)', geo: 'STRUCT(country VARCHAR)',
  properties: 'STRUCT(amount DECIMAL(18,2))'}"""

LOAD = """
create table events as
select u, any_value(event_type) as event_type, any_value(epoch_ms(ts)) as t, any_value(country) as country,
  any_value(device) as device, any_value(amount) as amount
from (
  select event_id, event_type, coalesce(user_id, anonymous_id) as u, "timestamp" as ts, geo.country as country,
    device."type" as device, properties.amount as amount
  from read_ndjson($FILES, columns = $COLUMNS))
group by u, event_id
"""

PLAIN_LOAD = """
create table lines as select * from read_ndjson_auto($FILES);
create table events as
select distinct on (event_id) coalesce(user_id, anonymous_id) as u, event_type, epoch_ms("timestamp"::timestamp) as t,
  geo.country as country, device."type" as device, properties.amount::decimal(18, 2) as amount
from lines
"""

PLAIN_TRAFFIC = f"""
create table traffic as
select t // {MINUTE} as bucket, event_type, country, device, count(*) as events, coalesce(sum(amount), 0.00) as revenue,
  count(distinct u) as users
from events group by all
"""

TRAFFIC = f"""
create table traffic as
select bucket, event_type, country, device, sum(n) as events, sum(amount) as revenue, count(*) as users
from (
  select t // {MINUTE} as bucket, event_type, country, device, u, count(*) as n, coalesce(sum(amount), 0.00) as amount
  from events group by all)
group by all
"""

# Only the ends of sessions are kept: an event without a neighbour within the gap on one of its sides.
VISITS = f"""
create table visits as
with
  neighbours as (
    select u, t, row_number() over w as number, lag(t) over w as before, lead(t) over w as after
    from events window w as (partition by u order by t)),
  ends as (
    select u, t, number, before is null or t - before > {GAP} as is_first, after is null or after - t > {GAP} as is_last
    from neighbours where is_first or is_last),
  sessions as (
    select t, number, is_first, case when is_last then t else lead(t) over w end as until,
      case when is_last then number else lead(number) over w end as last
    from ends window w as (partition by u order by number))
select t // {HOUR} as bucket, count(*) as sessions, sum(until - t) as duration, sum(last - number + 1) as events,
  count(*) filter (last = number) as bounces
from sessions where is_first group by 1
"""

# The earliest cart not before the view, and the earliest purchase not before that cart.
ENTRIES = f"""
create table entries as
with
  views as (select u, t from events where event_type = 'view_product'),
  carts as (select u, t from events where event_type = 'add_to_cart'),
  purchases as (select u, t from events where event_type = 'purchase'),
  paid as (
    select carts.u, carts.t, purchases.t as paid_at
    from carts asof left join purchases on carts.u = purchases.u and carts.t <= purchases.t)
select views.u, (views.t - $START) // $LENGTH as w,
  max(case when paid.t is null or paid.t > views.t + {WITHIN} then 1
    when paid_at is null or paid_at > views.t + {WITHIN} then 2 else 3 end) as level
from views asof left join paid on views.u = paid.u and views.t <= paid.t
group by 1, 2
"""

CHECKOUT = """
create table checkout as
select w, count(*) as one, count(*) filter (level >= 2) as two, count(*) filter (level >= 3) as three
from entries group by w
union all
select $COUNT, count(*), count(*) filter (level >= 2), count(*) filter (level >= 3)
from (select u, max(level) as level from entries group by u)
"""


def text(milliseconds):
    """SQL of a time as `millrace export` prints it."""
    return f"strftime(make_timestamp(({milliseconds}) * 1000), '%Y-%m-%dT%H:%M:%SZ')"


def main():
    where, output, start, length, count, *files = sys.argv[1:]
    database = f"{output}/duckdb.db" if where != "memory" else ":memory:"
    if where != "memory" and os.path.exists(database):
        os.remove(database)
    connection = duckdb.connect(database)
    connection.execute("set preserve_insertion_order = false")
    names = "[" + ", ".join("'" + file.replace("'", "''") + "'" for file in files) + "]"
    values = {"$FILES": names, "$COLUMNS": COLUMNS, "$START": start, "$LENGTH": length, "$COUNT": count}
    seconds = {}
    for name, query in [
        ("load", PLAIN_LOAD if where == "plain" else LOAD),
        ("traffic", PLAIN_TRAFFIC if where == "plain" else TRAFFIC), ("visits", VISITS), ("entries", ENTRIES), ("checkout", CHECKOUT),
    ]:
        began = time.monotonic()
        for key, value in values.items():
            query = query.replace(key, value)
        connection.execute(query)
        seconds[name] = round(time.monotonic() - began, 3)
    if where != "memory":
        connection.execute("checkpoint")
    ended = time.monotonic_ns()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    size = os.path.getsize(database) if where != "memory" else 0

    def write(name, query):
        connection.execute(f"copy ({query}) to '{output}/{name}.csv' (header, delimiter ',')")

    write("traffic", f"""select {text(f'bucket * {MINUTE}')} as bucket, event_type, country, device, events, revenue, users
      from traffic order by all""")
    write("visits", f"select {text(f'bucket * {HOUR}')} as bucket, sessions, duration, events, bounces from visits order by all")
    # Windows without an entry have a row, too.
    write("checkout", f"""select case when i = {count} then 'all' else {text(f'{start} + i * {length}')} end as entries,
      coalesce(one, 0), coalesce(two, 0), coalesce(three, 0)
      from range({int(count) + 1}) as r(i) left join checkout on i = w order by i""")
    cpu = usage.ru_utime + usage.ru_stime
    print(json.dumps({
        "ended_at_ns": ended, "cpu_ns": int(cpu * 1e9), "state_bytes": size, "seconds": seconds,
        "version": duckdb.__version__}))


main()
