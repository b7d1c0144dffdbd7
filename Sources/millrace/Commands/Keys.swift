import Basics
import Runtime
import Service
import Settings

/// API keys: made, listed and revoked in a data directory. A running server takes the change within a second.
enum Keys {
  static let syntax = CommandSyntax(
    verb: "keys", positional: ["create|list|revoke", "ID"],
    summary: "Make, list and revoke the API keys of a data directory; a running server takes them at once.",
    options: [
      .value("role", "ROLE", "of a new key: write (collect events), read (query) or admin (everything)"),
      .value("name", "NAME", "of a new key: whom it is for"),
      .value("rate", "N", "of a new key: the most events per second it may collect (default: any number)"),
      .flag("json", "one JSON object on standard output"),
    ] + Place.options,
    examples: [
      "millrace keys create --role write --name shop --data /tmp/web",
      "millrace keys list --data /tmp/web",
      "millrace keys revoke 1f2e3d4c --data /tmp/web",
    ])

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    let place = try Place(arguments)
    let file = KeyFile(place.configuration.keysPath)
    let verb = try arguments.required(0, "create, list or revoke", verb: "keys")
    let id = arguments.positional.dropFirst().first
    switch (verb, id) {
    case ("create", nil): try create(file, place, arguments)
    case ("list", nil): list(try file.read() ?? [], isJSON: arguments.has("json"))
    case ("revoke", let id?): try revoke(id, file, arguments)
    case ("revoke", nil): throw .invalid("ID is missing: 'millrace keys list' shows them")
    case ("create", _), ("list", _): throw .invalid("'\(id!)' is one argument too many for 'millrace keys \(verb)'")
    default:
      let hint = Suggestion.hint(for: verb, among: ["create", "list", "revoke"])
      throw .invalid("'millrace keys' does create, list or revoke, not '\(verb)'\(hint)")
    }
    return 0
  }

  private static func create(_ file: KeyFile, _ place: Place, _ arguments: Arguments) throws(Failure) {
    guard let text = arguments.text("role"), let role = APIKey.Role(rawValue: text) else {
      throw .invalid("--role takes write, read or admin\(arguments.text("role").map { ", not '\($0)'" } ?? "")")
    }
    let name = arguments.text("name") ?? ""
    let rate = try arguments.integer("rate", in: 1...100_000_000)
    if place.configuration.keys == nil { try place.makeData() }
    let isFirst = try file.read() == nil
    let (key, secret) = try file.create(name: name, role: role, eventsPerSecond: rate, now: wallMilliseconds())
    if arguments.has("json") {
      var json = JSONText()
      json.object { json in
        write(key, &json)
        json.field("key", secret)
      }
      return Console.print(json.text)
    }
    Console.print(secret)
    Console.note("this is shown once and kept nowhere; revoke it with: millrace keys revoke \(key.id)")
    if isFirst { Console.note("from now on every request needs a key, except for /healthz and /readyz") }
  }

  private static func list(_ keys: [APIKey], isJSON: Bool) {
    guard !isJSON else {
      var json = JSONText()
      json.object { json in
        json.key("keys")
        json.array { json in
          for key in keys { json.object { write(key, &$0) } }
        }
      }
      return Console.print(json.text)
    }
    Console.table(
      ["ID", "ROLE", "CREATED", "RATE", "NAME"],
      keys.map { key in
        [key.id, key.role.rawValue, key.createdAt, key.eventsPerSecond.map { "\($0)/s" } ?? "-", key.name]
      })
  }

  private static func revoke(_ id: String, _ file: KeyFile, _ arguments: Arguments) throws(Failure) {
    let key = try file.revoke(id)
    guard arguments.has("json") else { return Console.print("revoked \(key.id), \(key.role.rawValue) key \(key.name)") }
    var json = JSONText()
    json.object { json in
      json.key("revoked")
      json.object { write(key, &$0) }
    }
    Console.print(json.text)
  }

  private static func write(_ key: APIKey, _ json: inout JSONText) {
    json.field("id", key.id)
    json.field("name", key.name)
    json.field("role", key.role.rawValue)
    json.field("created_at", key.createdAt)
    json.field("events_per_second", key.eventsPerSecond)
  }
}
