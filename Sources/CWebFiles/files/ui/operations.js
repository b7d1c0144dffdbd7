// For who runs it: what arrives, what is behind, what was not counted and why, and where room goes.
import { ask } from "./api.js"
import { card, tile } from "./charts.js"
import { bytes, element, number, percent, seconds as ages, table } from "./text.js"

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

/// What was seen while this page was open: five seconds apart, ten minutes of them.
let seen = []
const most = 120

export async function render(context) {
  const { topology, signal, freshness } = context
  const path = `/topologies/${encodeURIComponent(topology.name)}`
  const [text, built, kept] = await Promise.all([
    ask("/metrics", { signal, isText: true }), ask(`${path}/generations`, { signal }), ask(`${path}/checkpoints`, { signal }).catch(whereNone),
  ])
  const all = read(text)
  const of = (name) => (all[name] ?? []).filter((one) => !one.labels.topology || one.labels.topology == topology.name)
  const total = (name) => of(name).reduce((sum, one) => sum + one.value, 0)
  const lag = topology.partitions.reduce((sum, one) => sum + (one.lag ?? 0), 0)
  const age = of("millrace_freshness_seconds")[0]?.value
  const memory = all.process_resident_memory_bytes?.[0]?.value ?? 0
  const now = { at: Date.now(), read: total("millrace_records_read_total"), lag, age: age ?? null, topology: topology.name, generation: topology.generation }
  const last = seen.at(-1)
  if (last && (last.topology != now.topology || last.generation != now.generation || last.read > now.read)) seen = []
  const before = seen.at(-1)
  now.rate = before && now.at > before.at ? Math.round(((now.read - before.read) * 1000) / (now.at - before.at)) : null
  seen = [...seen, now].slice(-most)
  freshness({ freshness_seconds: age, partial: topology.partitions.filter((one) => one.state == "stopped") })
  const ledger = ["counted", "duplicates", "late", "quarantined"].map((name) => [name, total(`millrace_records_${name}_total`)])
  const records = total("millrace_records_read_total")
  const reasons = of("millrace_records_quarantined_total").filter((one) => one.value > 0)
  const budget = all.millrace_memory_budget_bytes?.[0]?.value ?? 0
  const shown = seen.length > 1 ? seen.slice(1) : []
  const clock = shown.map((one) => new Date(one.at).toLocaleTimeString())
  const over = (name, key, format = number) => card(name, { labels: clock, series: [{ name, values: shown.map((one) => one[key]) }], kind: "area", size: "half", format, axis: format, empty: "Two looks make a rate: in a few seconds." })
  return [
    tile("Behind", number(lag), lag ? "records that are not counted yet" : "everything is counted"),
    tile("Freshness", ages(age), "age of the numbers"),
    tile("Rate", now.rate === null ? "…" : `${number(now.rate)}/s`, "records read"),
    tile("Memory", bytes(memory), `${bytes(budget)} are for caches and operators`),
    over("Records per second", "rate"),
    over("Records behind", "lag"),
    element("section.card", {}, element("h2", {}, "Partitions"),
      table(["partition", "state", "offset", "end", "behind", "newest record", "memory", ""],
        topology.partitions.map((one) => [one.partition, state(one), number(one.offset), number(one.end), number(one.lag), one.newest_stamp ?? "–", bytes(one.memory_bytes ?? 0), one.message ?? ""]),
        { numbers: [2, 3, 4, 6] })),
    element("section.card.half", {}, element("h2", {}, "Ledger: what became of every record"),
      table(["", "records", "share"], [...ledger, ["read", records]].map(([name, value]) => [name, number(value), records ? `${((100 * value) / records).toFixed(2)} %` : "–"]), { numbers: [1, 2] }),
      element("p.note", {}, records == ledger.reduce((sum, [, value]) => sum + value, 0)
        ? "Read = counted + duplicates + late + quarantined." : "The records are being counted.")),
    element("section.card.half", {}, element("h2", {}, "Quarantined, by reason"),
      reasons.length ? table(["reason", "records"], byReason(reasons), { numbers: [1] }) : element("p.empty", {}, "Nothing: every record could be used."),
      reasons.length ? element("p.note", {}, "Which they are: ", element("code", {}, "millrace quarantine list")) : null),
    replays(context, built),
    checkpoints(kept.checkpoints ?? []),
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

/// A topology that reads Kafka may have its checkpoints elsewhere.
function whereNone(error) {
  if (error.name == "AbortError") throw error
  return {}
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

const state = (one) => element(`span.badge.${one.state == "running" ? "good" : one.state == "stopped" ? "bad" : "warn"}`, {}, one.state)

function replays(context, built) {
  const going = (built.replays ?? []).filter((one) => !["live", "previous", "retired", "cancelled"].includes(one.state))
  return element("section.card.half", {}, element("h2", {}, "Replays", element("a.button.quiet", { href: context.to("replay") }, "Generations")),
    going.length ? going.map((one) => element("div", {}, element("p", {}, `Generation ${one.generation}: ${one.state.replace("_", " ")}, ${percent(one.progress ?? 0)}`,
      one.eta_seconds ? `, ${ages(one.eta_seconds)} to go` : ""), element("progress", { max: 1, value: one.progress ?? 0, "aria-label": `generation ${one.generation}` })))
      : element("p.empty", {}, `Nothing is being built; generation ${built.live} is served.`))
}

function checkpoints(kept) {
  return element("section.card.half", {}, element("h2", {}, "Checkpoints"),
    kept.length ? table(["checkpoint", "made", "size"], [...kept].reverse().slice(0, 8).map((one) => [one.id ?? one.checkpoint ?? one.name ?? "", one.created_at ? new Date(one.created_at).toLocaleString() : "–", bytes(one.bytes ?? one.state_bytes ?? 0)]), { numbers: [2] })
      : element("p.empty", {}, "None yet. One is made every hour, or now: millrace checkpoint create"))
}

function byReason(found) {
  const sums = new Map()
  for (const one of found) sums.set(one.labels.reason, (sums.get(one.labels.reason) ?? 0) + one.value)
  return [...sums].sort((a, b) => b[1] - a[1]).map(([name, value]) => [name, number(value)])
}
