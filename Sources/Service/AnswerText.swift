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

  /// `{steps, computed_at, freshness_seconds, complete_until, generation}`, and `breakdown` and `partial` where they apply.
  public static func funnel(_ reading: Reading, _ answer: FunnelAnswer) -> String {
    var json = JSONText()
    json.object { json in
      steps(answer.steps, &json)
      json.field("computed_at", time(reading.takenAt))
      if let breakdown = answer.breakdown {
        json.key("breakdown")
        json.array { json in
          for (value, steps) in breakdown {
            json.object { json in
              json.field("value", value.isEmpty ? nil : value)
              self.steps(steps, &json)
            }
          }
        }
      }
      progress(reading, &json)
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

  private static func steps(_ steps: [FunnelAnswer.Step], _ json: inout JSONText) {
    json.key("steps")
    json.array { json in
      for step in steps {
        json.object { json in
          json.field("name", step.name)
          json.field("users_entered", step.entered)
          json.field("users_completed", step.completed)
          json.field("conversion_rate", number: step.conversionRate)
          json.field("median_seconds_from_previous", number: step.medianSeconds)
        }
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

  private static func time(_ milliseconds: Int64) -> String { Timestamp(milliseconds: milliseconds).description }
}
