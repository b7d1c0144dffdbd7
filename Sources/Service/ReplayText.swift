import Basics
import Runtime

/// How the building of a generation goes, as JSON on one line: `GET /replays/{id}`.
public enum ReplayText {
  public static func replay(_ progress: ReplayProgress) -> String {
    var json = JSONText()
    replay(progress, &json)
    return json.text
  }

  static func replay(_ progress: ReplayProgress, _ json: inout JSONText) {
    json.object { json in
      json.field("id", progress.id)
      json.field("topology", progress.topology)
      json.field("generation", progress.listed.number)
      json.field("state", progress.failure == nil ? progress.listed.state.rawValue : "stopped")
      json.field("held_up", progress.isHeld)
      json.field("promote_when_caught_up", progress.listed.record.promotion != nil)
      json.field("message", progress.failure?.message)
      json.key("partitions")
      json.array { json in
        for partition in progress.starts.indices {
          json.object { json in
            json.field("partition", partition)
            json.field("start", progress.starts[partition])
            json.field("offset", progress.offsets[partition])
            json.field("end", progress.ends[partition])
          }
        }
      }
      json.field("events", progress.done)
      json.field("events_total", progress.total)
      json.field("lag", progress.lag)
      json.field("progress", number: ratio(progress))
      json.field("events_per_second", progress.recordsPerSecond)
      json.field("eta_seconds", progress.secondsLeft)
    }
  }

  /// Of one, in thousandths; a log without records is whole.
  static func ratio(_ progress: ReplayProgress) -> String {
    let thousandths = progress.total == 0 ? 1_000 : min(1_000, progress.done * 1_000 / progress.total)
    return DecimalText.format(Int128(thousandths), scale: 3)
  }
}
