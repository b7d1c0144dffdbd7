// The steps of a funnel, as bars.
import { element, number, percent, seconds } from "./text.js"

export function steps(all) {
  const entered = all[0].users_completed
  if (!entered) return element("p.empty", {}, "Nobody entered in this range. Choose a longer one above.")
  return element("ol.steps", {}, all.map((one, index) => {
    const fill = element("div.fill")
    fill.style.width = `${(100 * one.users_completed) / entered}%`
    const lost = index ? all[index - 1].users_completed - one.users_completed : 0
    return element("li.step", {},
      element("div", {}, element("strong", {}, one.name), element("small", {}, index ? `${percent(one.conversion_rate)} of the step before` : "entered")),
      element("div.track", { title: lost ? `${number(lost)} users went no further` : `${number(one.users_completed)} users` }, fill),
      element("div.count", {}, element("span", {}, number(one.users_completed)),
        element("small", {}, index ? `${percent(one.users_completed / entered)}${one.median_seconds_from_previous === null || one.median_seconds_from_previous === undefined ? "" : `, after ${seconds(one.median_seconds_from_previous)}`}` : "users")))
  }))
}
