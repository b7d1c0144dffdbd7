import Basics
import Dataflow
import Events
import Runtime

/// The ledger of a bounded run: totals of the data directory, and the speed of this run.
struct RunSummary {
  private let ledger: Ledger
  private let readThisRun: Int64
  private let milliseconds: Int64
  private let columns: [Projection.Column]
  private var stageTimes = StageTimes()
  let stopped: [PartitionStatus]

  init(_ statuses: [PartitionStatus], milliseconds: Int64, plan: Plan) {
    var ledger = Ledger(columns: plan.projection.columns.count)
    for status in statuses {
      ledger.add(status.ledger)
      stageTimes.add(status.stageTimes)
    }
    self.ledger = ledger
    self.milliseconds = milliseconds
    columns = plan.projection.columns
    readThisRun = statuses.reduce(0) { $0 + $1.readThisRun }
    stopped = statuses.filter { $0.failure != nil }
  }

  private var perSecond: Int64 { readThisRun * 1_000 / milliseconds }

  var json: String {
    var json = JSONText()
    json.object { json in
      json.field("read", ledger.read)
      json.field("counted", ledger.counted)
      json.field("duplicates", ledger.duplicates)
      json.field("late", ledger.late)
      json.field("quarantined", ledger.quarantinedTotal)
      json.field("collisions", ledger.collisions)
      json.key("quarantined_by_reason")
      json.object { json in
        for rejection in Rejection.allCases where ledger.quarantined[Int(rejection.rawValue)] > 0 {
          json.field(rejection.code, ledger.quarantined[Int(rejection.rawValue)])
        }
      }
      json.field("read_this_run", readThisRun)
      json.field("seconds", number: DecimalText.format(Int128(milliseconds), scale: 3))
      json.field("events_per_second", perSecond)
      json.field("peak_rss_bytes", peakResidentBytes())
      // Nanoseconds of processor time per record read; what RocksDB does in the background is in none of them.
      json.key("stages")
      json.object { json in
        for stage in Stage.allCases {
          json.field(stage.name, stageTimes[stage] / max(1, readThisRun))
        }
      }
      json.key("partial")
      json.array { json in
        for status in stopped {
          json.object { json in
            json.field("partition", status.partition)
            json.field("message", status.failure?.message)
          }
        }
      }
    }
    return json.text
  }

  func show() {
    var rows = [
      ["read", Console.grouped(ledger.read)], ["counted", Console.grouped(ledger.counted)],
      ["duplicates", Console.grouped(ledger.duplicates)], ["late", Console.grouped(ledger.late)],
      ["quarantined", Console.grouped(ledger.quarantinedTotal)],
    ]
    for rejection in Rejection.allCases where ledger.quarantined[Int(rejection.rawValue)] > 0 {
      rows.append(["  \(rejection.code)", Console.grouped(ledger.quarantined[Int(rejection.rawValue)])])
    }
    if ledger.collisions > 0 { rows.append(["duplicates of another event", Console.grouped(ledger.collisions)]) }
    Console.table(["records", "all runs"], rows, right: [1])
    for (column, count) in zip(columns, ledger.unusableValues) where count > 0 {
      Console.print(
        "\(Console.grouped(count)) values of \(column.path.joined(separator: ".")) could not be used and count as missing"
      )
    }
    Console.print(
      "\n\(Console.grouped(readThisRun)) events in \(DecimalText.format(Int128(milliseconds), scale: 3)) s: "
        + "\(Console.grouped(perSecond)) events/s, peak memory \(Console.size(peakResidentBytes()))")
    if ledger.quarantinedTotal > 0 { Console.print("'millrace quarantine list' shows what could not be used, and why") }
  }
}
