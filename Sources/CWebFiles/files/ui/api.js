// Asks the server, and says in words what went wrong.

let key = sessionStorage.getItem("millrace.key")

export class Problem extends Error {
  constructor(status, detail) {
    super(detail)
    this.status = status
  }
}

function address(path, parameters) {
  const url = new URL(path, location.origin)
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value)
  }
  return url
}

/// The response of a request that the server took. One that wants a key is asked again with one.
async function send(path, { method = "GET", parameters = {}, signal, body, type = "application/json", headers = {} } = {}) {
  const all = { ...headers }
  if (key) all.Authorization = `Bearer ${key}`
  if (body !== undefined) all["Content-Type"] = type
  let response
  try {
    response = await fetch(address(path, parameters), { method, signal, body, headers: all })
  } catch (error) {
    if (error.name == "AbortError") throw error
    throw new Problem(0, "The server does not answer. It may be starting again; this page goes on trying.")
  }
  if (response.ok) return response
  const isRefused = response.status == 401 || (response.status == 403 && (!key || method != "GET"))
  // Who said no once is not asked again by a page that refreshes itself.
  if (isRefused && (!isDeclined || method != "GET")) {
    const before = key
    await askForKey(method != "GET")
    if (key && key != before) return send(path, { method, parameters, signal, body, type, headers })
  }
  const answer = await response.json().catch(() => ({}))
  throw new Problem(response.status, answer.detail || `${response.status} ${response.statusText}`)
}

/// One JSON document, or text.
export async function ask(path, options = {}) {
  const response = await send(path, options)
  return options.isText ? response.text() : response.json().catch(() => ({}))
}

let asking
let isDeclined = false
export function askForKey(isToWrite = false) {
  asking ??= new Promise((resolve) => {
    const dialog = document.getElementById("key")
    document.getElementById("key-why").textContent = isToWrite ? "Changes need an admin key." : ""
    document.getElementById("key-text").value = ""
    dialog.addEventListener("close", () => {
      const text = document.getElementById("key-text").value.trim()
      isDeclined = !(dialog.returnValue == "ok" && text)
      if (!isDeclined) {
        key = text
        sessionStorage.setItem("millrace.key", key)
      }
      asking = undefined
      resolve()
    }, { once: true })
    dialog.returnValue = ""
    dialog.showModal()
  })
  return asking
}

/// All rows of a question, page by page, and what the answer says of itself.
export async function query(parameters, signal, limit = 50000) {
  const rows = []
  let answer, cursor
  do {
    answer = await ask("/query", { parameters: { limit: 10000, ...parameters, cursor }, signal })
    rows.push(...answer.data)
    cursor = answer.next_cursor
  } while (cursor && rows.length < limit)
  return { ...answer, data: rows, isCut: !!cursor }
}

/// Events of a stream as they come, until it is aborted or ends. By fetch and not EventSource, which could show no key.
async function* events(path, parameters, signal) {
  const response = await send(path, { parameters, signal, headers: { Accept: "text/event-stream" } })
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ""
  for (;;) {
    const { value, done } = await reader.read()
    if (done) return
    text += value
    let end
    while ((end = text.indexOf("\n\n")) >= 0) {
      const event = { kind: "message", data: "" }
      for (const line of text.slice(0, end).split("\n")) {
        if (line.startsWith("event: ")) event.kind = line.slice(7)
        else if (line.startsWith("data: ")) event.data += line.slice(6)
      }
      text = text.slice(end + 2)
      if (event.data) yield event
    }
  }
}

const pause = (milliseconds, signal) => new Promise((resolve) => {
  const timer = setTimeout(resolve, milliseconds)
  signal.addEventListener("abort", () => { clearTimeout(timer); resolve() }, { once: true })
})

/// The newest rows of a question, kept as they change; `told(rows, answer)` is called whenever they have, `lost(message)` while the
/// server is away. Ends with the signal.
export async function follow(parameters, signal, told, lost = () => {}) {
  let rows = new Map()
  const at = (row) => `${row.timestamp} ${JSON.stringify(row.dimensions)}`
  let wait = 1000
  while (!signal.aborted) {
    try {
      for await (const { kind, data } of events("/live", parameters, signal)) {
        const answer = JSON.parse(data)
        if (kind == "problem") throw new Problem(400, answer.detail)
        wait = 1000
        if (kind == "snapshot") rows = new Map()
        for (const row of answer.data ?? []) rows.set(at(row), row)
        for (const row of answer.removed ?? []) rows.delete(at(row))
        for (const [name, row] of rows) if (row.timestamp < answer.from) rows.delete(name)
        if (kind != "generation") told([...rows.values()].sort((a, b) => (a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0)), answer)
      }
      if (!signal.aborted) lost("The stream has ended; it is taken up again.")
    } catch (error) {
      if (signal.aborted || error.name == "AbortError") return
      if (error instanceof Problem && error.status >= 400 && error.status < 500) throw error
      lost(error.message)
    }
    await pause(wait, signal)
    wait = Math.min(wait * 2, 15000)
  }
}
