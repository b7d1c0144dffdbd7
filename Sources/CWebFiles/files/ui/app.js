// The page around the dashboards: which one, of which topology, over which range. All of it stands in the address.
import { ask } from "./api.js"
import { forgetAll } from "./charts.js"
import { controls } from "./controls.js"
import { element, message, seconds } from "./text.js"
import * as explore from "./explore.js"
import * as funnel from "./funnel.js"
import * as operations from "./operations.js"
import * as overview from "./overview.js"
import * as realtime from "./realtime.js"
import * as replay from "./replay.js"

const pages = { overview, funnel, realtime, explore, operations, replay }
const main = document.getElementById("main")
let topologies = []
let running
let timer

/// `#overview?days=7&by=geo.country` as a page and its settings.
function address() {
  const [page, query] = location.hash.slice(1).split("?")
  return { page: pages[page] ? page : "overview", settings: Object.fromEntries(new URLSearchParams(query)) }
}

function go(page, settings) {
  const kept = Object.entries(settings).filter(([, value]) => value !== undefined && value !== "")
  const query = new URLSearchParams(kept).toString()
  const target = `#${page}${query ? "?" + query : ""}`
  if (target == location.hash) show()
  else location.hash = target
}

function frame(page, settings) {
  document.title = `${pages[page].title} · Millrace`
  document.getElementById("pages").replaceChildren(
    ...Object.entries(pages).map(([name, one]) => {
      const { topology, timezone, from, to, days } = settings
      const query = new URLSearchParams(Object.entries({ topology, timezone, from, to, days }).filter(([, value]) => value)).toString()
      return element("a", { href: `#${name}${query ? "?" + query : ""}`, "aria-current": name == page && "page" }, one.title)
    }))
  const select = document.getElementById("topology")
  select.replaceChildren(...topologies.map((one) => element("option", { value: one.name }, one.name)))
  select.parentElement.hidden = topologies.length < 2
  select.value = settings.topology ?? topologies[0]?.name ?? ""
}

/// How old the numbers are, from the last answer that says so.
function freshness(answer) {
  const badge = document.getElementById("freshness")
  const age = answer?.freshness_seconds
  const lacking = answer?.partial?.length
  badge.className = `badge ${age === undefined ? "" : lacking ? "bad" : age < 10 ? "good" : age < 120 ? "warn" : "bad"}`
  badge.textContent = age === undefined ? "…" : lacking ? `${lacking} partitions are missing` : age < 10 ? "live" : `${seconds(age)} behind`
  badge.title = answer?.complete_until ? `Complete until ${answer.complete_until}; generation ${answer.generation}` : ""
}

async function show({ quietly = false } = {}) {
  const { page, settings } = address()
  running?.abort()
  clearTimeout(timer)
  const control = (running = new AbortController())
  const { signal } = control
  if (!quietly) main.setAttribute("aria-busy", "true")
  let found = []
  try {
    topologies = (await ask("/topologies", { signal })).topologies
    if (signal.aborted) return
    frame(page, settings)
    const topology = topologies.find((one) => one.name == settings.topology) ?? topologies[0]
    if (!topology) {
      found = [message("No topology runs here. Start the server with one: millrace serve topologies/web.yaml")]
    } else {
      const context = { topology, settings, signal, freshness, go: (change) => go(page, { ...settings, ...change }), refresh: () => show({ quietly: true }) }
      const fields = pages[page].controls?.(context) ?? []
      const form = document.getElementById("controls")
      // A field that somebody types in is left alone.
      if (!form.contains(document.activeElement) || !quietly) form.replaceChildren(...controls(fields, context))
      found = await pages[page].render(context)
    }
  } catch (error) {
    if (signal.aborted) return
    found = [message(error.message, "bad")]
    if (!(error.status >= 0)) console.error(error)
  }
  if (signal.aborted) return
  const scrolled = window.scrollY
  forgetAll()
  main.replaceChildren(...found)
  main.removeAttribute("aria-busy")
  document.getElementById("answered").textContent = `Asked at ${new Date().toLocaleTimeString()}.`
  if (quietly) window.scrollTo(0, scrolled)
  main.dataset.page = page
  timer = setTimeout(() => show({ quietly: true }), (pages[page].seconds ?? 30) * 1000)
}

window.addEventListener("hashchange", () => show())
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState == "visible") show({ quietly: true })
  else clearTimeout(timer)
})
document.getElementById("topology").addEventListener("change", (event) => {
  const { page, settings } = address()
  go(page, { timezone: settings.timezone, days: settings.days, topology: event.target.value })
})
document.getElementById("controls").addEventListener("submit", (event) => event.preventDefault())
document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement
  const isDark = root.dataset.theme ? root.dataset.theme == "dark" : matchMedia("(prefers-color-scheme: dark)").matches
  root.dataset.theme = isDark ? "light" : "dark"
  localStorage.setItem("millrace.theme", root.dataset.theme)
  show({ quietly: true })
})
const theme = localStorage.getItem("millrace.theme")
if (theme) document.documentElement.dataset.theme = theme
show()
