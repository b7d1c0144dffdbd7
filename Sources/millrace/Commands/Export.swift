import Basics
import Dataflow
import Runtime

/// Every cell of a view, as CSV (RFC 4180) or NDJSON.
enum Export {
  static let syntax = CommandSyntax(
    verb: "export", positional: ["VIEW"],
    summary: "Print every cell of a rollup: bucket, dimensions, measures.",
    options: [
      .value("grain", "GRAIN", "minute, hour or day (default: the finest the view keeps)"),
      .value("format", "FORMAT", "csv (default) or ndjson"),
      .value("topology", "NAME", "which topology, when the directory holds several with that view"),
    ] + Place.options,
    examples: ["millrace export traffic --grain hour --data /tmp/web > traffic.csv"])

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    let view = try arguments.required(0, "VIEW", verb: "export")
    var grain: Grain?
    if let name = arguments.text("grain") {
      grain = Grain(name: name)
      guard grain != nil else { throw .invalid("--grain takes minute, hour or day, not '\(name)'") }
    }
    let format = arguments.text("format") ?? "csv"
    guard format == "csv" || format == "ndjson" else { throw .invalid("--format takes csv or ndjson, not '\(format)'") }
    let offline = try Place(arguments).openTopology(arguments, view: view)
    let reading = try offline.reading()
    let columns = try reading.answers.exportColumns(view: view)
    var output = ""
    if format == "csv" { output = columns.map(csv).joined(separator: ",") + "\r\n" }
    try reading.answers.export(view: view, grain: grain) { (row) throws(Failure) in
      output += format == "csv" ? csv(row) : ndjson(row, columns)
      if output.utf8.count > 1 << 16 {
        Console.write(1, output)
        output = ""
      }
    }
    Console.write(1, output)
    for missing in reading.partial {
      Console.warn("partition \(missing.partition) is not up to date: \(missing.message)")
    }
    return reading.partial.isEmpty ? 0 : 2
  }

  private static func csv(_ row: ExportRow) -> String {
    ([Timestamp(milliseconds: row.bucket).description] + row.dimensions.map(csv) + row.measures.map { $0.text ?? "" })
      .joined(separator: ",") + "\r\n"
  }

  /// Quoted when it has to be (RFC 4180).
  private static func csv(_ text: String) -> String {
    guard text.utf8.contains(where: { $0 == 0x22 || $0 == 0x2C || $0 == 0x0A || $0 == 0x0D }) else { return text }
    var quoted = "\""
    for scalar in text.unicodeScalars {
      if scalar == "\"" { quoted += "\"" }
      quoted.unicodeScalars.append(scalar)
    }
    return quoted + "\""
  }

  private static func ndjson(_ row: ExportRow, _ columns: [String]) -> String {
    var json = JSONText()
    json.object { json in
      json.field("bucket", Timestamp(milliseconds: row.bucket).description)
      for (name, value) in zip(columns.dropFirst(), row.dimensions) { json.field(name, value.isEmpty ? nil : value) }
      for (name, value) in zip(columns.dropFirst(1 + row.dimensions.count), row.measures) {
        json.field(name, number: value.text)
      }
    }
    return json.text + "\n"
  }
}
