// The last hour, minute by minute.
import { query } from "./api.js"
import { card, seriesOf } from "./charts.js"
import { element, compact, message } from "./text.js"

export const title = "Realtime"
export const seconds = 2
export const controls = () => []

export async function render(context) {
  const { topology, signal } = context
  const view = topology.views.find((one) => one.kind == "rollup" && one.of == "events" && one.grains.some((kept) => kept.grain == "minute"))
  const metric = view?.measures.find((one) => one.definition == "count")?.name
  if (!metric) return [message("No view of this topology counts events by the minute: grains: { minute: 7d }.")]
  const stamps = topology.partitions.map((one) => Date.parse(one.newest_stamp ?? "")).filter((time) => time > 0)
  if (!stamps.length) return [message("Nothing has arrived yet. Send something: millrace generate --http " + location.origin + " --rate 100")]
  const newest = Math.max(...stamps)
  const minute = 60000
  const start = new Date(Math.floor(newest / minute) * minute - 59 * minute).toISOString()
  const end = new Date(Math.floor(newest / minute) * minute + minute).toISOString()
  const common = { topology: topology.name, view: view.name, granularity: "minute", start_time: start, end_time: end }
  const users = view.measures.find((one) => one.definition.startsWith("distinct("))?.name
  const type = view.dimensions.includes("event_type") ? "event_type" : view.dimensions[0]
  const [counts, people] = await Promise.all([
    query({ ...common, metric, group_by: type }, signal),
    users ? query({ ...common, metric: users }, signal) : null,
  ])
  context.freshness(counts)
  const perMinute = new Map()
  for (const row of counts.data) perMinute.set(row.timestamp, (perMinute.get(row.timestamp) ?? 0) + row.value)
  const values = [...perMinute.entries()].sort().map(([, value]) => value)
  const tile = (name, value, note) => element("section.card.tile", {}, element("h2", {}, name), element("div.number", {}, value), element("div.note", {}, note))
  const { labels, series } = seriesOf(counts.data, "minute", Intl.DateTimeFormat().resolvedOptions().timeZone)
  const cards = []
  if (Date.now() - newest > 5 * minute) cards.push(message(`The newest event came ${new Date(newest).toLocaleString()}; this is the hour before.`))
  cards.push(
    tile("Events, last minute that is over", compact(values.at(-2) ?? values.at(-1) ?? 0), "by the minute of the event"),
    tile("Events in the hour", compact(values.reduce((a, b) => a + b, 0)), "of event time"),
    ...(people ? [tile("Users, this minute", compact(people.data.at(-1)?.value ?? 0), "exact")] : []),
    tile("Behind", `${topology.partitions.reduce((sum, one) => sum + (one.lag ?? 0), 0)}`, "records that are not counted yet"),
    card("Events per minute", { labels, series, kind: "bar", stacked: true }))
  if (people) {
    const one = seriesOf(people.data, "minute", undefined, { name: "users" })
    cards.push(card("Users per minute", { labels: one.labels, series: one.series, kind: "area" }))
  }
  return cards
}
