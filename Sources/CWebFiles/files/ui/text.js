// Numbers, times and elements. Text from events only ever becomes text.

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 })
const some = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 })
const short = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 })

export const number = (value) => (value === null || value === undefined ? "–" : Number.isInteger(value) ? whole.format(value) : some.format(value))
export const compact = (value) => (value === null || value === undefined ? "–" : Math.abs(value) < 10000 ? number(value) : short.format(value))
export const percent = (value) => (value === null || value === undefined || Number.isNaN(value) ? "–" : `${(value * 100).toFixed(1)} %`)
export const bytes = (value) => {
  for (const unit of ["B", "KiB", "MiB", "GiB", "TiB"]) {
    if (value < 1024 || unit == "TiB") return `${unit == "B" ? value : value.toFixed(1)} ${unit}`
    value /= 1024
  }
}
export const seconds = (value) => {
  if (value === null || value === undefined) return "–"
  if (value < 120) return `${value == 0 ? 0 : Number(value).toFixed(value < 10 ? 1 : 0)} s`
  if (value < 7200) return `${value < 600 ? number(Math.round(value / 6) / 10) : Math.round(value / 60)} min`
  return value < 172800 ? `${Math.round(value / 3600)} h` : `${Math.round(value / 86400)} d`
}

export function bucket(timestamp, grain, timezone) {
  const options = grain == "month" ? { month: "short", year: "numeric" } : grain == "day" || grain == "week" ? { month: "short", day: "numeric" } : grain == "minute" ? { hour: "2-digit", minute: "2-digit" } : { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" }
  return new Intl.DateTimeFormat(undefined, { ...options, timeZone: timezone || "UTC" }).format(new Date(timestamp))
}

/// `element("td.number", {title: "x"}, "text", child)`
export function element(what, attributes = {}, ...children) {
  const [name, ...classes] = what.split(".")
  const made = document.createElement(name || "div")
  if (classes.length) made.className = classes.join(" ")
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value)
    else if (value === true) made.setAttribute(key, "")
    else if (value !== false && value !== undefined && value !== null) made.setAttribute(key, value)
  }
  made.append(...children.flat().filter((child) => child !== undefined && child !== null))
  return made
}

export function table(heads, rows, { numbers = [] } = {}) {
  const cell = (kind) => (value, index) =>
    element(numbers.includes(index) ? `${kind}.number` : kind, kind == "th" ? { scope: "col" } : {}, value instanceof Node ? value : String(value ?? "–"))
  return element("div.scroll", { tabindex: 0 },
    element("table", {}, element("thead", {}, element("tr", {}, heads.map(cell("th")))),
      element("tbody", {}, rows.map((row) => element("tr", {}, row.map(cell("td")))))))
}

export function message(text, kind = "") {
  return element(`div.message${kind ? "." + kind : ""}`, { role: "alert" }, text)
}
