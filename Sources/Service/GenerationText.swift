import Basics
import Runtime

/// One generation among those of its topology, as JSON.
public enum GenerationText {
  public static func list(_ generations: [Generations.Listed], _ json: inout JSONText) {
    json.array { json in for generation in generations { self.generation(generation, &json) } }
  }

  private static func generation(_ listed: Generations.Listed, _ json: inout JSONText) {
    let time = { (milliseconds: Int64?) in milliseconds.map { Timestamp(milliseconds: $0).description } }
    json.object { json in
      json.field("generation", listed.number)
      json.field("state", listed.state.rawValue)
      json.field("digest", listed.generation?.digest)
      json.field("created_at", time(listed.generation?.createdAt))
      json.field("caught_up_at", time(listed.record.caughtUpAt))
      json.field("live_since", time(listed.record.liveSince))
      json.field("replaced", listed.record.replaced)
      json.field("exact_from", time(listed.generation?.exactFrom))
      json.key("starts")
      json.array { json in
        guard let generation = listed.generation else { return }
        for (start, stamp) in zip(generation.starts, generation.startStamps) {
          json.object { json in
            json.field("offset", start)
            json.field("stamp", time(stamp))
          }
        }
      }
      json.key("begun_from")
      if let origin = listed.generation?.origin {
        json.object { json in
          json.field("generation", origin.generation)
          json.field("checkpoint", origin.checkpoint)
          json.key("offsets")
          json.array { json in for offset in origin.offsets { json.value(offset) } }
        }
      } else {
        json.null()
      }
      json.field("state_bytes", listed.stateBytes)
      json.field("replay_events_per_second", listed.record.speed?.recordsPerSecond)
      if let failure = listed.failure { json.field("message", failure.message) }
    }
  }
}
