// Puts a dashboard together: panels, each a question and how it is drawn, shown as they will be.
import { forget } from "./charts.js"
import { range, timezone } from "./controls.js"
import { panelCard } from "./questions.js"
import { element, message } from "./text.js"

const charts = {
  query: [["line", "lines"], ["area", "area"], ["bar", "bars"], ["stacked", "stacked bars"], ["doughnut", "doughnut"], ["ranking", "ranking"], ["number", "one number"], ["table", "table"]],
  funnel: [["funnel", "steps"], ["table", "table by dimension"]],
}
const sizes = [["quarter", "a quarter"], ["third", "a third"], ["half", "half"], ["full", "full width"]]
const grains = [["minute", "minute"], ["hour", "hour"], ["day", "day"], ["week", "week"], ["month", "month"]]

/// A draft outlives a reload of the page, and is gone when it is saved or given up.
const kept = (name) => `millrace.draft ${name}`

/// - dashboard: to begin with; `save(dashboard)` throws what is wrong with it.
export function editor({ context, name, dashboard, save, leave }) {
  const { topology, signal } = context
  let draft = JSON.parse(sessionStorage.getItem(kept(name)) ?? "null") ?? structuredClone(dashboard)
  // What the server has been told since is what counts.
  if (draft.version !== dashboard.version) draft = structuredClone(dashboard)
  const rollups = topology.views.filter((view) => view.kind == "rollup")
  const funnels = topology.views.filter((view) => view.kind == "funnel")
  const answer = element("div.said", { role: "status" })
  const panels = element("ol.panels")
  const said = (one) => answer.replaceChildren(...(one ? [one] : []))
  const keep = () => sessionStorage.setItem(kept(name), JSON.stringify(draft))

  const field = (text, input) => element("label.field", {}, text, input)
  const input = (object, key, more = {}) => element("input", {
    value: object[key] ?? "", ...more,
    oninput: (event) => {
      const { value } = event.target
      if (value === "") delete object[key]
      else object[key] = more.type == "number" ? Number(value) : value
      keep()
    },
  })
  const select = (options, value, choose) => element("select", { onchange: (event) => choose(event.target.value) },
    options.map(([key, text]) => element("option", { value: key, selected: key === value }, text)))

  function fresh(kind) {
    if (kind == "funnel") return { title: "A funnel", chart: "funnel", size: "full", funnel: { view: funnels[0]?.name ?? "" } }
    const view = rollups[0]
    return { title: "New panel", chart: "area", size: "half", query: { view: view?.name ?? "", metric: view?.measures[0]?.name ?? "", granularity: "day" } }
  }

  function panelForm(panel, index) {
    const preview = element("div.preview", { "aria-live": "polite" })
    let asking
    const look = async () => {
      keep()
      asking?.abort()
      const control = (asking = new AbortController())
      signal.addEventListener("abort", () => control.abort(), { once: true })
      const dates = range({ topology, settings: { days: panel.days || draft.days || 14 } })
      try {
        const made = await panelCard({ ...panel, size: "full" }, { topology, signal: control.signal, ...dates, timezone: timezone({ timezone: draft.timezone }), fresh: context.freshness })
        if (control.signal.aborted) return
        forget(preview)
        preview.replaceChildren(made)
      } catch (error) { if (error.name != "AbortError") preview.replaceChildren(message(error.message, "bad")) }
    }
    const later = debounce(look)
    const questions = element("div.fields")
    const fill = () => {
      const asked = panel.query
      const set = (key) => (value) => {
        if (value === "") delete asked[key]
        else asked[key] = value
        later()
      }
      if (panel.funnel) {
        questions.replaceChildren(
          field("Funnel", select(funnels.map((view) => [view.name, view.name]), panel.funnel.view, (value) => { panel.funnel.view = value; look() })),
          element("label.check", {}, element("input", {
            type: "checkbox", checked: panel.funnel.by == "true", onchange: (event) => { if (event.target.checked) panel.funnel.by = "true"; else delete panel.funnel.by; look() },
          }), "by its dimension"),
          field("Drawn as", select(charts.funnel, panel.chart, (value) => { panel.chart = value; look() })))
        return
      }
      const view = rollups.find((one) => one.name == asked.view) ?? rollups[0]
      const chosen = new Set(asked.group_by ? asked.group_by.split(",").map((one) => one.trim()) : [])
      const dimension = (name) => element("label.check", {}, element("input", {
        type: "checkbox", checked: chosen.has(name), onchange: (event) => {
          event.target.checked ? chosen.add(name) : chosen.delete(name)
          set("group_by")(view.dimensions.filter((one) => chosen.has(one)).join(","))
        },
      }), name)
      questions.replaceChildren(...[
        field("View", select(rollups.map((one) => [one.name, one.name]), asked.view, (value) => {
          const next = rollups.find((one) => one.name == value)
          asked.view = value
          if (!next.measures.some((one) => one.name == asked.metric)) asked.metric = next.measures[0]?.name ?? ""
          delete asked.group_by
          if (!next.dimensions.includes("event_type")) delete asked.event_type
          fill()
          look()
        })),
        field("Measure", select((view?.measures ?? []).map((one) => [one.name, `${one.name}: ${one.definition}`]), asked.metric, set("metric"))),
        field("Per", select(grains, asked.granularity ?? "hour", set("granularity"))),
        field("Drawn as", select(charts.query, panel.chart, (value) => { panel.chart = value; look() })),
        view?.dimensions.includes("event_type") ? field("Only events", element("input", { value: asked.event_type ?? "", placeholder: "all", oninput: (event) => set("event_type")(event.target.value.trim()) })) : null,
        field("Only where", element("input", { value: asked.where ?? "", placeholder: "geo.country = 'DE'", oninput: (event) => set("where")(event.target.value) })),
        view?.dimensions.length ? element("fieldset.checks", {}, element("legend", {}, "Grouped by"), view.dimensions.map(dimension)) : null].filter(Boolean))
    }
    fill()
    const move = (by) => {
      const [one] = draft.panels.splice(index, 1)
      draft.panels.splice(index + by, 0, one)
      list(index + by)
    }
    const act = (text, label, action, isOff) => element("button.quiet", { type: "button", "aria-label": `${label} panel ${index + 1}`, title: label, disabled: isOff, onclick: action }, text)
    look()
    return element("li.card.panel", { "data-panel": index },
      element("div.row.between", {},
        element("label.field.wide", {}, `Panel ${index + 1}`, input(panel, "title", { maxlength: 120, required: true, onchange: look, placeholder: "Its title" })),
        element("div.row", {}, act("↑", "Move up", () => move(-1), index == 0), act("↓", "Move down", () => move(1), index == draft.panels.length - 1),
          act("Copy", "Copy", () => { draft.panels.splice(index + 1, 0, structuredClone(panel)); list(index + 1) }),
          act("Remove", "Remove", () => { draft.panels.splice(index, 1); list(Math.min(index, draft.panels.length - 1)) }))),
      element("div.halves", {}, element("div", {}, questions,
        element("div.fields", {}, field("Width", select(sizes, panel.size ?? "half", (value) => { panel.size = value; keep() })),
          field("Days of its own", input(panel, "days", { type: "number", min: 1, max: 3660, onchange: look, placeholder: "the page's" })))), preview))
  }

  function list(focus) {
    keep()
    forget(panels)
    panels.replaceChildren(...draft.panels.map(panelForm))
    if (!draft.panels.length) panels.append(element("li.card.blank", {}, element("p", {}, "No panels yet. Add the first one below: a measure over time, or a funnel.")))
    if (focus >= 0) panels.querySelector(`[data-panel="${focus}"] input`)?.focus()
  }
  list(-1)

  const add = (kind, text) => element("button", {
    type: "button", disabled: kind == "funnel" ? !funnels.length : !rollups.length,
    onclick: () => { draft.panels.push(fresh(kind)); list(draft.panels.length - 1) },
  }, text)
  const saving = element("button.primary", {
    type: "button", onclick: async () => {
      saving.disabled = true
      for (const one of panels.querySelectorAll(".wrong")) one.classList.remove("wrong")
      try {
        const { id, version, built_in, created_at, saved_at, ...rest } = draft
        await save(version ? { version, ...rest } : rest)
        sessionStorage.removeItem(kept(name))
      } catch (error) {
        saving.disabled = false
        const isConflict = error.status == 409 || error.status == 412
        said(element("div.message.bad", { role: "alert" }, ...error.message.split("\n").map((line) => element("div", {}, line)),
          isConflict && draft.version ? element("p", {}, "Your changes are still here: save them as a copy (Duplicate), or give them up to see the other's.") : null))
        for (const [, index] of error.message.matchAll(/panels\[(\d+)\]/g)) panels.children[index]?.classList.add("wrong")
        answer.scrollIntoView({ block: "center" })
      }
    },
  }, "Save")
  return [
    element("div.bar", {}, element("h1", {}, draft.id ? `Edit “${dashboard.title}”` : "New dashboard"),
      element("div.row", {}, element("button", { type: "button", onclick: () => { sessionStorage.removeItem(kept(name)); leave() } }, "Give up"), saving)),
    answer,
    element("section.card", {}, element("h2", {}, "The page"), element("div.fields", {},
      field("Title", input(draft, "title", { maxlength: 120, required: true, id: "dashboard-title" })),
      field("Description", input(draft, "description", { maxlength: 400 })),
      field("Shows the last … days", input(draft, "days", { type: "number", min: 1, max: 3660, onchange: () => list(-1) })),
      field("Time zone", input(draft, "timezone", { placeholder: "UTC, or such as Europe/Berlin", onchange: () => list(-1) })))),
    panels,
    element("div.bar", {}, element("div.row", {}, add("query", "Add a measure"), add("funnel", "Add a funnel"))),
  ]
}

function debounce(action) {
  let timer
  return () => {
    clearTimeout(timer)
    timer = setTimeout(action, 400)
  }
}
