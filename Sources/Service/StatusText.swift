import Basics
import Dataflow
import Runtime
import Settings

/// What a generation is and how far it has come, as JSON on one line: an element of `GET /topologies`, and what
/// `millrace status --json` prints.
public enum StatusText {
  public static func topology(_ live: LiveTopology) -> String {
    topology(live.generation, live.statuses, stateBytes: live.stateBytes, live.brokers)
  }

  public static func topology(
    _ offline: OfflineTopology, generations: [Generations.Listed]? = nil
  ) throws(Failure) -> String {
    topology(
      offline.generation, try offline.statuses(), stateBytes: offline.stateBytes, generations: generations)
  }

  public static func topology(
    _ generation: Generation, _ statuses: [PartitionStatus], stateBytes: Int, _ brokers: BrokerStatus? = nil,
    generations: [Generations.Listed]? = nil
  ) -> String {
    var json = JSONText()
    json.object { json in
      json.field("name", generation.topology.name)
      json.field("generation", generation.number)
      json.field("digest", generation.digest)
      json.key("views")
      json.array { json in
        for view in generation.topology.views { self.view(view, &json) }
      }
      json.key("partitions")
      json.array { json in
        for status in statuses { partition(status, &json) }
      }
      json.field("state_bytes", stateBytes)
      if let generations {
        json.key("generations")
        GenerationText.list(generations, &json)
      }
      if let brokers { self.brokers(brokers, &json) }
    }
    return json.text
  }

  private static func brokers(_ brokers: BrokerStatus, _ json: inout JSONText) {
    json.key("kafka")
    json.object { json in
      json.field("brokers_known", brokers.known)
      json.field("brokers_up", brokers.up)
      json.field("away_since", brokers.awaySince.map { Timestamp(milliseconds: $0).description })
      json.field("last_error", brokers.lastError)
      json.field("last_error_at", brokers.lastErrorAt.map { Timestamp(milliseconds: $0).description })
      json.field("key_warnings", brokers.keyWarnings)
    }
  }

  private static func view(_ view: ViewDefinition, _ json: inout JSONText) {
    json.object { json in
      json.field("name", view.name)
      switch view.kind {
      case .rollup(let rollup): self.rollup(rollup, &json)
      case .funnel(let funnel): self.funnel(funnel, &json)
      }
    }
  }

  private static func rollup(_ rollup: RollupDefinition, _ json: inout JSONText) {
    json.field("kind", "rollup")
    json.field("of", rollup.of.rawValue)
    json.key("dimensions")
    json.array { json in
      for field in rollup.by { json.value(field.description) }
    }
    json.key("measures")
    json.array { json in
      for measure in rollup.measures {
        json.object { json in
          json.field("name", measure.name)
          json.field("definition", measure.description)
        }
      }
    }
    json.key("grains")
    json.array { json in
      for definition in rollup.grains {
        json.object { json in
          json.field("grain", definition.grain.name)
          json.field("retention", retention(definition.retentionMilliseconds))
        }
      }
    }
  }

  private static func funnel(_ funnel: FunnelDefinition, _ json: inout JSONText) {
    json.field("kind", "funnel")
    json.key("steps")
    json.array { json in
      for step in funnel.steps {
        json.object { json in
          json.field("name", step.name)
          json.field("event_type", step.eventType)
          if let filter = step.filter { json.field("where", filter.description) }
        }
      }
    }
    json.field("within", Durations.text(funnel.withinMilliseconds))
    json.field("mode", funnel.strictIncrease ? "strict_increase" : "default")
    json.field("by", funnel.by?.description)
    json.field("retention", retention(funnel.retentionMilliseconds))
  }

  private static func retention(_ milliseconds: Int64?) -> String {
    milliseconds.map { Durations.text($0) } ?? "forever"
  }

  private static func partition(_ status: PartitionStatus, _ json: inout JSONText) {
    json.object { json in
      json.field("partition", status.partition)
      switch status.state {
      case .running: json.field("state", "running")
      case .finished: json.field("state", "finished")
      case .stopped(let failure):
        json.field("state", "stopped")
        json.field("message", failure.message)
      case .elsewhere(let since):
        json.field("state", "elsewhere")
        json.field("since", Timestamp(milliseconds: since).description)
      }
      json.field("offset", status.offset)
      json.field("end", status.endOffset)
      json.field("lag", status.lag)
      let ledger = status.ledger
      json.field("read", ledger.read)
      json.field("counted", ledger.counted)
      json.field("duplicates", ledger.duplicates)
      json.field("late", ledger.late)
      json.field("quarantined", ledger.quarantinedTotal)
      json.key("quarantined_by_reason")
      json.object { json in
        for (reason, count) in QuarantineReason.counts(ledger) where count > 0 { json.field(reason, count) }
      }
      json.field("collisions", ledger.collisions)
      json.field("newest_stamp", status.newestStamp.map { Timestamp(milliseconds: $0).description })
      json.field("memory_bytes", status.memoryBytes)
      if let outputs = status.outputs { self.outputs(outputs, &json) }
    }
  }

  private static func outputs(_ outputs: OutputStatus, _ json: inout JSONText) {
    json.key("outputs")
    json.object { json in
      json.field("records", outputs.records)
      json.field("bytes", outputs.bytes)
      json.field("pending", outputs.pending)
      json.field("errors", outputs.errors)
      json.field("waiting_since", outputs.waitingSince.map { Timestamp(milliseconds: $0).description })
      json.field("last_error", outputs.lastError)
    }
  }
}
