#!/usr/bin/env python3
"""Prints what scripts/bench measured as one Markdown table: bench_table.py RESULTS PIECE..."""

import json
import sys

MIB = 1 << 20


def series_row(piece, name, series, events, note):
    return [
        piece, name, f"{series['events_per_second']:,}", f"{series['cpu_us_per_event']:.2f}",
        f"{series['peak_rss_bytes'] / MIB:,.0f}", f"{series['bytes_written'] / events:,.0f}",
        f"{series['state_bytes'] / MIB:,.0f}", note,
    ]


def live_row(result):
    resident = result["resident_bytes"]
    notes = [
        f"{result['serving_cores']} cores serving, {result['appending_cores']} appending",
        f"memory {resident[4] / MIB:,.0f} MiB at half time",
        f"at most {result['most_events_not_committed']:,} events not committed",
    ]
    return [
        "live", "millrace", f"{result['events_per_second']:,}", f"{result['serving_cpu_us_per_event']:.2f}",
        f"{max(resident) / MIB:,.0f}", f"{result['state_bytes_written_per_event']:,} + {result['log_bytes_per_event']:,} log",
        f"{result['state_bytes'] / MIB:,.0f}", "; ".join(notes),
    ]


def notes(result):
    for key, text in [
        ("ratio", "times as fast"), ("two_threads_to_one", "two threads to one"),
        ("two_threads_to_two_processes", "two threads to two processes"),
        ("times_what_reading_takes", "times what reading takes"),
    ]:
        if key in result:
            yield f"{result[key]:.2f} {text}"


def main():
    directory, *pieces = sys.argv[1:]
    header = ["piece", "program", "events/s", "CPU us/event", "peak MiB", "B written/event", "state MiB", ""]
    rows, stages = [], []
    for piece in pieces:
        with open(f"{directory}/{piece}.json") as file:
            result = json.load(file)
        if result["bench"] == "live":
            rows.append(live_row(result))
            continue
        events = result["work"].get("events") or result["work"]["lines"]
        note = "; ".join(notes(result))
        for name, series in result.items():
            if isinstance(series, dict) and "events_per_second" in series:
                rows.append(series_row(piece, name.replace("_", " "), series, events, note))
                note = ""
                if "stages" in series:
                    stages.append([piece, name.replace("_", " ")] + [f"{value:,}" for value in series["stages"].values()])
                    names = list(series["stages"])
    print_table(header, rows)
    if stages:
        print("\nProcessor time by stage, ns per event:\n")
        print_table(["piece", "program"] + names, stages)


def print_table(header, rows):
    widths = [max(len(row[column]) for row in [header] + rows) for column in range(len(header))]
    for index, row in enumerate([header] + rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")
        if index == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")


main()
