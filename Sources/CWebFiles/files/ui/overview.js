// What happens on the site: events, people, sessions, and where they come from.
import { query } from "./api.js"
import { card, ranking, seriesOf, tile } from "./charts.js"
import { grainFor, range, timezone } from "./controls.js"
import { change } from "./questions.js"
import { compact, message, number, percent, seconds } from "./text.js"

export const title = "Overview"
export const controls = (context) => {
  context.dimensions = [...new Set(rollups(context.topology).flatMap((view) => view.dimensions))]
  return ["days", "from", "to", "grain", "timezone", "by", "where"]
}

const rollups = (topology) => topology.views.filter((view) => view.kind == "rollup")
const measure = (view, test) => view?.measures.find((one) => test(one.definition))?.name
const length = (value) => (value === null ? "–" : seconds(value / 1000))
const sum = (rows) => rows.reduce((total, row) => total + (row.value ?? 0), 0)

/// A question of one view; what the view does not have is left out of it.
function asks({ view, metric, by, grain, from, to, zone, where, topology }, signal) {
  return query({
    topology: topology.name, view: view.name, metric, granularity: grain, start_time: from, end_time: to, timezone: zone,
    group_by: by, where,
  }, signal)
}

export async function render(context) {
  const { topology, settings, signal } = context
  const { from, to, days } = range(context)
  const zone = timezone(settings)
  const events = rollups(topology).find((view) => view.of == "events" && measure(view, (text) => text == "count"))
  const visits = rollups(topology).find((view) => view.of == "sessions" && measure(view, (text) => text == "count"))
  if (!events && !visits) return [message("This topology counts neither events nor sessions; Explore shows what it has.")]
  const common = { topology, from, to, zone, where: settings.where }
  const before = { ...common, to: from, from: new Date(Date.parse(from) - (Date.parse(to) - Date.parse(from))).toISOString().slice(0, 10) }
  const grain = grainFor(days, events ?? visits, settings.grain)
  const can = (view, by) => !by || view?.dimensions.includes(by)
  const plan = {}
  if (events) {
    const name = measure(events, (text) => text == "count")
    plan.events = asks({ ...common, view: events, metric: name, grain, by: can(events, settings.by) ? settings.by : "" }, signal)
    plan.eventsBefore = asks({ ...before, view: events, metric: name, grain: grainFor(99, events) }, signal)
    const people = measure(events, (text) => text.startsWith("distinct("))
    if (people) plan.people = asks({ ...common, view: events, metric: people, grain: grainFor(99, events), by: can(events, settings.by) ? settings.by : "" }, signal)
    for (const dimension of ["page.path", "event_type", "geo.country", "device.type"].filter((one) => events.dimensions.includes(one)).slice(0, 3)) {
      plan[`top:${dimension}`] = asks({ ...common, view: events, metric: name, grain: grainFor(99, events), by: dimension }, signal)
    }
  }
  if (visits) {
    const name = measure(visits, (text) => text == "count")
    const bounces = measure(visits, (text) => /^count where events = 1$/.test(text))
    const mean = measure(visits, (text) => text.startsWith("avg(duration"))
    plan.sessions = asks({ ...common, view: visits, metric: name, grain, by: can(visits, settings.by) ? settings.by : "" }, signal)
    plan.sessionsBefore = asks({ ...before, view: visits, metric: name, grain: grainFor(99, visits) }, signal)
    if (bounces) plan.bounces = asks({ ...common, view: visits, metric: bounces, grain }, signal)
    if (mean) plan.length = asks({ ...common, view: visits, metric: mean, grain }, signal)
  }
  // What a view does not have, such as a dimension of `where`, is told in its place; the others are shown.
  const failures = new Set()
  const answers = Object.fromEntries(await Promise.all(Object.entries(plan).map(async ([name, promise]) => {
    try { return [name, await promise] } catch (error) {
      if (error.name == "AbortError") throw error
      failures.add(error.message)
      return [name, null]
    }
  })))
  context.freshness(answers.events ?? answers.sessions)
  const cards = [...failures].map((text) => message(text, "bad"))
  const isEmpty = Object.values(answers).every((answer) => !answer || !answer.data.length)
  if (isEmpty && !failures.size) cards.push(message(`Nothing happened from ${from} to ${to}. Choose another range, or look at Operations: is anything arriving?`))
  cards.push(...tiles(answers))
  const over = (name, title, size, options = {}) => {
    if (!answers[name]) return
    const { labels, series, others } = seriesOf(answers[name].data, name == "people" ? "day" : grain, zone, { name: title })
    cards.push(card(others ? `${title} (the largest 8 of ${others + 8})` : title, { labels, series, size, kind: settings.by ? "line" : "area", ...options }))
  }
  over("events", `Events per ${grain}`, "half")
  over("sessions", `Sessions per ${grain}`, "half")
  over("people", "Users per day", "half")
  over("length", "Mean length of a session", "half", { format: length, axis: length })
  for (const [name, answer] of Object.entries(answers)) {
    if (!name.startsWith("top:") || !answer) continue
    cards.push(top(name.slice(4), answer.data))
  }
  return cards
}

function tiles(answers) {
  const made = []
  const against = (name) => answers[`${name}Before`] && change(sum(answers[name].data), sum(answers[`${name}Before`].data))
  if (answers.events) made.push(tile("Events", compact(sum(answers.events.data)), against("events")))
  if (answers.people) {
    const daysSeen = new Set(answers.people.data.map((row) => row.timestamp)).size
    made.push(tile("Users per day", daysSeen ? compact(Math.round(sum(answers.people.data) / daysSeen)) : "–", "exact, on average over the days"))
  }
  if (answers.sessions) made.push(tile("Sessions", compact(sum(answers.sessions.data)), against("sessions")))
  if (answers.bounces && answers.sessions) {
    const all = sum(answers.sessions.data)
    made.push(tile("Bounce rate", percent(all ? sum(answers.bounces.data) / all : null), `${number(sum(answers.bounces.data))} sessions of one event`))
  }
  return made
}

const names = { "geo.country": "Countries", "page.path": "Pages", "event_type": "What happens", "device.type": "Devices" }

function top(dimension, rows) {
  const totals = new Map()
  for (const row of rows) {
    const value = row.dimensions[dimension] ?? "(none)"
    totals.set(value, (totals.get(value) ?? 0) + (row.value ?? 0))
  }
  return ranking(names[dimension] ?? dimension, [dimension, "events"], [...totals])
}
