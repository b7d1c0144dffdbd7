// Any question, put together from what the topology has; the address of the answer is its own.
import { query } from "./api.js"
import { card, ranking, seriesOf } from "./charts.js"
import { grainFor, range, timezone } from "./controls.js"
import { formats, isAdditive } from "./questions.js"
import { element, message, number } from "./text.js"

export const title = "Explore"

function chosen({ topology, settings }) {
  const rollups = topology.views.filter((view) => view.kind == "rollup")
  const view = rollups.find((one) => one.name == settings.view) ?? rollups[0]
  const metric = view?.measures.find((one) => one.name == settings.metric) ?? view?.measures[0]
  return { rollups, view, metric }
}

export const controls = (context) => {
  const { rollups, view, metric } = chosen(context)
  context.views = rollups.map((one) => one.name)
  context.metrics = view?.measures.map((one) => one.name) ?? []
  context.dimensions = view?.dimensions ?? []
  context.grains = ["minute", "hour", "day", "week", "month"]
  context.settings.metric = metric?.name
  context.settings.view = view?.name
  return ["view", "metric", "by", "top", "where", "days", "from", "to", "grain", "timezone", "compare"]
}

/// Whether this server has said that it knows none of these.
let isPlain = false

/// What a server does not know yet is left out.
async function withFewer(parameters, optional, signal) {
  const isAsked = !isPlain && Object.values(optional).some(Boolean)
  if (!isAsked) return { answer: await query(parameters, signal), isPlain }
  try {
    return { answer: await query({ ...parameters, ...optional }, signal), isPlain: false }
  } catch (error) {
    if (error.status != 400 || !/there is no parameter/.test(error.message)) throw error
    isPlain = true
    return { answer: await query(parameters, signal), isPlain }
  }
}

export async function render(context) {
  const { topology, settings, signal } = context
  const { view, metric } = chosen(context)
  if (!view) return [message("This topology has no rollup. Give its file one: views: { traffic: { rollup: { of: events, measures: { events: count } } } }")]
  const { from, to, days } = range(context)
  const grain = ["week", "month"].includes(settings.grain) ? settings.grain : grainFor(days, view, settings.grain)
  const zone = timezone(settings)
  const by = view.dimensions.includes(settings.by) ? settings.by : ""
  const adds = isAdditive(metric.definition)
  const look = formats(metric.definition)
  const parameters = {
    topology: topology.name, view: view.name, metric: metric.name, granularity: grain, start_time: from, end_time: to, timezone: zone,
    group_by: by, where: settings.where,
  }
  const optional = {
    top: by && settings.top, other: by && settings.top && adds ? "true" : undefined, compare_to: settings.compare,
    // A gap in a line of counts reads as if nobody knew; many groups would be many rows of nothing.
    fill: (adds || metric.definition.startsWith("distinct(")) && !by ? "zero" : undefined,
  }
  const { answer, isPlain } = await withFewer(parameters, optional, signal)
  context.freshness(answer)
  const most = Number(settings.top) || 8
  const { labels, times, series, others } = seriesOf(answer.data, grain, zone, { name: metric.name, most: isPlain || !settings.top ? most : most + 1 })
  // Sets of users of several groups do not add up to those of all.
  if (settings.compare && (!by || adds)) await earlier({ answer, parameters, from, to, series, labels, times, signal, name: metric.name, by })
  const asked = isPlain ? parameters : { ...parameters, ...optional }
  const url = "/query?" + new URLSearchParams(Object.entries(asked).filter(([, value]) => value))
  const cards = [
    card(`${metric.name} per ${grain}`, { labels, series, kind: labels.length == 1 ? "bar" : by ? "line" : "area", note: metric.definition, ...look }),
    element("p.message.good", {}, `${number(answer.data.length)} ${answer.data.length == 1 ? "row" : "rows"} of ${view.name}. `,
      others ? `The chart has the largest ${most} of ${others + most}. ` : "", answer.isCut ? "There are more rows than are shown. " : "",
      element("a", { href: url }, "The same over HTTP")),
  ]
  if (by && adds && series.length > 1) {
    const sums = series.filter((one) => !one.isBefore && !one.isAll).map((one) => [one.name, one.sum])
    cards.push(card(`Shares by ${by}`, { labels: sums.map(([name]) => name), series: [{ name: metric.name, values: sums.map(([, value]) => value) }], kind: "doughnut", size: "half", ...look }))
    cards.push(ranking(`${metric.name} by ${by}`, [by, metric.name], sums, { size: "half", format: look.format }))
  }
  return cards
}

/// Puts the time before beside the series: from the rows when the server compares, else by a question of its own.
async function earlier({ answer, parameters, from, to, series, labels, times, signal, name, by }) {
  const add = (sums, row, value) => sums.set(row.timestamp, (sums.get(row.timestamp) ?? 0) + Number(value ?? 0))
  const sums = new Map()
  if (answer.data.some((row) => "previous" in row)) for (const row of answer.data) add(sums, row, row.previous)
  else {
    const length = Date.parse(to) - Date.parse(from)
    const start = new Date(Date.parse(from) - length).toISOString().slice(0, 10)
    for (const row of (await query({ ...parameters, group_by: "", start_time: start, end_time: from }, signal)).data) add(sums, row, row.value)
  }
  // The last buckets of both stand above each other.
  const shown = [...sums.entries()].sort().map(([, value]) => value).slice(-labels.length)
  if (by) {
    const all = new Map()
    for (const row of answer.data) add(all, row, row.value)
    series.push({ name: "all", values: times.map((time) => all.get(time) ?? null), sum: 0, isAll: true })
  }
  series.push({ name: by ? "all, the time before" : `${name}, the time before`, values: [...Array(Math.max(0, labels.length - shown.length)).fill(null), ...shown], sum: 0, isBefore: true })
}
