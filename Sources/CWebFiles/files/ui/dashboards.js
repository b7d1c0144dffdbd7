// Saved dashboards: which there are, one of them, and putting one together.
import { ask } from "./api.js"
import { range, timezone } from "./controls.js"
import { editor } from "./editor.js"
import { panelCard } from "./questions.js"
import { element, message, number } from "./text.js"

export const title = "Dashboards"

const path = (id) => `/dashboards/${encodeURIComponent(id)}`
/// Of the one that is open: its document, so that the controls begin with what it says.
let open
/// Said once, after something was done.
let said

export async function controls(context) {
  const { settings, signal } = context
  open = undefined
  if (!settings.id || settings.edit) return []
  open = await ask(path(settings.id), { signal })
  context.settings = { ...settings, days: settings.days || open.days || "", timezone: settings.timezone || open.timezone || "" }
  if (open.panels.some((panel) => panel.query)) return ["days", "from", "to", "timezone", "where"]
  return ["days", "from", "to"]
}

export async function render(context) {
  const { settings } = context
  const cards = said ? [said] : []
  said = undefined
  if (settings.edit) {
    context.refreshSeconds = 0
    return [...cards, ...(await edit(context))]
  }
  return [...cards, ...(settings.id ? await show(context) : await list(context))]
}

const link = (context, text, change, what = "a.button") => element(what, { href: context.to("dashboards", change) }, text)
const button = (text, action, kind = "button") => element(kind, { type: "button", onclick: action, "data-focus": text }, text)

async function list(context) {
  const { signal } = context
  const all = (await ask("/dashboards", { signal })).dashboards
  const one = (saved) => element("section.card.third.shelf", {},
    element("h2", {}, link(context, saved.title, { id: saved.id }, "a"), saved.built_in ? element("span.badge", {}, "built in") : null),
    saved.problem ? element("p.message.bad", {}, saved.problem) : element("p", {}, saved.description || element("span.soft", {}, "No description.")),
    element("p.note", {}, [`${number(saved.panel_count)} ${saved.panel_count == 1 ? "panel" : "panels"}`, saved.topology, saved.saved_at && `version ${saved.version}, ${new Date(saved.saved_at).toLocaleString()}`].filter(Boolean).join(" · ")))
  const file = element("input.hidden", {
    type: "file", accept: ".yaml,.yml", id: "import", onchange: async (event) => {
      const [chosen] = event.target.files
      if (!chosen) return
      await attempt(context, async () => {
        const made = await ask("/dashboards", { method: "POST", body: await chosen.text(), type: "application/yaml" })
        said = message(`“${made.title}” is saved as ${made.id}.`, "good")
        context.go({ id: made.id })
      })
    },
  })
  return [
    element("div.bar", {}, element("h1", {}, "Dashboards"),
      element("div.row", {}, element("label.button", { for: "import", tabindex: 0, onkeydown: (event) => { if (event.key == "Enter" || event.key == " ") { event.preventDefault(); file.click() } } }, "Import YAML"), file,
        link(context, "New dashboard", { edit: "new" }, "a.button.primary"))),
    ...(all.length ? all.map(one) : [element("section.card.blank", {}, element("h2", {}, "Nothing is saved yet"),
      element("p", {}, "A dashboard is a page of charts that everybody who may read here sees. Put the first one together, or import one: ", element("code", {}, "millrace dashboards import FILE.yaml --server " + location.origin)),
      link(context, "New dashboard", { edit: "new" }, "a.button.primary"))]),
  ]
}

async function show(context) {
  const { topology, settings, signal } = context
  const dates = range(context)
  const page = {
    topology, signal, from: dates.from, to: dates.to, timezone: timezone(context.settings), where: settings.where,
    fresh: newest(context),
  }
  const cards = await Promise.all(open.panels.map((panel) => panelCard(panel, panel.days ? { ...page, ...range({ ...context, settings: { ...settings, from: "", days: panel.days } }) } : page)))
  const versions = element("dialog", { "aria-label": "Versions" })
  return [
    element("div.bar", {},
      element("div", {}, element("h1", {}, open.title), open.description ? element("p", {}, open.description) : null),
      element("div.row", {},
        open.built_in ? null : link(context, "Edit", { ...settings, edit: "1" }),
        link(context, "Duplicate", { ...settings, edit: "copy" }),
        button("Export YAML", () => attempt(context, () => download(open.id))),
        open.built_in ? null : button("Versions", async () => {
          await attempt(context, async () => {
            const all = (await ask(`${path(open.id)}/versions`)).versions
            versions.replaceChildren(element("h2", {}, "Versions"),
              element("ul", {}, all.map((one) => element("li", {},
                one.version == open.version ? element("strong", {}, `${one.version}: shown now`) : link(context, `${one.version}`, { ...settings, edit: "1", version: one.version }, "a"),
                element("span.soft", {}, ` ${one.title}, ${new Date(one.saved_at).toLocaleString()}`)))),
              element("p.note", {}, "An earlier one opens in the editor; saved, it is the newest."),
              element("form.row.end", { method: "dialog" }, element("button", {}, "Close")))
            versions.showModal()
          })
        }),
        open.built_in ? null : button("Delete", () => attempt(context, async () => {
          if (!window.confirm(`Delete “${open.title}”, with all its versions?`)) return
          await ask(path(open.id), { method: "DELETE" })
          said = message(`“${open.title}” is deleted.`, "good")
          location.hash = context.to("dashboards")
        }), "button.danger"))),
    ...cards, versions,
  ]
}

/// Of many answers, the one that is furthest behind is told.
function newest(context) {
  let worst
  return (answer) => {
    if (worst && !answer.partial && (answer.freshness_seconds ?? -1) <= (worst.freshness_seconds ?? -1)) return
    context.freshness((worst = answer))
  }
}

async function attempt(context, action) {
  try { await action() } catch (error) {
    if (error.name == "AbortError") return
    said = message(error.message, "bad")
    context.refresh()
  }
}

async function download(id) {
  const text = await ask(path(id), { parameters: { format: "yaml" }, isText: true })
  const url = URL.createObjectURL(new Blob([text], { type: "application/yaml" }))
  element("a", { href: url, download: `${id}.yaml` }).click()
  URL.revokeObjectURL(url)
}

async function edit(context) {
  const { settings, signal } = context
  const isNew = settings.edit == "new"
  const source = isNew ? undefined : await ask(path(settings.id), { signal, parameters: { version: settings.version } })
  // An earlier version is saved over the newest, so it is that one that must still be so.
  const base = source && settings.version ? (await ask(path(settings.id), { signal })).version : source?.version
  const made = source ?? { title: "New dashboard", days: 14, panels: [] }
  const isCopy = isNew || settings.edit == "copy" || source?.built_in
  return editor({
    context, name: `${settings.edit} ${settings.id ?? ""} ${settings.version ?? ""}`,
    dashboard: { ...(isCopy && !isNew ? { ...made, title: `${made.title} (copy)` } : made), version: isCopy ? undefined : base, id: isCopy ? undefined : made.id },
    leave: () => { location.hash = context.to("dashboards", { ...settings, edit: "", version: "" }) },
    save: async (dashboard) => {
      const body = JSON.stringify(dashboard)
      const saved = isCopy ? await ask("/dashboards", { method: "POST", body }) : await ask(path(settings.id), { method: "PUT", body })
      said = message(`“${saved.title}” is saved, version ${saved.version}.`, "good")
      location.hash = context.to("dashboards", { ...settings, id: saved.id, edit: "", version: "" })
    },
  })
}
