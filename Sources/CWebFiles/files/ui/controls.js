// The fields above a dashboard. Their values are settings of the address.
import { element } from "./text.js"

const day = 86400000
export const isoDate = (time) => new Date(time).toISOString().slice(0, 10)

/// The range that is asked for: `[from, to)` as dates of the zone, and how many days that is. The last days of what there is unless
/// dates are given.
export function range({ topology, settings }) {
  const stamps = topology.partitions.map((one) => Date.parse(one.newest_stamp ?? "")).filter((time) => time > 0)
  const newest = stamps.length ? Math.max(...stamps) : Date.now()
  const days = Number(settings.days) || 14
  const to = settings.to || isoDate(newest + day)
  const from = settings.from || isoDate(Date.parse(to) - days * day)
  return { from, to, days: Math.max(1, Math.round((Date.parse(to) - Date.parse(from)) / day)) }
}

/// The grain that makes some dozens of points, of those that are kept.
export function grainFor(days, view, wanted) {
  const kept = view?.grains?.map((one) => one.grain) ?? ["hour", "day"]
  if (kept.includes(wanted)) return wanted
  const best = days <= 3 ? "hour" : "day"
  return kept.includes(best) ? best : kept[kept.length - 1]
}

export const timezone = (settings) => settings.timezone || "UTC"

const zones = () => {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone
  return [...new Set(["UTC", own, ...(Intl.supportedValuesOf?.("timeZone") ?? [])])]
}

/// - fields: names of those that the page has, in order.
export function controls(fields, context) {
  const { settings, go } = context
  const current = range(context)
  const change = (name) => (event) => go({ [name]: event.target.value })
  const select = (name, options, value) => {
    const made = element("select", { name, onchange: change(name) },
      options.map(([key, text]) => element("option", { value: key, selected: key == value }, text)))
    return made
  }
  const all = {
    days: () => ["Range", element("select", { name: "days", onchange: (event) => go({ days: event.target.value, from: "", to: "" }) },
      [["1", "1 day"], ["3", "3 days"], ["7", "7 days"], ["14", "14 days"], ["30", "30 days"], ["90", "90 days"]].map(([value, text]) =>
        element("option", { value, selected: !settings.from && String(settings.days || 14) == value }, text)),
      settings.from ? element("option", { value: settings.days ?? "14", selected: true }, "from … to") : null)],
    from: () => ["From", element("input", { type: "date", name: "from", value: current.from, onchange: (event) => go({ from: event.target.value, to: current.to }) })],
    to: () => ["Before", element("input", { type: "date", name: "to", value: current.to, onchange: (event) => go({ from: current.from, to: event.target.value }) })],
    grain: () => ["Per", select("grain", [["", "automatic"], ...(context.grains ?? ["minute", "hour", "day"]).map((name) => [name, name])], settings.grain ?? "")],
    top: () => ["Only the top", select("top", [["", "all"], ...["3", "5", "8", "12"].map((count) => [count, count])], settings.top ?? "")],
    compare: () => ["Compared with", select("compare", [["", "nothing"], ["previous_period", "the time before"]], settings.compare ?? "")],
    timezone: () => ["Time zone", select("timezone", zones().map((zone) => [zone, zone]), timezone(settings))],
    by: () => ["Grouped by", select("by", [...(context.isAlwaysGrouped ? [] : [["", "nothing"]]), ...(context.dimensions ?? []).map((name) => [name, name])], settings.by ?? "")],
    where: () => ["Only where", element("input", {
      type: "search", name: "where", size: 28, value: settings.where ?? "", placeholder: "geo.country = 'DE'", onchange: change("where"),
    })],
    view: () => ["View", select("view", (context.views ?? []).map((name) => [name, name]), settings.view)],
    metric: () => ["Measure", select("metric", (context.metrics ?? []).map((name) => [name, name]), settings.metric)],
  }
  return fields.map((name) => {
    const [text, field] = all[name]()
    return element("label", {}, text, field)
  })
}
