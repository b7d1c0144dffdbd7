import Basics
import Dataflow
import Runtime

/// Answers as JSON on one line: the bodies of the HTTP API and what `--json` prints.
public enum AnswerText {
  /// `{data, next_cursor, freshness_seconds, complete_until, generation}`, and `partial`,
  /// `provisional_from` and `incomplete_before` where they apply.
  public static func query(_ reading: Reading, _ answer: QueryAnswer) -> String {
    var json = JSONText()
    json.object { json in
      json.key("data")
      json.array { json in
        // Rows come by time, and many share one: its text is made once.
        var bucket: Int64?
        var timestamp = ""
        for row in answer.rows {
          if row.bucket != bucket {
            bucket = row.bucket
            timestamp = time(row.bucket)
          }
          self.row(row, timestamp, answer.groupBy, &json)
        }
      }
      json.field("next_cursor", answer.nextOffset.map(Cursor.text))
      progress(reading, &json)
      if let gap = answer.provisionalGap {
        json.field("provisional_from", reading.completeUntil.map { time($0 - gap) })
      }
    }
    return json.text
  }

  private static func row(
    _ row: QueryAnswer.Row, _ timestamp: String, _ groupBy: [String], _ json: inout JSONText
  ) {
    json.object { json in
      json.field("timestamp", timestamp)
      json.field("value", number: row.value.text)
      json.key("dimensions")
      json.object { json in
        for (name, value) in zip(groupBy, row.dimensions) { json.field(name, value.isEmpty ? nil : value) }
      }
    }
  }

  static func progress(_ reading: Reading, _ json: inout JSONText) {
    json.field("freshness_seconds", reading.freshnessSeconds)
    json.field("complete_until", reading.completeUntil.map(time))
    json.field("generation", reading.generation)
    if let exact = reading.exactFrom { json.field("incomplete_before", time(exact)) }
    guard !reading.partial.isEmpty else { return }
    json.key("partial")
    json.array { json in
      for missing in reading.partial {
        json.object { json in
          json.field("partition", missing.partition)
          json.field("message", missing.message)
        }
      }
    }
  }

  static func time(_ milliseconds: Int64) -> String { Timestamp(milliseconds: milliseconds).description }
}
