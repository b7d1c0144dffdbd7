// What panels of a dashboard ask, and how the answers are drawn.
import { ask, query } from "./api.js"
import { card, labelOf, ranking, seriesOf, tile } from "./charts.js"
import { bucket, compact, element, number, percent, seconds, table } from "./text.js"
import { steps } from "./steps.js"

export const isAdditive = (definition) => /^(count|sum\()/.test(definition ?? "")

export function measureOf(topology, view, metric) {
  const views = topology.views.filter((one) => one.kind == "rollup" && (!view || one.name == view))
  const found = views.find((one) => one.measures.some((measure) => measure.name == metric))
  return { view: found ?? views[0], measure: found?.measures.find((measure) => measure.name == metric) }
}

/// Durations are milliseconds in the views.
export const formats = (definition) => {
  const isTime = /\((duration)\b/.test(definition ?? "") && !/^(count|distinct)/.test(definition ?? "")
  return isTime ? { format: (value) => seconds(value === null || value === undefined ? null : value / 1000), axis: (value) => seconds(value / 1000) } : { format: number, axis: compact }
}

const before = ({ from, to }) => ({ to: from, from: new Date(Date.parse(from) - (Date.parse(to) - Date.parse(from))).toISOString().slice(0, 10) })
const total = (rows) => rows.reduce((sum, row) => sum + (row.value ?? 0), 0)

function mean(rows) {
  const values = rows.filter((row) => row.value !== null)
  return values.length ? total(values) / values.length : null
}

/// How a number stands to the one before it.
export function change(now, then) {
  if (!then || now === null) return "nothing before to compare with"
  const ratio = now / then - 1
  return element("span", {}, element(ratio < 0 ? "span.down" : "span.up", {}, `${ratio < 0 ? "▼" : "▲"} ${percent(Math.abs(ratio))}`), " against the time before")
}

/// The card of a panel; what is wrong with it is said in its place.
///
/// - page: `{topology, signal, from, to, timezone, where, fresh}`
export async function panelCard(panel, page, actions = []) {
  try {
    return panel.funnel ? await funnelCard(panel, page, actions) : await queryCard(panel, page, actions)
  } catch (error) {
    if (error.name == "AbortError") throw error
    return element(`section.card.${panel.size ?? "half"}.failed`, {}, element("h2", {}, panel.title, actions.length ? element("span.row", {}, actions) : null),
      element("p.message.bad", {}, error.message))
  }
}

function both(a, b) { return a && b ? `(${a}) and (${b})` : a || b || undefined }

async function queryCard(panel, page, actions) {
  const { topology, signal, timezone } = page
  const asked = panel.query
  const { measure } = measureOf(topology, asked.view, asked.metric)
  const grain = asked.granularity ?? "hour"
  const common = { ...asked, granularity: grain, topology: topology.name, timezone, where: both(asked.where, page.where) }
  const range = { start_time: page.from, end_time: page.to }
  const look = formats(measure?.definition)
  const adds = isAdditive(measure?.definition)
  const size = panel.size ?? "half"
  const past = before(page)
  const [answer, earlier] = await Promise.all([
    query({ ...common, ...range }, signal),
    panel.chart == "number" ? query({ ...common, start_time: past.from, end_time: past.to }, signal).catch((error) => { if (error.name == "AbortError") throw error }) : undefined,
  ])
  page.fresh(answer)
  const rows = answer.data
  switch (panel.chart ?? "line") {
    case "number": {
      const value = adds ? total(rows) : mean(rows)
      const then = earlier && (adds ? total(earlier.data) : mean(earlier.data))
      // A mean of counts needs no fraction to be read at a glance.
      const digits = measure?.definition.startsWith("distinct(") ? 1 : 100
      const shown = adds ? compact(value) : look.format === number ? compact(value === null ? null : Math.round(value * digits) / digits) : look.format(value)
      const made = tile(panel.title, rows.length ? shown : "–", rows.length ? [adds ? "" : `on average per ${grain}; `, change(value, then)] : "nothing in this range", size)
      if (actions.length) made.querySelector("h2").append(element("span.row", {}, actions))
      return made
    }
    case "doughnut":
    case "ranking": {
      const sums = new Map()
      for (const row of rows) {
        const name = labelOf(row, asked.metric)
        const one = sums.get(name) ?? { sum: 0, count: 0 }
        sums.set(name, { sum: one.sum + (row.value ?? 0), count: one.count + 1 })
      }
      const found = [...sums].map(([name, one]) => [name, adds ? one.sum : one.sum / one.count]).sort((a, b) => b[1] - a[1])
      const title = adds ? panel.title : `${panel.title} (mean per ${grain})`
      if (panel.chart == "ranking") return ranking(title, [asked.group_by ?? "", asked.metric], found, { size, format: look.format, actions, share: adds })
      const shown = found.slice(0, 8)
      const rest = found.slice(8).reduce((sum, [, value]) => sum + value, 0)
      if (rest && adds) shown.push([`${found.length - 8} others`, rest])
      return card(title, { labels: shown.map(([name]) => name), series: [{ name: asked.metric, values: shown.map(([, value]) => value) }], kind: "doughnut", size, actions, ...look })
    }
    case "table": {
      const names = asked.group_by ? asked.group_by.split(",") : []
      return element(`section.card.${size}`, {}, element("h2", {}, panel.title, actions.length ? element("span.row", {}, actions) : null),
        rows.length ? table(["time", ...names, asked.metric], rows.slice(0, 500).map((row) => [bucket(row.timestamp, grain, timezone), ...names.map((name) => row.dimensions[name] ?? "(none)"), look.format(row.value)]), { numbers: [names.length + 1] })
          : element("p.empty", {}, "Nothing in this range."),
        rows.length > 500 ? element("p.note", {}, `the first 500 of ${number(rows.length)} rows`) : null)
    }
    default: {
      const { labels, series, others } = seriesOf(rows, grain, timezone, { name: asked.metric })
      const kind = panel.chart == "stacked" ? "bar" : panel.chart ?? "line"
      return card(panel.title, {
        labels, series, kind, stacked: panel.chart == "stacked", size, actions, note: others ? `the largest 8 of ${others + 8}` : "", ...look,
      })
    }
  }
}

async function funnelCard(panel, page, actions) {
  const { topology, signal } = page
  const { view, ...more } = panel.funnel
  const answer = await ask(`/funnels/${encodeURIComponent(view)}/results`, {
    parameters: { ...more, topology: topology.name, start_time: page.from, end_time: page.to }, signal,
  })
  page.fresh(answer)
  const size = panel.size ?? "full"
  const heading = element("h2", {}, panel.title, actions.length ? element("span.row", {}, actions) : null)
  // Steps are of users, whose events may be of many values.
  const note = page.where ? element("p.note", {}, "The filter above is of measures; a funnel is not filtered.") : null
  if (panel.chart != "table") return element(`section.card.${size}`, {}, heading, steps(answer.steps), note)
  const lines = answer.breakdown ? answer.breakdown.map((one) => [one.value ?? "(none)", one.steps]) : [["all", answer.steps]]
  const rows = lines.map(([name, all]) => [name, ...all.map((step) => step.users_completed)]).sort((a, b) => b[1] - a[1])
  return element(`section.card.${size}`, {}, heading,
    table(["", ...answer.steps.map((step) => step.name), "conversion"],
      rows.map((row) => [row[0], ...row.slice(1).map(number), percent(row[1] ? row[row.length - 1] / row[1] : null)]),
      { numbers: answer.steps.map((_, index) => index + 1).concat(answer.steps.length + 1) }), note)
}
