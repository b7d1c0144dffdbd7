import Basics
import Dataflow
import Oracle

/// Events as lines of text: `user type 09:00 field=value ... @09:05`, on 2026-03-01 UTC.
///
/// `id=e7` names the event, otherwise its line number does. `@` is the append stamp; without it the record has none. Times
/// may have seconds, and a day before them: `02T09:00`. A value is JSON as it stands, or a word.
struct Script {
  private(set) var records: [Oracle.Record] = []

  init(_ text: String) {
    for (number, line) in text.split(separator: "\n").enumerated() {
      let words = line.split(separator: " ").map(String.init)
      var id = "line\(number + 1)"
      var stamp: Int64?
      var objects: [String: [String]] = [:]
      for word in words.dropFirst(3) {
        if word.hasPrefix("@") {
          stamp = Script.time(String(word.dropFirst()))
          continue
        }
        let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
        if parts[0] == "id" {
          id = parts[1]
          continue
        }
        let path = parts[0].split(separator: ".").map(String.init)
        let isJSON = parts[1].first!.isNumber || "-\"[{tfn".contains(parts[1].first!)
        objects[path[0], default: []].append("\"\(path[1])\":\(isJSON ? parts[1] : "\"\(parts[1])\"")")
      }
      let more = objects.sorted { $0.key < $1.key }.map { ",\"\($0.key)\":{\($0.value.joined(separator: ","))}" }
        .joined()
      let bytes =
        #"{"event_id":"\#(id)","event_type":"\#(words[1])","user_id":"\#(words[0])","timestamp":\#(Script.time(words[2]))\#(more)}"#
      records.append(Oracle.Record(bytes: Array(bytes.utf8), stamp: stamp))
    }
  }

  static func time(_ text: String) -> Int64 {
    let parts = text.split(separator: "T")
    let day = parts.count == 2 ? String(parts[0]) : "01"
    var clock = String(parts.last!)
    if clock.count == 5 { clock += ":00" }
    return Timestamp("2026-03-\(day)T\(clock)Z")!.milliseconds
  }
}

/// Rows as lines: `09:00 DE,mobile 3 1.50 -`.
func lines(_ rows: [ExportRow]) -> String {
  rows.map { row in
    let bucket = Timestamp(milliseconds: row.bucket).description.dropFirst(8).dropLast(4)
    let dimensions = row.dimensions.isEmpty ? [] : [row.dimensions.joined(separator: ",")]
    return (["\(bucket)"] + dimensions + row.measures.map { $0.text ?? "-" }).joined(separator: " ")
  }.joined(separator: "\n")
}

/// Steps as one line: `3>3 3>1(600000)`: entered, completed, median.
func line(_ steps: [FunnelAnswer.Step]) -> String {
  steps.map { "\($0.entered)>\($0.completed)" + ($0.medianMilliseconds.map { "(\($0))" } ?? "") }.joined(separator: " ")
}
