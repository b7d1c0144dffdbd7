// Chart.js, as Debian ships it, in the page's colours. Without it numbers are tables.
import { bucket, compact, element, number, table } from "./text.js"

const palette = {
  light: ["#2563b8", "#d9730d", "#13805a", "#8a3ffc", "#c0392b", "#0b8a94", "#a8720c", "#5b6877", "#c2185b", "#4b6bfb"],
  dark: ["#7fb4ee", "#f0a35e", "#57c592", "#be95ff", "#f28b82", "#3dd6d4", "#e6c14b", "#95a3b3", "#f48fb1", "#9fb2ff"],
}
const drawn = new Set()
/// Titles of cards that are read as tables, also after the page has asked again.
const asTables = new Set()

export function isDark() {
  const theme = document.documentElement.dataset.theme
  return theme ? theme == "dark" : matchMedia("(prefers-color-scheme: dark)").matches
}

export function colors() { return palette[isDark() ? "dark" : "light"] }

export function forgetAll() {
  for (const chart of drawn) chart.destroy()
  drawn.clear()
}

/// Those inside an element that is about to go.
export function forget(inside) {
  for (const chart of drawn) {
    if (!inside.contains(chart.canvas)) continue
    chart.destroy()
    drawn.delete(chart)
  }
}

/// A card with a chart, and the same numbers as a table for who wants to read them.
///
/// - labels: one per bucket or value; series: `[{name, values}]`, and `isBefore` for one to compare with
/// - The card's `update({labels, series})` shows other numbers in its place.
export function card(title, { labels, series, kind = "line", size = "", stacked = false, format = number, axis = compact, note = "", actions = [], empty = "Nothing in this range. Choose a longer one above." }) {
  const chart = element("div.chart")
  const numbers = element("div", { hidden: true })
  const remark = element("p.note", { hidden: !note }, note)
  const look = { kind, stacked, format, axis }
  let painted
  const turn = (isTable) => {
    numbers.hidden = !isTable
    chart.hidden = isTable
    toggle.setAttribute("aria-pressed", String(isTable))
    isTable ? asTables.add(title) : asTables.delete(title)
  }
  const toggle = element("button.quiet", { type: "button", "data-focus": `table of ${title}`, onclick: () => turn(numbers.hidden) }, "Table")
  const made = element(`section.card${size ? "." + size : ""}`, {}, element("h2", {}, title, element("span.row", {}, actions, toggle)), chart, numbers, remark)
  made.update = ({ labels, series, note }) => {
    if (note !== undefined) {
      remark.textContent = note
      remark.hidden = !note
    }
    numbers.replaceChildren(table(["", ...series.map((one) => one.name)],
      labels.map((label, index) => [label, ...series.map((one) => format(one.values[index]))]), { numbers: series.map((_, index) => index + 1) }))
    if (painted && drawn.has(painted) && labels.length) {
      painted.data = data(labels, series, look)
      painted.options.plugins.legend.display = hasLegend(series, look)
      return painted.update("none")
    }
    painted = undefined
    if (!labels.length) {
      chart.replaceChildren(element("p.empty", {}, empty))
      return
    }
    if (!window.Chart) return
    const canvas = element("canvas", { role: "img", "aria-label": `${title}: a chart; the same as a table with the button Table` })
    chart.replaceChildren(canvas)
    whenItHasASize(chart, () => {
      if (canvas.isConnected) painted = draw(canvas, labels, series, look)
    })
  }
  made.update({ labels, series })
  turn(asTables.has(title) || (!window.Chart && labels.length > 0))
  return made
}

/// A card may be made long before the page shows it, or while it is read as a table.
function whenItHasASize(place, action) {
  const observer = new ResizeObserver(() => {
    if (!place.clientWidth) return
    observer.disconnect()
    action()
  })
  observer.observe(place)
}

const hasLegend = (series, { kind }) => series.length > 1 || kind == "doughnut"

function data(labels, series, { kind, stacked }) {
  const shades = colors()
  const isPart = kind == "doughnut"
  let next = 0
  return {
    labels,
    datasets: series.map((one) => {
      const shade = shades[next % shades.length]
      // What was before is the same thing at another time.
      if (!one.isBefore && !one.isOther) next += 1
      const color = one.isBefore || one.isOther ? shades[7] : shade
      return {
        label: one.name,
        data: one.values,
        borderColor: color,
        backgroundColor: isPart ? labels.map((_, part) => shades[part % shades.length])
          : one.isBefore || (kind == "line" && !stacked) ? "transparent" : color + (kind == "bar" ? "d9" : "2e"),
        hoverBackgroundColor: kind == "bar" ? color : undefined,
        borderWidth: isPart ? 2 : kind == "bar" && !one.isBefore ? 0 : 2,
        ...(isPart ? { borderColor: isDark() ? "#191f27" : "#ffffff" } : {}),
        borderDash: one.isBefore ? [5, 4] : undefined,
        type: one.isBefore ? "line" : undefined,
        fill: !one.isBefore && (kind == "area" || stacked),
        pointRadius: labels.length > 40 ? 0 : labels.length == 1 ? 4 : 2,
        pointHoverRadius: 4,
        pointBackgroundColor: color,
        // Never above or below the numbers.
        cubicInterpolationMode: "monotone",
        borderRadius: 3,
        maxBarThickness: 48,
      }
    }),
  }
}

