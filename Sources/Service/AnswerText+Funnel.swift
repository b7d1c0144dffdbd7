import Basics
import Dataflow
import Runtime

extension AnswerText {
  /// `{steps, computed_at, freshness_seconds, complete_until, generation}`, and `breakdown`, `trend` and `partial` where they
  /// apply.
  ///
  /// - `histogram`: whether steps have `times_from_previous`.
  public static func funnel(_ reading: Reading, _ answer: FunnelAnswer, histogram: Bool = false) -> String {
    var json = JSONText()
    json.object { json in
      funnel(answer, computedAt: reading.takenAt, histogram: histogram, &json)
      progress(reading.standing, &json)
    }
    return json.text
  }

  /// `{funnel_id, state, steps, computed_at, topology, ...}` of a funnel that somebody asked for.
  public static func funnel(
    _ id: String?, _ asked: AskedFunnel, _ result: FunnelResult, _ answer: FunnelAnswer, histogram: Bool
  ) -> String {
    var json = JSONText()
    json.object { json in
      if let id { json.field("funnel_id", id) }
      json.field("state", "done")
      funnel(answer, computedAt: result.computedAt, histogram: histogram, &json)
      self.asked(asked, &json)
      json.field("events", result.events)
      json.key("offsets")
      json.object { json in
        for (partition, offset) in result.offsets.enumerated() { json.field("\(partition)", offset) }
      }
      json.field("complete_until", asked.completeUntil.map(time))
      if let exact = result.exactFrom { json.field("incomplete_before", time(exact)) }
    }
    return json.text
  }

  /// Which log, and which of its entries.
  static func asked(_ asked: AskedFunnel, _ json: inout JSONText) {
    json.field("topology", asked.topology)
    json.field("start_time", asked.start.map(time))
    json.field("end_time", asked.end.map(time))
    json.field("within_seconds", number: DecimalText.format(Int128(asked.funnel.withinMilliseconds), scale: 3))
    json.field("breakdown_by", asked.funnel.by)
  }

  private static func funnel(
    _ answer: FunnelAnswer, computedAt: Int64, histogram: Bool, _ json: inout JSONText
  ) {
    steps(answer.steps, histogram, &json)
    json.field("computed_at", time(computedAt))
    if let breakdown = answer.breakdown {
      json.key("breakdown")
      json.array { json in
        for (value, steps) in breakdown {
          json.object { json in
            json.field("value", value.isEmpty ? nil : value)
            self.steps(steps, histogram, &json)
          }
        }
      }
      if answer.valueCount > breakdown.count { json.field("breakdown_values", answer.valueCount) }
    }
    guard let trend = answer.trend else { return }
    json.key("trend")
    json.array { json in
      for row in trend {
        json.object { json in
          json.field("timestamp", time(row.start))
          self.steps(row.steps, histogram, &json)
        }
      }
    }
  }

  private static func steps(_ steps: [FunnelAnswer.Step], _ histogram: Bool, _ json: inout JSONText) {
    json.key("steps")
    json.array { json in
      for (index, step) in steps.enumerated() {
        json.object { json in
          json.field("name", step.name)
          json.field("users_entered", step.entered)
          json.field("users_completed", step.completed)
          json.field("conversion_rate", number: step.conversionRate)
          json.field("conversion_from_first", number: FunnelAnswer.rate(step.completed, of: steps[0].completed))
          json.field("median_seconds_from_previous", number: step.medianSeconds)
          if histogram, index > 0 { times(step.times, &json) }
        }
      }
    }
  }

  private static func times(_ bars: [FunnelAnswer.TimeBar], _ json: inout JSONText) {
    json.key("times_from_previous")
    json.array { json in
      for bar in bars {
        json.object { json in
          json.field("from_seconds", number: DecimalText.format(Int128(bar.from), scale: 3))
          json.field("to_seconds", number: DecimalText.format(Int128(bar.to), scale: 3))
          json.field("count", bar.count)
        }
      }
    }
  }
}
