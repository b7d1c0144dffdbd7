import Basics
import Runtime

/// What a rebuilding found, as JSON on one line: what `millrace verify --json` prints.
public enum VerificationText {
  public static func result(_ topology: String, _ result: RebuildCheck.Result) -> String {
    var json = JSONText()
    self.result(topology, result, &json)
    return json.text
  }

  /// `{verification, topology, state, events, events_total, message, result}`
  static func asked(_ topology: String, _ asked: AskedVerification) -> String {
    var json = JSONText()
    json.object { json in
      json.field("verification", asked.id)
      json.field("topology", topology)
      switch asked.state {
      case .waiting: json.field("state", "waiting")
      case .running(let done, let total):
        json.field("state", "running")
        json.field("events", done)
        json.field("events_total", total)
      case .failed(let failure):
        json.field("state", "failed")
        json.field("message", failure.message)
      case .finished(let result):
        json.field("state", result.isEqual ? "equal" : "different")
        json.key("result")
        self.result(topology, result, &json)
      }
    }
    return json.text
  }

  private static func result(_ topology: String, _ result: RebuildCheck.Result, _ json: inout JSONText) {
    json.object { json in
      json.field("topology", topology)
      json.field("generation", result.generation)
      json.field("equal", result.isEqual)
      json.key("offsets")
      json.array { json in for offset in result.offsets { json.value(offset) } }
      json.key("starts")
      json.array { json in for start in result.starts { json.value(start) } }
      json.field("exact_from", result.exactFrom.map { Timestamp(milliseconds: $0).description })
      json.field("cells", result.cells)
      json.field("differing", result.differingCells)
      json.field("not_compared", result.notCompared)
      json.field("digest", result.digest)
      json.key("differences")
      json.array { json in
        for cell in result.differences {
          json.object { json in
            json.field("view", cell.view)
            json.field("grain", cell.grain)
            json.field("bucket", Timestamp(milliseconds: cell.bucket).description)
            json.field("partition", cell.partition)
            json.key("dimensions")
            ComparisonText.dimensions(cell.dimensions, &json)
            json.field("measure", cell.measure)
            json.field("served", cell.served)
            json.field("rebuilt", cell.rebuilt)
          }
        }
      }
      json.key("others")
      json.array { json in for other in result.others { json.value(other) } }
    }
  }
}
