// Chart.js, as Debian ships it, in the page's colours. Without it numbers are tables.
import { bucket, compact, element, number, table } from "./text.js"

const palette = {
  light: ["#0b57a4", "#d9730d", "#137a4b", "#8a3ffc", "#b3261e", "#007d79", "#9a5b00", "#5b6877", "#c2185b", "#4b6bfb"],
  dark: ["#7fb4ee", "#f0a35e", "#57c592", "#be95ff", "#f28b82", "#3ddbd9", "#e6ac4b", "#95a3b3", "#f48fb1", "#9fb2ff"],
}
const drawn = new Set()

export function isDark() {
  const theme = document.documentElement.dataset.theme
  return theme ? theme == "dark" : matchMedia("(prefers-color-scheme: dark)").matches
}

export function colors() { return palette[isDark() ? "dark" : "light"] }

export function forgetAll() {
  for (const chart of drawn) chart.destroy()
  drawn.clear()
}

/// A card with a chart, and the same numbers as a table for who wants to read them.
///
/// - labels: one per bucket or value; series: `[{name, values}]`
export function card(title, { labels, series, kind = "line", size = "", stacked = false, format = number, axis = compact }) {
  const chart = element("div.chart")
  const rows = labels.map((label, index) => [label, ...series.map((one) => format(one.values[index]))])
  const numbers = table(["", ...series.map((one) => one.name)], rows, { numbers: series.map((_, index) => index + 1) })
  numbers.hidden = true
  const toggle = element("button", {
    type: "button", "aria-pressed": "false",
    onclick: () => {
      numbers.hidden = !numbers.hidden
      chart.hidden = !numbers.hidden
      toggle.setAttribute("aria-pressed", String(!numbers.hidden))
    },
  }, "Table")
  const made = element(`section.card${size ? "." + size : ""}`, {}, element("h2", {}, title, toggle), chart, numbers)
  if (!labels.length) {
    chart.replaceChildren(element("p", {}, "There is nothing in this range."))
    return made
  }
  if (!window.Chart) {
    numbers.hidden = false
    chart.hidden = true
    return made
  }
  const canvas = element("canvas", { role: "img", "aria-label": `${title}: a chart; the same as a table with the button Table` })
  chart.append(canvas)
  // Once it stands in the page, so that it has a size.
  requestAnimationFrame(() => draw(canvas, labels, series, { kind, stacked, format, axis }))
  return made
}

function draw(canvas, labels, series, { kind, stacked, format, axis }) {
  if (!canvas.isConnected) return
  const text = isDark() ? "#95a3b3" : "#5b6877"
  const grid = isDark() ? "#2c3540" : "#e6e9ee"
  const shades = colors()
  const isPart = kind == "doughnut"
  const chart = new window.Chart(canvas, {
    type: kind == "area" ? "line" : kind,
    data: {
      labels,
      datasets: series.map((one, index) => ({
        label: one.name,
        data: one.values,
        borderColor: shades[index % shades.length],
        backgroundColor: isPart ? labels.map((_, part) => shades[part % shades.length])
          : kind == "line" && !stacked ? "transparent" : shades[index % shades.length] + (kind == "bar" ? "cc" : "33"),
        borderWidth: kind == "bar" || isPart ? 0 : 2,
        fill: kind == "area" || stacked,
        pointRadius: labels.length > 40 ? 0 : 2,
        // Never above or below the numbers.
        cubicInterpolationMode: "monotone",
        borderRadius: 3,
      })),
    },
    options: {
      animation: false,
      responsive: true,
      maintainAspectRatio: false,
      interaction: { mode: isPart ? "nearest" : "index", intersect: false },
      plugins: {
        legend: { display: series.length > 1 || isPart, position: isPart ? "right" : "bottom", labels: { color: text, boxWidth: 10, boxHeight: 10, usePointStyle: kind == "line", pointStyle: "line" } },
        tooltip: { callbacks: { label: (item) => ` ${isPart ? item.label : item.dataset.label}: ${format(item.raw)}` } },
      },
      scales: isPart ? {} : {
        x: { stacked, ticks: { color: text, maxRotation: 0, autoSkipPadding: 16 }, grid: { display: false } },
        y: { stacked, beginAtZero: true, ticks: { color: text, callback: axis, maxTicksLimit: 6 }, grid: { color: grid }, border: { display: false } },
      },
    },
  })
  drawn.add(chart)
}

/// Rows of an answer as one series per combination of dimensions, the largest first; the rest stays out and is counted.
export function seriesOf(rows, grain, timezone, { most = 8, name = "" } = {}) {
  const times = [...new Set(rows.map((row) => row.timestamp))].sort()
  const at = new Map(times.map((time, index) => [time, index]))
  const found = new Map()
  for (const row of rows) {
    const label = Object.values(row.dimensions).map((value) => value ?? "(none)").join(" · ") || name
    let one = found.get(label)
    if (!one) found.set(label, one = { name: label, values: Array(times.length).fill(null), sum: 0 })
    one.values[at.get(row.timestamp)] = row.value
    one.sum += row.value ?? 0
  }
  const series = [...found.values()].sort((a, b) => b.sum - a.sum)
  return { labels: times.map((time) => bucket(time, grain, timezone)), times, series: series.slice(0, most), others: Math.max(0, series.length - most) }
}
