import Basics
import Dataflow
import Runtime

/// Answers as JSON on one line: the bodies of the HTTP API and what `--json` prints.
public enum AnswerText {
  /// `{steps, computed_at, freshness_seconds, complete_until, generation, offsets}`, and `breakdown` and `partial` where they apply.
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
      progress(reading.standing, &json)
    }
    return json.text
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
