import Basics
import Dataflow
import Foundation
import Glibc
import Logs

/// What a server found when it last rebuilt what it serves.
public struct ServedVerification: Sendable {
  /// Milliseconds of the machine's clock.
  public var finishedAt: Int64
  public var result: RebuildCheck.Result
}

extension ServedTopology {
  private static let niceness: Int32 = 15

  /// The last one since the process started.
  public var lastVerification: ServedVerification? { state.withLock { $0.verification } }

  /// Rebuilds what is served from the log, in a scratch generation and at low priority, and compares every cell; what came of it
  /// is reported. Returns when that is done, or when `isStopping`.
  func verify(isStopping: @Sendable () -> Bool) {
    let live = live
    // What another instance has, only that one can compare.
    guard live.statuses.allSatisfy(\.isHere) else { return }
    // Of this thread alone, and of those it begins.
    setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, ServedTopology.niceness)
    do throws(Failure) {
      var comparing = Verification.Options()
      comparing.byteLimit = max(16 << 20, settings.memory / 16)
      let result = try RebuildCheck(of: live).run(
        generations.data, input: try settings.input(live.generation.topology.source),
        options: BoundedRun.Options(memory: settings.memory / 8, threads: 1),
        comparing: comparing
      ) { (run) throws(Failure) in
        run.topology.start()
        while run.topology.statuses.contains(where: { $0.state == .running }), !isStopping() { usleep(100_000) }
        run.topology.stop()
        run.topology.wait()
        if let stopped = run.topology.statuses.first(where: { $0.failure != nil }) { throw stopped.failure! }
        if isStopping() { throw .unavailable("the server is being stopped") }
      }
      state.withLock { $0.verification = ServedVerification(finishedAt: wallMilliseconds(), result: result) }
      settings.report(ServedTopology.certificate(name, result))
    } catch {
      if isStopping() { return }
      settings.report("'\(name)' was not verified: \(error.message)")
    }
  }

  private static func certificate(_ name: String, _ result: RebuildCheck.Result) -> String {
    let place = "at offsets \(result.offsets.map { "\($0)" }.joined(separator: ","))"
    let since = result.exactFrom.map { ", exact from \(Timestamp(milliseconds: $0)) on" } ?? ""
    if result.isEqual {
      return
        "\(name) generation \(result.generation) is what its log gives: \(result.cells) cells equal \(place), digest "
        + "\(result.digest)\(since)"
    }
    let first = result.differences.first.map { cell in
      "; the first: \(cell.view) by \(cell.grain), \(Timestamp(milliseconds: cell.bucket)), partition \(cell.partition), "
        + "\(cell.measure): \(cell.served ?? "-") is served, \(cell.rebuilt ?? "-") rebuilt"
    }
    return
      "\(name) generation \(result.generation) is NOT what its log gives: \(result.differingCells) of \(result.cells) cells "
      + "differ \(place)\(since)\(first ?? result.others.first.map { "; \($0)" } ?? ""); 'millrace verify \(name)' lists them"
  }
}
