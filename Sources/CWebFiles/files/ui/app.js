// The page around the dashboards: which one, of which topology, over which range. All of it stands in the address.
import { ask, askForKey } from "./api.js"
import { forgetAll } from "./charts.js"
import { controls } from "./controls.js"
import { element, message, seconds } from "./text.js"
import * as dashboards from "./dashboards.js"
import * as explore from "./explore.js"
import * as funnel from "./funnel.js"
import * as operations from "./operations.js"
import * as overview from "./overview.js"
import * as realtime from "./realtime.js"
import * as replay from "./replay.js"

const pages = { overview, dashboards, funnel, realtime, explore, operations, replay }
const main = document.getElementById("main")
let topologies = []
let running
let timer

/// `#overview?days=7&by=geo.country` as a page and its settings.
function address() {
  const [page, query] = location.hash.slice(1).split("?")
  return { page: pages[page] ? page : "overview", settings: Object.fromEntries(new URLSearchParams(query)) }
}

function target(page, settings) {
  const kept = Object.entries(settings).filter(([, value]) => value !== undefined && value !== null && value !== "")
  const query = new URLSearchParams(kept).toString()
  return `#${page}${query ? "?" + query : ""}`
}

function go(page, settings) {
  if (target(page, settings) == location.hash) show()
  else location.hash = target(page, settings)
}

function frame(page, settings) {
  document.title = `${pages[page].title} · Millrace`
  const { topology, timezone, from, to, days } = settings
  document.getElementById("pages").replaceChildren(
    ...Object.entries(pages).map(([name, one]) =>
      element("a", { href: target(name, { topology, timezone, from, to, days }), "aria-current": name == page && "page" }, one.title)))
  // On a phone the pages are a strip: the one that is shown is in view.
  document.querySelector("#pages [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" })
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
  const [kind, text] = age === undefined || age === null ? ["", "no events yet"]
    : lacking ? ["bad", lacking == 1 ? "1 partition is missing" : `${lacking} partitions are missing`]
      : age < 10 ? ["good", "live"] : [age < 120 ? "warn" : "bad", `${seconds(age)} behind`]
  badge.className = `badge ${kind}`
  badge.textContent = text
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
  let wait = pages[page].seconds ?? 30
  try {
    topologies = (await ask("/topologies", { signal })).topologies
    if (signal.aborted) return
    frame(page, settings)
    const topology = topologies.find((one) => one.name == settings.topology) ?? topologies[0]
    if (!topology) {
      found = [message("No topology runs here. Start the server with one: millrace serve topologies/web.yaml")]
    } else {
      const context = {
        topology, settings, signal, freshness, refreshSeconds: wait,
        go: (change) => go(page, { ...settings, ...change }),
        to: (name, change = {}) => target(name, { topology: settings.topology, ...change }),
        refresh: () => show({ quietly: true }),
      }
      const fields = (await pages[page].controls?.(context)) ?? []
      const form = document.getElementById("controls")
      // A field that somebody types in is left alone.
      if (!form.contains(document.activeElement) || !quietly) form.replaceChildren(...controls(fields, context))
      found = await pages[page].render(context)
      wait = context.refreshSeconds
    }
  } catch (error) {
    if (signal.aborted) return
    found = [message(error.message, "bad")]
    if (!(error.status >= 0)) console.error(error)
    wait = wait || 5
  }
  if (signal.aborted) return
  const scrolled = window.scrollY
  const focused = document.activeElement?.dataset?.focus
  forgetAll()
  main.replaceChildren(...found)
  main.removeAttribute("aria-busy")
  document.getElementById("answered").textContent = `Asked at ${new Date().toLocaleTimeString()}.`
  if (quietly) window.scrollTo(0, scrolled)
  if (focused) main.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus()
  main.dataset.page = page
  if (wait) timer = setTimeout(() => show({ quietly: true }), wait * 1000)
}

window.addEventListener("hashchange", () => {
  window.scrollTo(0, 0)
  show()
})
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState == "visible") return show({ quietly: true })
  // Nobody looks: neither questions nor streams.
  clearTimeout(timer)
  running?.abort()
})
document.getElementById("topology").addEventListener("change", (event) => {
  const { page, settings } = address()
  go(page, { timezone: settings.timezone, days: settings.days, topology: event.target.value })
})
// The address is the page's, so the link to its content cannot be one.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault()
  main.focus()
})
document.getElementById("controls").addEventListener("submit", (event) => event.preventDefault())
document.getElementById("use-key").addEventListener("click", () => askForKey().then(() => show({ quietly: true })))
document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement
  const isDark = root.dataset.theme ? root.dataset.theme == "dark" : matchMedia("(prefers-color-scheme: dark)").matches
  root.dataset.theme = isDark ? "light" : "dark"
  localStorage.setItem("millrace.theme", root.dataset.theme)
  show({ quietly: true })
})
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show({ quietly: true }))
const theme = localStorage.getItem("millrace.theme")
if (theme) document.documentElement.dataset.theme = theme
show()
