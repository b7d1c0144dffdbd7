// Generations: what is served, what is built beside it, what differs, and going from one to the other.
import { ask } from "./api.js"
import { card } from "./charts.js"
import { bytes, element, message, number, percent, seconds as span, table } from "./text.js"

export const title = "Replay"
export const seconds = 3

let said
let compared

export async function render(context) {
  const { topology, signal } = context
  const path = `/topologies/${encodeURIComponent(topology.name)}`
  const found = await ask(`${path}/generations`, { signal })
  const live = found.live
  const act = (method, target, parameters, done) => async () => {
    try {
      const answer = await ask(target, { method, parameters })
      said = message(done(answer), "good")
    } catch (error) { said = message(error.message, "bad") }
    compared = undefined
    context.refresh()
  }
  const button = (text, action, isPrimary, isOff = false) => element(isPrimary ? "button.primary" : "button", { type: "button", onclick: action, disabled: isOff, "data-focus": text }, text)
  const actions = (one) => {
    if (one.generation == live) return element("strong", {}, "served")
    const made = []
    if (one.state == "caught_up" || one.state == "previous") {
      made.push(button("Promote", act("POST", `${path}/promote`, { generation: one.generation }, () => `Generation ${one.generation} is served.`), one.state == "caught_up"))
      made.push(button("Compare", compare(context, path, live, one.generation)))
    }
    made.push(button("Drop", act("DELETE", `${path}/generations/${one.generation}`, {}, (answer) => `Generation ${one.generation} is gone: ${bytes(answer.bytes ?? 0)} are free.`)))
    return element("div.row", {}, made)
  }
  const cards = []
  if (said) cards.push(said)
  for (const replay of (found.replays ?? []).filter((one) => !["live", "previous", "retired", "cancelled"].includes(one.state))) cards.push(progress(replay, act, button))
  cards.push(element("section.card", {},
    element("h2", {}, "Generations", button("Roll back", act("POST", `${path}/rollback`, {}, (answer) => `Generation ${answer.generation} is served again.`), false, !found.generations.some((one) => one.state == "previous"))),
    element("p.note", {}, "What is served is one of these, whole. The others stand beside it: compare, and go over or back at any time."),
    table(["generation", "state", "made", "size", "events/s", "meaning", ""],
      found.generations.map((one) => [one.generation, badge(one, live), new Date(one.created_at).toLocaleString(), bytes(one.state_bytes), number(one.replay_events_per_second), one.digest.slice(0, 8), actions(one)]),
      { numbers: [3, 4] })))
  if (found.generations.length < 2) {
    cards.push(message(`There is one generation. Edit the topology's file, then: millrace plan FILE --server ${location.origin}, and millrace deploy FILE --server ${location.origin}`))
  }
  if (compared) cards.push(...compared)
  return cards
}

const badge = (one, live) => element(`span.badge.${one.generation == live ? "good" : one.state == "stopped" ? "bad" : "warn"}`, {}, one.generation == live ? "live" : one.state.replace("_", " "))

function progress(replay, act, button) {
  const share = replay.progress ?? 0
  const to = (verb) => act("POST", `/replays/${encodeURIComponent(replay.id)}/${verb}`, {}, () => `Generation ${replay.generation}: ${verb}.`)
  return element("section.card", {}, element("h2", {}, `Generation ${replay.generation}: ${replay.state.replace("_", " ")}`,
      element("span.row", {}, replay.state == "building" ? button("Pause", to("pause")) : replay.state == "caught_up" ? null : button("Resume", to("resume")),
        replay.state == "caught_up" ? null : button("Cancel", to("cancel")))),
    element("progress", { max: 1, value: share, "aria-label": "built" }),
    element("p", {}, `${percent(share)}, ${number(replay.events)} of ${number(replay.events_total)} events`,
      replay.events_per_second ? `, ${number(Math.round(replay.events_per_second))}/s` : "",
      replay.eta_seconds ? `, ${span(replay.eta_seconds)} to go` : "", replay.held_up ? "; it waits for the live numbers" : "", replay.message ? `: ${replay.message}` : ""))
}

const compare = (context, path, a, b) => async () => {
  compared = [message(`Generations ${a} and ${b} are brought to the same offsets and compared…`)]
  context.refresh()
  try {
    const answer = await ask(`${path}/diff`, { parameters: { a, b } })
    const kinds = ["changed", "added", "removed"]
    const differing = answer.views.filter((view) => kinds.some((kind) => view[kind]))
    compared = [
      element("section.card.half", {}, element("h2", {}, `Generation ${answer.b} against ${answer.a}`),
        table(["view", "equal", "changed", "added", "removed", "not rebuilt"],
          answer.views.map((view) => [view.view, view.equal, view.changed, view.added, view.removed, view.not_rebuilt ?? 0].map((value, index) => (index ? number(value) : value))),
          { numbers: [1, 2, 3, 4, 5] }),
        differing.length ? null : element("p.note", {}, "They say the same in every cell.")),
      card("Cells that differ", { labels: answer.views.map((view) => view.view), series: kinds.map((kind) => ({ name: kind, values: answer.views.map((view) => view[kind]) })), kind: "bar", stacked: true, size: "half" }),
      ...answer.views.filter((view) => view.largest?.length).flatMap(movers),
    ]
  } catch (error) { compared = [message(error.message, "bad")] }
  context.refresh()
}

function movers(view) {
  const name = (one) => [one.bucket, ...Object.values(one.dimensions ?? {}).map((value) => value ?? "(none)"), one.measure].join(" · ")
  const largest = view.largest.slice(0, 12)
  const signed = (value) => `${value > 0 ? "+" : ""}${number(value)}`
  return [
    card(`${view.view}: the largest of what differs`, {
      labels: largest.map(name), kind: "bar", size: "half",
      series: [{ name: "before", values: largest.map((one) => Number(one.a ?? 0)) }, { name: "after", values: largest.map((one) => Number(one.b ?? 0)) }],
    }),
    element("section.card.half", {}, element("h2", {}, `${view.view}: by how much`),
      table(["cell", "before", "after", "difference"], largest.map((one) => [name(one), number(Number(one.a ?? 0)), number(Number(one.b ?? 0)), signed(Number(one.b ?? 0) - Number(one.a ?? 0))]), { numbers: [1, 2, 3] })),
  ]
}
