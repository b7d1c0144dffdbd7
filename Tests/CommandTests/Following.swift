import Foundation

/// A stream of server-sent events that curl reads into a file.
final class Following {
  private let scratch = Scratch()
  private let process = Process()

  init(_ url: String) {
    scratch.write("events", "")
    process.executableURL = URL(filePath: "/usr/bin/curl")
    process.arguments = ["--silent", "--no-buffer", "--max-time", "600", url]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try! FileHandle(forWritingTo: scratch.file("events"))
    try! process.run()
  }

  func end() {
    // Whatever a thread of Dispatch starts has most signals blocked.
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  /// The values of the rows as they are after the last whole event, by time.
  var rows: [String: Int] {
    var rows: [String: Int] = [:]
    for event in scratch.text("events").components(separatedBy: "\n\n").dropLast() {
      let lines = event.split(separator: "\n")
      guard let kind = lines.first(where: { $0.hasPrefix("event: ") })?.dropFirst(7),
        let data = lines.first(where: { $0.hasPrefix("data: ") })?.dropFirst(6),
        let object = try? JSONSerialization.jsonObject(with: Data(data.utf8)) as? [String: Any]
      else { continue }
      if kind == "snapshot" { rows = [:] }
      for row in object["data"] as? [[String: Any]] ?? [] {
        rows[row["timestamp"] as? String ?? ""] = row["value"] as? Int ?? -1
      }
      for row in object["removed"] as? [[String: Any]] ?? [] { rows[row["timestamp"] as? String ?? ""] = nil }
    }
    return rows
  }
}
