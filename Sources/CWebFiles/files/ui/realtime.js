// The last hour, minute by minute, as it changes.
import { follow, query } from "./api.js"
import { card, seriesOf, tile } from "./charts.js"
import { element, compact, message, number } from "./text.js"

export const title = "Realtime"
// It is told what changes.
export const seconds = 0
export const controls = (context) => {
  context.dimensions = source(context.topology)?.view.dimensions ?? []
  context.isAlwaysGrouped = true
  return context.dimensions.length ? ["by", "where"] : []
}

const minute = 60000
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone

function source(topology) {
  const view = topology.views.find((one) => one.kind == "rollup" && one.of == "events" && one.grains.some((kept) => kept.grain == "minute"))
  const metric = view?.measures.find((one) => one.definition == "count")?.name
  return metric && { view, metric, users: view.measures.find((one) => one.definition.startsWith("distinct("))?.name }
}

/// Per minute, of all that is there.
function perMinute(rows) {
  const sums = new Map()
  for (const row of rows) sums.set(row.timestamp, (sums.get(row.timestamp) ?? 0) + (row.value ?? 0))
  return [...sums.entries()].sort().map(([, value]) => value)
}

/// All minutes up to the newest, also those in which nothing happened.
function minutes(rows, from) {
  const newest = rows.length ? Date.parse(rows.at(-1).timestamp) : 0
  const times = []
  for (let time = Date.parse(from); time <= newest; time += minute) times.push(new Date(time).toISOString().replace(".000Z", "Z"))
  return times
}

export async function render(context) {
  const { topology, settings, signal } = context
  const found = source(topology)
  if (!found) return [message("No view of this topology counts events by the minute. Give one the grain: grains: { minute: 7d }.")]
  const { view, metric, users } = found
  const usual = view.dimensions.includes("event_type") ? "event_type" : view.dimensions[0]
  const by = view.dimensions.includes(settings.by) ? settings.by : usual
  const common = { topology: topology.name, view: view.name, granularity: "minute", where: settings.where }
  const lately = tile("Events, last minute that is over", "–", "by the minute of the event")
  const hourly = tile("Events in the hour", "–", "of event time")
  const present = tile("Users, this minute", "–", "exact")
  const rate = tile("Per second", "–", "over the last five minutes that are over")
  const events = card(`Events per minute${by ? `, by ${by}` : ""}`, { labels: [], series: [], kind: "bar", stacked: true, empty: "Waiting for the first event…" })
  const people = card("Users per minute", { labels: [], series: [], kind: "area", empty: "Waiting for the first event…" })
  const note = element("div.said", { role: "status" })
  const set = (one, value) => { one.querySelector(".number").textContent = value }

  const showEvents = (rows, answer) => {
    context.freshness(answer)
    const values = perMinute(rows)
    set(lately, compact(values.at(-2) ?? values.at(-1) ?? 0))
    set(hourly, compact(values.reduce((a, b) => a + b, 0)))
    const over = values.slice(-6, -1)
    set(rate, over.length ? number(Math.round((10 * over.reduce((a, b) => a + b, 0)) / (60 * over.length)) / 10) : "–")
    const { labels, series, others } = seriesOf(rows, "minute", zone, { name: metric, nothing: 0, times: minutes(rows, answer.from) })
    events.update({ labels, series, note: others ? `the largest 8 of ${others + 8}` : "" })
    const newest = rows.length ? Date.parse(rows.at(-1).timestamp) : 0
    note.replaceChildren(...(!newest ? [message(`Nothing has happened in this hour. Send something: millrace generate --http ${location.origin} --rate 100`)]
      : Date.now() - newest > 5 * minute ? [message(`The newest event is of ${new Date(newest).toLocaleString()}; this is the hour before.`)] : []))
  }
  const showUsers = (rows, answer) => {
    set(present, compact(rows.at(-1)?.value ?? 0))
    const { labels, series } = seriesOf(rows, "minute", zone, { name: "users", nothing: 0, times: minutes(rows, answer.from) })
    people.update({ labels, series })
  }
  const lost = (text) => note.replaceChildren(message(text, "bad"))
  listen(context, { ...common, metric, group_by: by }, showEvents, lost)
  if (users) listen(context, { ...common, metric: users }, showUsers, () => {})
  return [note, lately, hourly, ...(users ? [present] : []), rate, events, ...(users ? [people] : [])]
}

/// By the stream, or, where a server has none to give, by asking every other second.
async function listen({ topology, signal }, parameters, told, lost) {
  try {
    return await follow({ ...parameters, buckets: 60 }, signal, told, lost)
  } catch (error) {
    if (error.status != 404 && error.status != 405) return lost(error.message)
  }
  while (!signal.aborted) {
    try {
      const stamps = topology.partitions.map((one) => Date.parse(one.newest_stamp ?? "")).filter((time) => time > 0)
      const newest = Math.max(Date.now() - 5 * minute, ...stamps)
      const start = new Date(Math.floor(newest / minute) * minute - 59 * minute).toISOString()
      const answer = await query({ ...parameters, start_time: start }, signal)
      told(answer.data, { ...answer, from: start })
    } catch (error) { if (error.name != "AbortError") lost(error.message) }
    await new Promise((resolve) => setTimeout(resolve, 2000))
  }
}
