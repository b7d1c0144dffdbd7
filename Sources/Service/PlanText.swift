import Basics
import Dataflow
import Runtime

/// What deploying a definition would mean, as JSON on one line: what `millrace plan --json` prints.
public enum PlanText {
  public static func json(_ plan: DeploymentPlan) -> String {
    var json = JSONText()
    json.object { json in
      json.field("topology", plan.topology)
      json.field("live", plan.live)
      json.field("next", plan.next)
      json.field("begun", plan.isBegun)
      json.field("changes", plan.next != nil)
      json.field("semantics_changed", plan.semanticsChanged)
      json.key("settings")
      reasons(plan.change.settings, &json)
      json.key("views")
      json.array { json in
        for view in plan.change.views {
          json.object { json in
            json.field("view", view.name)
            json.field("change", view.kind.rawValue)
            json.key("because")
            reasons(view.reasons, &json)
          }
        }
      }
      json.key("starts")
      json.array { json in
        for (start, stamp) in zip(plan.starts, plan.startStamps) {
          json.object { json in
            json.field("offset", start)
            json.field("stamp", stamp.map { Timestamp(milliseconds: $0).description })
          }
        }
      }
      json.key("checkpoint")
      if let checkpoint = plan.checkpoint {
        json.object { json in
          json.field("generation", checkpoint.generation.number)
          json.field("checkpoint", checkpoint.checkpoint.id)
          json.key("offsets")
          json.array { json in for offset in checkpoint.offsets { json.value(offset) } }
          json.field("events", plan.recordsAfterCheckpoint)
          json.field("used", plan.beginsWithCheckpoint)
        }
      } else {
        json.null()
      }
      json.field("exact_from", plan.exactFrom.map { Timestamp(milliseconds: $0).description })
      json.field("events", plan.records)
      json.field("bytes", plan.bytes)
      json.field(
        "estimated_seconds", number: plan.estimatedMilliseconds.map { DecimalText.format(Int128($0), scale: 3) })
      json.key("measured")
      if let measured = plan.measured {
        json.object { json in
          json.field("generation", measured.generation)
          json.field("events", measured.speed.records)
          json.field("seconds", number: DecimalText.format(Int128(measured.speed.milliseconds), scale: 3))
          json.field("events_per_second", measured.speed.recordsPerSecond)
          json.field("threads", measured.speed.threads)
        }
      } else {
        json.null()
      }
    }
    return json.text
  }

  private static func reasons(_ reasons: [TopologyChange.Reason], _ json: inout JSONText) {
    json.array { json in
      for reason in reasons {
        json.object { json in
          json.field("key", reason.key)
          json.field("from", reason.from)
          json.field("to", reason.to)
          json.field("line", reason.line)
        }
      }
    }
  }
}
