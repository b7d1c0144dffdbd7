// How many get from each step to the next, and where they come from.
import { ask } from "./api.js"
import { range } from "./controls.js"
import { element, message, number, percent, seconds, table } from "./text.js"

export const title = "Funnel"
export const controls = (context) => {
  context.views = funnels(context.topology).map((view) => view.name)
  return context.views.length > 1 ? ["view", "days", "from", "to"] : ["days", "from", "to"]
}

const funnels = (topology) => topology.views.filter((view) => view.kind == "funnel")

export async function render(context) {
  const { topology, settings, signal } = context
  const view = funnels(topology).find((one) => one.name == settings.view) ?? funnels(topology)[0]
  if (!view) return [message("This topology has no funnel. Add one to its file: views: { checkout: { funnel: { steps: […], within: 24h } } }")]
  const { from, to } = range(context)
  const answer = await ask(`/funnels/${encodeURIComponent(view.name)}/results`, {
    parameters: { topology: topology.name, start_time: from, end_time: to, by: view.by ? "true" : undefined }, signal,
  })
  context.freshness(answer)
  const entered = answer.steps[0].users_completed
  if (!entered) return [message(`Nobody entered ${view.name} from ${from} to ${to}. Choose another range.`)]
  const step = (one, index) => {
    const fill = element("div.fill")
    fill.style.width = `${(100 * one.users_completed) / entered}%`
    return element("div.step", {},
      element("div", {}, element("strong", {}, one.name), element("br"), element("small", {}, index ? `${percent(one.conversion_rate)} of the step before` : "entered")),
      element("div.track", { title: `${number(one.users_completed)} users` }, fill),
      element("div", {}, number(one.users_completed), element("br"),
        element("small", {}, index ? `${percent(one.users_completed / entered)}, after ${seconds(one.median_seconds_from_previous)}` : "users")))
  }
  const last = answer.steps[answer.steps.length - 1]
  const cards = [
    element("section.card", {}, element("h2", {}, `${view.name}: ${percent(last.users_completed / entered)} of ${number(entered)} users reach ${last.name}, within ${view.within}`),
      element("div.steps", {}, answer.steps.map(step))),
  ]
  if (answer.breakdown) {
    const rows = answer.breakdown
      .map((one) => [one.value ?? "(none)", ...one.steps.map((at) => at.users_completed)])
      .sort((a, b) => b[1] - a[1])
    cards.push(element("section.card", {}, element("h2", {}, `By ${view.by}`),
      table([view.by, ...answer.steps.map((one) => one.name), "conversion"],
        rows.map((row) => [row[0], ...row.slice(1).map(number), percent(row[row.length - 1] / row[1])]),
        { numbers: answer.steps.map((_, index) => index + 1).concat(answer.steps.length + 1) })))
  }
  return cards
}
