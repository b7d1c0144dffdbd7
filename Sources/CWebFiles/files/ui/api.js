// Asks the server, and says in words what went wrong.

let key = sessionStorage.getItem("millrace.key")

export class Problem extends Error {
  constructor(status, detail) {
    super(detail)
    this.status = status
  }
}

/// One JSON document, or text. A server that wants a key is asked again with one.
export async function ask(path, { method = "GET", parameters = {}, signal, isText = false } = {}) {
  const url = new URL(path, location.origin)
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value)
  }
  let response
  try {
    response = await fetch(url, { method, signal, headers: key ? { Authorization: `Bearer ${key}` } : {} })
  } catch (error) {
    if (error.name == "AbortError") throw error
    throw new Problem(0, "The server does not answer. It may be starting again; this page goes on trying.")
  }
  if (response.status == 401 || (response.status == 403 && !key)) {
    await askForKey()
    return ask(path, { method, parameters, signal, isText })
  }
  if (isText && response.ok) return response.text()
  const answer = await response.json().catch(() => ({}))
  if (!response.ok) throw new Problem(response.status, answer.detail || `${response.status} ${response.statusText}`)
  return answer
}

let asking
function askForKey() {
  asking ??= new Promise((resolve) => {
    const dialog = document.getElementById("key")
    dialog.addEventListener("close", () => {
      key = document.getElementById("key-text").value.trim()
      sessionStorage.setItem("millrace.key", key)
      asking = undefined
      resolve()
    }, { once: true })
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
