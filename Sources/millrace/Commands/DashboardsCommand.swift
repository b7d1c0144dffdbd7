import Basics
import Dataflow
import Foundation
import Runtime
import Service
import Settings

/// Saved dashboards: listed, and moved between servers and version control as YAML.
enum DashboardsCommand {
  static let syntax = CommandSyntax(
    verb: "dashboards", positional: ["list|export|import|delete", "ID|FILE..."],
    summary: "List, export, import and delete saved dashboards.",
    options: [
      .value("output", "DIR", "of export: one file ID.yaml each (default: one dashboard, to standard output)"),
      .flag("replace", "of import: also dashboards that are there, as their next version"),
      .flag("json", "one JSON object on standard output"), ServerWork.option,
    ] + Place.options,
    examples: [
      "millrace dashboards list --server http://127.0.0.1:8080",
      "millrace dashboards export checkout --server http://127.0.0.1:8080 > checkout.yaml",
      "millrace dashboards import config/dashboards/*.yaml --data /tmp/web",
    ])

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    let verb = try arguments.required(0, "list, export, import or delete", verb: "dashboards")
    let names = Array(arguments.positional.dropFirst())
    guard ["list", "export", "import", "delete"].contains(verb) else {
      let hint = Suggestion.hint(for: verb, among: ["list", "export", "import", "delete"])
      throw .invalid("'millrace dashboards' does list, export, import or delete, not '\(verb)'\(hint)")
    }
    guard verb != "list" || names.isEmpty else {
      throw .invalid("'\(names[0])' is one argument too many for 'millrace dashboards list'")
    }
    let shelf: any DashboardShelf =
      if let server = ServerWork(arguments) { ServedShelf(server: server) } else {
        try StoredShelf(try Place(arguments))
      }
    let done: [DashboardEntry]
    switch verb {
    case "list": done = try shelf.list()
    case "export": return try export(names, shelf, arguments)
    case "import": done = try bring(names, shelf, replacing: arguments.has("replace"))
    default:
      guard !names.isEmpty else { throw .invalid("ID is missing: 'millrace dashboards list' shows them") }
      done = try names.map { (id) throws(Failure) in try shelf.delete(id) }
    }
    show(done, arguments)
    return 0
  }

  private static func export(
    _ names: [String], _ shelf: any DashboardShelf, _ arguments: Arguments
  ) throws(Failure) -> Int32 {
    guard let directory = arguments.text("output") else {
      guard names.count == 1 else { throw .invalid("name one dashboard, or a directory for several with --output") }
      Console.write(1, try shelf.yaml(names[0]))
      return 0
    }
    do { try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true) } catch {
      throw .unavailable("cannot create \(directory): \(error.localizedDescription)")
    }
    let all = try shelf.list().filter { names.isEmpty ? !$0.isBuiltIn : names.contains($0.id) }
    if let unknown = names.first(where: { name in !all.contains { $0.id == name } }) { _ = try shelf.yaml(unknown) }
    for entry in all { try DurableFile.write(try shelf.yaml(entry.id), to: "\(directory)/\(entry.id).yaml") }
    show(all, arguments)
    return 0
  }

  /// All files are read before the first is saved.
  private static func bring(
    _ files: [String], _ shelf: any DashboardShelf, replacing: Bool
  ) throws(Failure) -> [DashboardEntry] {
    guard !files.isEmpty else { throw .invalid("FILE is missing: name YAML files, each with one dashboard") }
    var read: [(id: String, dashboard: Dashboard)] = []
    for file in files {
      let name = URL(fileURLWithPath: file).deletingPathExtension().lastPathComponent
      guard VersionedDocuments.isID(name) else {
        throw .invalid("\(file): the file's name is the dashboard's id: lower-case letters, digits and hyphens")
      }
      let text = try TextFile.read(file, limit: Dashboard.bytesLimit)
      read.append((name, try Dashboard.load(yaml: text, file: file, topologies: shelf.topologies).dashboard))
    }
    return try read.map { (one) throws(Failure) in try shelf.save(one.id, one.dashboard, replacing: replacing) }
  }

  private static func show(_ entries: [DashboardEntry], _ arguments: Arguments) {
    guard arguments.has("json") else {
      return Console.table(
        ["ID", "VERSION", "PANELS", "SAVED", "TITLE"],
        entries.map { entry in
          [
            entry.id, entry.isBuiltIn ? "built-in" : "\(entry.version)", "\(entry.panels)", entry.savedAt ?? "-",
            Query.printable(entry.title),
          ]
        }, right: [1, 2])
    }
    var json = JSONText()
    json.object { json in
      json.key("dashboards")
      json.array { json in
        for entry in entries {
          json.object { json in
            json.field("id", entry.id)
            json.field("version", entry.version)
            json.field("built_in", entry.isBuiltIn)
            json.field("panel_count", entry.panels)
            json.field("saved_at", entry.savedAt)
            json.field("title", entry.title)
          }
        }
      }
    }
    Console.print(json.text)
  }
}
