import Basics
import Dataflow
import Runtime

/// Answers as JSON on one line: the bodies of the HTTP API and what `--json` prints.
public enum AnswerText {
  /// How far an answer is, and what it lacks.
  static func progress(_ standing: Standing, _ json: inout JSONText) {
    json.field("freshness_seconds", standing.freshnessSeconds)
    json.field("complete_until", standing.completeUntil.map(time))
    json.field("generation", standing.generation)
    json.key("offsets")
    json.object { json in
      for (partition, offset) in standing.offsets.sorted(by: { $0.key < $1.key }) { json.field("\(partition)", offset) }
    }
    if let exact = standing.exactFrom { json.field("incomplete_before", time(exact)) }
    guard !standing.partial.isEmpty else { return }
    json.key("partial")
    json.array { json in
      for missing in standing.partial {
        json.object { json in
          json.field("partition", missing.partition)
          json.field("message", missing.message)
        }
      }
    }
  }

  static func time(_ milliseconds: Int64) -> String { Timestamp(milliseconds: milliseconds).description }
}
