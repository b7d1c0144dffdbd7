import Basics
import Bench

/// One measured run.
struct BenchSample {
  /// Records.
  var events: Int
  var nanoseconds: Int64
  var cpuNanoseconds: Int64
  var peakResidentBytes: Int64
  var bytesWritten: Int64
  var stateBytes: Int64
  /// Nanoseconds of processor time per event, by stage.
  var stages: [String: Int64] = [:]

  /// - `json`: what `run --json` printed.
  init(_ usage: ChildProcess.Usage, events: Int, stateBytes: Int64, json: [String: Any]) {
    self.events = events
    nanoseconds = usage.nanoseconds
    cpuNanoseconds = usage.cpuNanoseconds
    peakResidentBytes = usage.peakResidentBytes
    bytesWritten = usage.bytesWritten
    self.stateBytes = stateBytes
    let stages = json["stages"] as? [String: Any] ?? [:]
    for stage in Stage.allCases { self.stages[stage.name] = (stages[stage.name] as? Int).map(Int64.init) }
    if !self.stages.isEmpty { addRest() }
  }

  /// Everything outside the batches: RocksDB's own threads, opening, ending.
  private mutating func addRest() {
    stages["other"] = max(0, cpuNanoseconds / Int64(max(1, events)) - stages.values.reduce(0, +))
  }

  var perSecond: Int64 { Int64(Int128(events) * 1_000_000_000 / Int128(max(1, nanoseconds))) }
  var cpuPerEvent: Int64 { cpuNanoseconds / Int64(max(1, events)) }
}

/// Runs of one thing; each figure is the median of its own.
struct BenchSeries {
  static let stageNames = Stage.allCases.map(\.name) + ["other"]

  let name: String
  var samples: [BenchSample] = []

  init(_ name: String) { self.name = name }

  func median(_ value: (BenchSample) -> Int64) -> Int64 {
    let values = samples.map(value).sorted()
    guard !values.isEmpty else { return 0 }
    return (values[(values.count - 1) / 2] + values[values.count / 2]) / 2
  }

  var perSecond: Int64 { median(\.perSecond) }

  func stage(_ name: String) -> Int64 { median { $0.stages[name] ?? 0 } }

  func write(_ json: inout JSONText) {
    json.object { json in
      json.field("events_per_second", perSecond)
      json.field("seconds", number: BenchSeries.seconds(median(\.nanoseconds)))
      json.field("cpu_us_per_event", number: DecimalText.format(Int128(median(\.cpuPerEvent)), scale: 3))
      json.field("peak_rss_bytes", median(\.peakResidentBytes))
      json.field("bytes_written", median(\.bytesWritten))
      json.field("state_bytes", median(\.stateBytes))
      if samples.contains(where: { !$0.stages.isEmpty }) {
        json.key("stages")
        json.object { json in for name in BenchSeries.stageNames { json.field(name, stage(name)) } }
      }
      json.key("all_seconds")
      json.array { json in for sample in samples { json.raw(BenchSeries.seconds(sample.nanoseconds)) } }
    }
  }

  var row: [String] {
    let events = samples.first?.events ?? 1
    return [
      name, Console.grouped(perSecond), BenchSeries.seconds(median(\.nanoseconds)),
      DecimalText.format(Int128(median(\.cpuPerEvent)), scale: 3), Console.size(median(\.peakResidentBytes)),
      "\(median(\.bytesWritten) / Int64(max(1, events)))", Console.size(median(\.stateBytes)),
    ]
  }

  static let header = ["", "events/s", "seconds", "CPU us/event", "peak memory", "B written/event", "state"]

  static func seconds(_ nanoseconds: Int64) -> String { DecimalText.format(Int128(nanoseconds / 1_000_000), scale: 3) }
}
