// The page about the tracker: shows what waits, and does what its buttons say.
const script = document.querySelector('script[src="/millrace.js"]')
const key = new URLSearchParams(location.search).get("key")
if (key) script.dataset.key = key
document.querySelector(".origin").textContent = location.origin

const actions = {
  track: () => millrace.track("purchase", { amount: 49.9 }),
  identify: () => millrace.identify("u-42"),
  move: () => history.pushState(null, "", "?page=" + Date.now() % 1000),
  flush: () => millrace.flush(),
}
for (const [id, action] of Object.entries(actions)) document.getElementById(id).addEventListener("click", action)

function waiting() {
  let count = 0
  for (const name of Object.keys(localStorage)) {
    if (name.startsWith("millrace.queue.")) count += JSON.parse(localStorage.getItem(name)).length
  }
  return count
}
setInterval(() => {
  const count = waiting()
  document.getElementById("state").textContent =
    count ? `${count} event${count > 1 ? "s wait" : " waits"} in this browser.` : "Everything is in the log."
}, 250)
