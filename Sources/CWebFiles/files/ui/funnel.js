// How many get from each step to the next, and where they come from: declared funnels, and any other one.
import { ask } from "./api.js"
import { card } from "./charts.js"
import { range } from "./controls.js"
import { steps } from "./steps.js"
import { bucket, compact, element, message, number, percent, seconds as length, table } from "./text.js"

export const title = "Funnel"
export const controls = (context) => {
  context.views = funnels(context.topology).map((view) => view.name)
  return context.views.length > 1 ? ["view", "days", "from", "to"] : ["days", "from", "to"]
}

const funnels = (topology) => topology.views.filter((view) => view.kind == "funnel")

/// Whether this server computes funnels that nobody declared; nobody knows before it was asked.
let takesOthers

export async function render(context) {
  takesOthers ??= await ask("/funnels", { signal: context.signal }).then(() => true, (error) => {
    if (error.name == "AbortError") throw error
    return false
  })
  const cards = await declared(context)
  if (takesOthers) {
    cards.push(...(await other(context)))
    // A form that somebody fills in is left alone.
    if (context.settings.steps !== undefined || document.activeElement?.closest?.(".other")) context.refreshSeconds = 0
  }
  return cards
}

async function declared(context) {
  const { topology, settings, signal } = context
  const view = funnels(topology).find((one) => one.name == settings.view) ?? funnels(topology)[0]
  if (!view) return [message("This topology has no funnel. Add one to its file: views: { checkout: { funnel: { steps: […], within: 24h } } }")]
  const { from, to } = range(context)
  const answer = await ask(`/funnels/${encodeURIComponent(view.name)}/results`, {
    parameters: { topology: topology.name, start_time: from, end_time: to, by: view.by ? "true" : undefined, ...(takesOthers ? { histogram: "true", trend: "day" } : {}) }, signal,
  })
  context.freshness(answer)
  const entered = answer.steps[0].users_completed
  if (!entered) return [message(`Nobody entered ${view.name} from ${from} to ${to}. Choose another range.`)]
  const last = answer.steps[answer.steps.length - 1]
  const cards = [
    element("section.card", {}, element("h2", {}, `${view.name}: ${percent(last.users_completed / entered)} of ${number(entered)} users reach ${last.name}, within ${view.within}`), steps(answer.steps)),
  ]
  if (takesOthers) cards[0].append(stopped(context, view, answer.steps, { from, to }))
  if (answer.trend) cards.push(trend(answer.trend, last.name))
  answer.steps.slice(1).forEach((step, index) => { if (step.times_from_previous?.length) cards.push(times(answer.steps[index].name, step)) })
  if (answer.breakdown) cards.push(breakdown(`By ${view.by}`, view.by, answer))
  return cards
}

function trend(rows, last) {
  const at = (row, index) => row.steps.at(index).users_completed
  return card("By day of entry", {
    labels: rows.map((row) => bucket(row.timestamp, "day")), kind: "bar",
    series: [{ name: "entered", values: rows.map((row) => at(row, 0)) }, { name: `reached ${last}`, values: rows.map((row) => at(row, -1)) }],
    note: "Who entered on a day, and how many of them have got to the end since.",
  })
}

function times(before, step) {
  const bars = step.times_from_previous
  return card(`From ${before} to ${step.name}: how long it took`, {
    labels: bars.map((bar) => `up to ${length(Number(bar.to_seconds))}`), kind: "bar", size: "half", axis: compact,
    series: [{ name: "users", values: bars.map((bar) => bar.count) }],
  })
}

/// Who got as far as a step and no further, page by page.
function stopped({ topology }, view, all, { from, to }) {
  const found = element("div", { role: "status" })
  const look = async (index, before = [], cursor = undefined) => {
    try {
      const answer = await ask(`/funnels/${encodeURIComponent(view.name)}/users`, { parameters: { topology: topology.name, step: index + 1, stopped: "true", start_time: from, end_time: to, cursor } })
      const users = [...before, ...answer.users]
      found.replaceChildren(
        element("p.note", {}, `${number(answer.total)} users stopped at ${all[index].name}.`),
        users.length ? table(["user"], users.map((user) => [user])) : element("p.empty", {}, "Nobody."),
        ...(answer.next_cursor ? [element("button", { type: "button", onclick: () => look(index, users, answer.next_cursor) }, "More")] : []))
    } catch (error) { found.replaceChildren(message(error.message, "bad")) }
  }
  return element("details.who", {}, element("summary", {}, "Who stopped where"),
    element("div.row", {}, all.slice(0, -1).map((step, index) => element("button", { type: "button", onclick: () => look(index) }, `at ${step.name}`))), found)
}

