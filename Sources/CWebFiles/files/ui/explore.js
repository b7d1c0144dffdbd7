// Any question, put together from what the topology has; the address of the answer is its own.
import { query } from "./api.js"
import { card, seriesOf } from "./charts.js"
import { grainFor, range, timezone } from "./controls.js"
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
  context.settings.metric = metric?.name
  context.settings.view = view?.name
  return ["view", "metric", "by", "where", "days", "from", "to", "grain", "timezone"]
}

export async function render(context) {
  const { topology, settings, signal } = context
  const { view, metric } = chosen(context)
  if (!view) return [message("This topology has no rollup.")]
  const { from, to, days } = range(context)
  const grain = grainFor(days, view, settings.grain)
  const zone = timezone(settings)
  const by = view.dimensions.includes(settings.by) ? settings.by : ""
  const parameters = {
    topology: topology.name, view: view.name, metric: metric.name, granularity: grain, start_time: from, end_time: to, timezone: zone,
    group_by: by, where: settings.where,
  }
  const answer = await query(parameters, signal)
  context.freshness(answer)
  const { labels, series, others } = seriesOf(answer.data, grain, zone, { name: metric.name })
  const url = "/query?" + new URLSearchParams(Object.entries(parameters).filter(([, value]) => value))
  const isAdditive = metric.definition.startsWith("count") || metric.definition.startsWith("sum(")
  const cards = [
    card(`${metric.name} per ${grain}: ${metric.definition}`, { labels, series, kind: by ? "line" : "area" }),
    element("p.message.good", {}, `${number(answer.data.length)} rows of ${view.name}. `,
      others ? `The chart has the largest 8 of ${others + 8}. ` : "", answer.isCut ? "There are more rows than are shown. " : "",
      element("a", { href: url }, "The same over HTTP")),
  ]
  if (by && isAdditive && series.length > 1) {
    cards.push(card(`${metric.name} by ${by}`, { labels: series.map((one) => one.name), series: [{ name: metric.name, values: series.map((one) => one.sum) }], kind: "doughnut", size: "half" }))
  }
  return cards
}