function draw(canvas, labels, series, look) {
  const { kind, stacked, format, axis } = look
  const text = isDark() ? "#95a3b3" : "#5b6877"
  const grid = isDark() ? "#2a323c" : "#e9ecf1"
  const isPart = kind == "doughnut"
  const chart = new window.Chart(canvas, {
    type: kind == "area" ? "line" : kind,
    data: data(labels, series, look),
    options: {
      animation: false,
      responsive: true,
      maintainAspectRatio: false,
      cutout: "62%",
      interaction: { mode: isPart ? "nearest" : "index", intersect: false },
      font: { family: "system-ui, sans-serif" },
      plugins: {
        legend: {
          display: hasLegend(series, look), position: isPart && canvas.parentElement.clientWidth > 320 ? "right" : "bottom",
          labels: { color: text, boxWidth: 9, boxHeight: 9, padding: 12, usePointStyle: true, pointStyle: kind == "line" ? "line" : "circle" },
        },
        tooltip: {
          padding: 10, cornerRadius: 6, boxPadding: 4,
          filter: (item) => isPart || item.raw !== null,
          itemSort: (a, b) => (b.raw ?? 0) - (a.raw ?? 0),
          callbacks: { label: (item) => ` ${isPart ? item.label : item.dataset.label}: ${format(item.raw)}` },
        },
      },
      scales: isPart ? {} : {
        x: { stacked, ticks: { color: text, maxRotation: 0, autoSkipPadding: 20 }, grid: { display: false }, border: { color: grid } },
        y: { stacked, beginAtZero: true, ticks: { color: text, callback: axis, maxTicksLimit: 6, padding: 6 }, grid: { color: grid, drawTicks: false }, border: { display: false } },
      },
    },
  })
  drawn.add(chart)
  return chart
}

/// The group that a row is of.
export const labelOf = (row, name) => (row.other ? "all others" : Object.values(row.dimensions).map((value) => value ?? "(none)").join(" · ") || name)

/// Rows of an answer as one series per combination of dimensions, the largest first; the rest stays out and is counted.
///
/// - times: those that are shown, where also a bucket without rows has its place; nothing: what it then has.
export function seriesOf(rows, grain, timezone, { most = 8, name = "", nothing = null, times = [...new Set(rows.map((row) => row.timestamp))].sort() } = {}) {
  const at = new Map(times.map((time, index) => [time, index]))
  const found = new Map()
  for (const row of rows) {
    const label = labelOf(row, name)
    let one = found.get(label)
    if (!one) found.set(label, one = { name: label, isOther: !!row.other, values: Array(times.length).fill(nothing), sum: 0 })
    one.values[at.get(row.timestamp)] = row.value
    one.sum += row.value ?? 0
  }
  const series = [...found.values()].sort((a, b) => a.isOther - b.isOther || b.sum - a.sum)
  return { labels: times.map((time) => bucket(time, grain, timezone)), times, series: series.slice(0, most), others: Math.max(0, series.length - most) }
}

/// A number to be read at a glance.
export function tile(title, value, note, size = "tile") {
  return element(`section.card.tile${size == "tile" ? "" : "." + size}`, {}, element("h2", {}, title), element("div.number", {}, value), element("div.note", {}, note ?? ""))
}

/// `[[name, value]]`, the largest first, each with a bar of its share.
export function ranking(title, heads, rows, { size = "third", format = number, actions = [], most = 12, share = true } = {}) {
  const sorted = [...rows].sort((a, b) => b[1] - a[1])
  const all = sorted.reduce((sum, [, value]) => sum + value, 0)
  const largest = sorted[0]?.[1] || 1
  const line = ([name, value]) => {
    const bar = element("span.bar", { "aria-hidden": "true" })
    bar.style.width = `${Math.max(0.5, (100 * value) / largest)}%`
    return [element("div.ranked", {}, element("span", { title: name }, name), element("span.track", {}, bar)), format(value), ...(share ? [all ? `${((100 * value) / all).toFixed(1)} %` : "–"] : [])]
  }
  return element(`section.card.ranking.${size}`, {}, element("h2", {}, title, actions.length ? element("span.row", {}, actions) : null),
    sorted.length ? table([heads[0], heads[1], ...(share ? ["share"] : [])], sorted.slice(0, most).map(line), { numbers: [1, 2] })
      : element("p.empty", {}, "Nothing in this range."),
    sorted.length > most ? element("p.note", {}, `and ${number(sorted.length - most)} more`) : null)
}
