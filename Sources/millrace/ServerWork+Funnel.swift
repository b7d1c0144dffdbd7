import Basics
import Dataflow
import Foundation
import Runtime
import Service

extension ServerWork {
  /// Has the server compute a funnel, and shows how it goes; interrupted, the server goes on.
  ///
  /// - Returns: its answer, one line.
  func ask(_ funnel: FunnelText, _ parameters: FunnelParameters, _ arguments: Arguments) throws(Failure) -> String {
    for option in ["input", "partitions", "threads", "memory"]
    where arguments.text(option) != nil || arguments.list(option) != nil {
      throw .invalid("--\(option) is for work without --server: the server reads its own log")
    }
    let begun = try ask("POST", "/funnels", body: ServerWork.body(funnel, parameters, arguments))
    guard let id = begun.object["funnel_id"] as? String else {
      throw .unavailable("the server's answer has no funnel_id")
    }
    let progress = Progress(now: monotonicMilliseconds())
    let interrupts = Interrupts {}
    defer { progress.end() }
    let path = "/funnels/\(HTTPClient.escaped(id))"
    var items: [(name: String, value: String)] = []
    if let limit = parameters.limit { items.append(("limit", "\(limit)")) }
    if parameters.histogram { items.append(("histogram", "true")) }
    while true {
      guard interrupts.signalSeen == nil else {
        progress.end()
        throw .unavailable(
          "interrupted; the server goes on: GET \(path)/results has the answer, DELETE \(path) ends it")
      }
      let now = try ask("GET", "\(path)/results", items)
      switch now.object["state"] as? String {
      case "done": return now.text
      case "failed": throw .unavailable(now.object["message"] as? String ?? "it failed")
      case "waiting": progress.show(monotonicMilliseconds()) { "waits until others are computed" }
      case "held": progress.show(monotonicMilliseconds()) { "waits until the server's own answers are fresh" }
      default:
        let done = now.object["events"] as? Int ?? 0
        progress.update(
          now: monotonicMilliseconds(), done: Int64(done), total: (now.object["events_total"] as? Int).map(Int64.init),
          count: Int64(done), noun: "events")
      }
      Thread.sleep(forTimeInterval: 0.2)
    }
  }

  private static func body(_ funnel: FunnelText, _ parameters: FunnelParameters, _ arguments: Arguments) -> String {
    var json = JSONText()
    json.object { json in
      json.key("steps")
      json.array { json in
        for step in funnel.steps {
          json.object { json in
            json.field("event", step.event)
            json.field("where", step.condition)
          }
        }
      }
      json.field("within", "\(funnel.withinMilliseconds)ms")
      if funnel.strictIncrease { json.field("mode", "strict_increase") }
      json.field("breakdown", funnel.by)
      json.field("where", funnel.condition)
      json.field("start_time", parameters.start.map { Timestamp(milliseconds: $0).description })
      json.field("end_time", parameters.end.map { Timestamp(milliseconds: $0).description })
      for name in ["trend", "timezone", "topology"] { json.field(name, arguments.text(name)) }
    }
    return json.text
  }
}