function breakdown(heading, by, answer) {
  const rows = answer.breakdown.map((one) => [one.value ?? "(none)", ...one.steps.map((at) => at.users_completed)]).sort((a, b) => b[1] - a[1])
  return element("section.card", {}, element("h2", {}, heading),
    table([by, ...answer.steps.map((one) => one.name), "conversion"],
      rows.map((row) => [row[0], ...row.slice(1).map(number), percent(row[1] ? row[row.length - 1] / row[1] : null)]),
      { numbers: answer.steps.map((_, index) => index + 1).concat(answer.steps.length + 1) }))
}

/// A funnel that is computed from the log: its definition stands in the address, so it can be passed on.
async function other(context) {
  const { topology, settings, signal } = context
  const dates = range(context)
  const last = new Date(Date.parse(dates.to) - 86400000).toISOString().slice(0, 10)
  const form = element("form.fields", {
    onsubmit: (event) => {
      event.preventDefault()
      const values = Object.fromEntries(new FormData(form))
      context.go({ steps: values.steps.trim(), window: values.window, breakdown: values.breakdown.trim() })
    },
  },
    element("label.field.wide", {}, "Steps, with commas between", element("input", { name: "steps", required: true, value: settings.steps ?? "", placeholder: "page_view, view_product, purchase" })),
    element("label.field", {}, "Within hours", element("input", { name: "window", type: "number", min: 1, max: 2160, required: true, value: settings.window ?? "24" })),
    element("label.field", {}, "Broken down by", element("input", { name: "breakdown", value: settings.breakdown ?? "", placeholder: "geo.country" })),
    element("div.row", {}, element("button.primary", {}, "Compute"), settings.steps ? element("button", { type: "button", onclick: () => context.go({ steps: "", window: "", breakdown: "" }) }, "Clear") : null))
  const card = element("section.card.other", {}, element("h2", {}, "Any other funnel"),
    element("p.note", {}, `Read from the log, entries from ${dates.from} to ${last}; it takes as long as the log is.`), form)
  if (!settings.steps) return [card]
  const result = element("div.said", { role: "status" }, element("p.note", {}, "It is being begun…"))
  card.append(result)
  compute({ topology, signal, result, from: dates.from, last, settings }).catch((error) => {
    if (error.name != "AbortError") result.replaceChildren(message(error.message, "bad"))
  })
  return [card]
}

async function compute({ topology, signal, result, from, last, settings }) {
  const begun = await ask("/funnels", {
    method: "POST", signal, body: JSON.stringify({
      topology: topology.name, steps: settings.steps.split(",").map((one) => one.trim()).filter(Boolean), window_hours: Number(settings.window) || 24, start_date: from, end_date: last,
      ...(settings.breakdown ? { breakdown: settings.breakdown } : {}),
    }),
  })
  const bar = element("progress", { max: 1, "aria-label": "computed" })
  const said = element("p.note", {})
  result.replaceChildren(bar, said)
  for (;;) {
    const answer = await ask(`/funnels/${encodeURIComponent(begun.funnel_id)}/results`, { signal })
    if (answer.steps) {
      result.replaceChildren(steps(answer.steps), ...(answer.breakdown ? [breakdown(`By ${settings.breakdown}`, settings.breakdown, answer)] : []),
        element("p.note", {}, `Computed ${new Date(answer.computed_at).toLocaleString()}.`))
      return
    }
    if (["failed", "cancelled"].includes(answer.state)) return result.replaceChildren(message(answer.message ?? `It was ${answer.state}.`, "bad"))
    if (typeof answer.progress == "number") bar.value = answer.progress
    said.textContent = `${answer.state ?? "running"}${typeof answer.progress == "number" ? `, ${percent(answer.progress)}` : ""}`
    await new Promise((resolve) => setTimeout(resolve, 500))
    if (signal.aborted) return
  }
}
