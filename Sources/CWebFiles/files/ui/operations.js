// For who runs it: what arrives, what is behind, what was not counted and why, and where room goes.
import { ask } from "./api.js"
import { bytes, element, number, seconds as ages, table } from "./text.js"

export const title = "Operations"
export const seconds = 5

/// `name{labels} value` of Prometheus' text, as `{name: [{labels, value}]}`.
function read(text) {
  const found = {}
  for (const line of text.split("\n")) {
    const match = /^([a-z_]+)(?:\{(.*)\})? ([^ ]+)$/.exec(line)
    if (!match) continue
    const labels = Object.fromEntries([...(match[2] ?? "").matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map((one) => [one[1], one[2]]))
    ;(found[match[1]] ??= []).push({ labels, value: Number(match[3]) })
  }
  return found
}

let last

export async function render({ topology, signal, freshness }) {
  const all = read(await ask("/metrics", { signal, isText: true }))
  const of = (name) => (all[name] ?? []).filter((one) => !one.labels.topology || one.labels.topology == topology.name)
  const total = (name) => of(name).reduce((sum, one) => sum + one.value, 0)
  const now = { at: Date.now(), read: total("millrace_records_read_total"), topology: topology.name }
  const rate = last && last.topology == now.topology && now.at > last.at ? ((now.read - last.read) * 1000) / (now.at - last.at) : null
  last = now
  const age = of("millrace_freshness_seconds")[0]?.value
  freshness({ freshness_seconds: age, partial: topology.partitions.filter((one) => one.state == "stopped") })
  const tile = (name, value, note) => element("section.card.tile", {}, element("h2", {}, name), element("div.number", {}, value), element("div.note", {}, note ?? ""))
  const lag = topology.partitions.reduce((sum, one) => sum + (one.lag ?? 0), 0)
  const ledger = ["counted", "duplicates", "late", "quarantined"].map((name) => [name, total(`millrace_records_${name}_total`)])
  const records = total("millrace_records_read_total")
  const reasons = of("millrace_records_quarantined_total").filter((one) => one.value > 0)
  const memory = all.process_resident_memory_bytes?.[0]?.value ?? 0
  return [
    tile("Behind", number(lag), "records"),
    tile("Freshness", ages(age), "age of the numbers"),
    tile("Rate", rate === null ? "…" : `${number(Math.round(rate))}/s`, "records read"),
    tile("Memory", bytes(memory), `budget ${bytes(all.millrace_memory_budget_bytes?.[0]?.value ?? 0)}`),
    element("section.card", {}, element("h2", {}, "Partitions"),
      table(["partition", "state", "offset", "end", "behind", "newest record", "memory", ""],
        topology.partitions.map((one) => [one.partition, state(one), number(one.offset), number(one.end), number(one.lag), one.newest_stamp ?? "–", bytes(one.memory_bytes ?? 0), one.message ?? ""]),
        { numbers: [0, 2, 3, 4, 6] })),
    element("section.card.half", {}, element("h2", {}, "Ledger: what became of every record"),
      table(["", "records", "share"], [...ledger, ["read", records]].map(([name, value]) => [name, number(value), records ? `${((100 * value) / records).toFixed(2)} %` : "–"]), { numbers: [1, 2] }),
      element("p", {}, records == ledger.reduce((sum, [, value]) => sum + value, 0)
        ? "Read = counted + duplicates + late + quarantined." : "The records are being counted.")),
    element("section.card.half", {}, element("h2", {}, "Quarantined, by reason"),
      reasons.length ? table(["reason", "records"], byReason(reasons), { numbers: [1] }) : element("p", {}, "Nothing: every record could be used.")),
    element("section.card", {}, element("h2", {}, "Room"),
      table(["what", "size"], [
        ["state", bytes(total("millrace_state_bytes"))],
        ["log", bytes(all.millrace_log_bytes?.[0]?.value ?? 0)],
        ["free on the log's disk", bytes(all.millrace_log_disk_free_bytes?.[0]?.value ?? 0)],
        ["collected and not yet durable", bytes(all.millrace_collect_in_flight_bytes?.[0]?.value ?? 0)],
      ], { numbers: [1] })),
    clocks(all.millrace_collect_clock_offset_seconds_bucket),
  ]
}

const state = (one) => element(`span.badge.${one.state == "running" ? "good" : one.state == "stopped" ? "bad" : "warn"}`, {}, one.state)

function byReason(found) {
  const sums = new Map()
  for (const one of found) sums.set(one.labels.reason, (sums.get(one.labels.reason) ?? 0) + one.value)
  return [...sums].sort((a, b) => b[1] - a[1]).map(([name, value]) => [name, number(value)])
}

/// Times are kept as they came, so whoever looks at them should know how far they can be trusted.
function clocks(buckets) {
  const upTo = (bound) => buckets?.find((one) => one.labels.le == bound)?.value ?? 0
  const count = upTo("+Inf")
  const rows = [["more than a minute ahead", 0, upTo("-60")], ["ahead", upTo("-60"), upTo("-1")], ["within a second", upTo("-1"), upTo("1")],
    ["up to a minute behind, or as long on the way", upTo("1"), upTo("60")], ["further behind", upTo("60"), count]]
  return element("section.card", {}, element("h2", {}, "Clocks of senders"),
    count ? table(["when it said it was sent", "requests", "share"], rows.map(([name, from, to]) => [name, number(to - from), `${((100 * (to - from)) / count).toFixed(2)} %`]), { numbers: [1, 2] })
      : element("p", {}, "Nobody has said yet when it was sent."))
}
