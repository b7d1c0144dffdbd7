import Basics
import Runtime

/// Checkpoints as JSON on one line: what `millrace checkpoint --json` prints.
public enum CheckpointText {
  /// `{topology, generation, checkpoints: [{checkpoint, created_at, offsets, bytes}]}`
  public static func list(_ checkpoints: Checkpoints) throws(Failure) -> String {
    let all = try checkpoints.list()
    var json = JSONText()
    json.object { json in
      of(checkpoints, &json)
      json.key("checkpoints")
      json.array { json in
        for checkpoint in all {
          json.object { json in
            fields(checkpoint, &json)
            json.field("bytes", checkpoints.bytes(of: checkpoint))
          }
        }
      }
    }
    return json.text
  }

  /// `{topology, generation, action, checkpoint, created_at, offsets}`
  public static func action(
    _ what: String, _ checkpoint: Checkpoints.Checkpoint, _ checkpoints: Checkpoints
  ) -> String {
    var json = JSONText()
    json.object { json in
      of(checkpoints, &json)
      json.field("action", what)
      fields(checkpoint, &json)
    }
    return json.text
  }

  private static func of(_ checkpoints: Checkpoints, _ json: inout JSONText) {
    json.field("topology", checkpoints.generation.topology.name)
    json.field("generation", checkpoints.generation.number)
  }

  private static func fields(_ checkpoint: Checkpoints.Checkpoint, _ json: inout JSONText) {
    json.field("checkpoint", checkpoint.id)
    json.field("created_at", Timestamp(milliseconds: checkpoint.createdAt).description)
    json.key("offsets")
    json.array { json in
      for offset in checkpoint.offsets { if let offset { json.value(offset) } else { json.null() } }
    }
  }
}
