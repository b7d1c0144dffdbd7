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

/// One that an operator asked for.
public struct AskedVerification: Sendable {
  public enum State: Sendable {
    /// For its turn: a server checks one topology at a time.
    case waiting
    /// Records read of those to be read; nil until that is known.
    case running(done: Int64, total: Int64?)
    case finished(RebuildCheck.Result)
    case failed(Failure)
  }

  /// Counted from 1 since the process started.
  public var id: Int
  public var comparing: Verification.Options
  public var state = State.waiting

  var isOver: Bool {
    switch state {
    case .waiting, .running: false
    case .finished, .failed: true
    }
  }
}

extension ServedTopology {
  /// The last one since the process started.
  public var lastVerification: ServedVerification? { state.withLock { $0.verification } }

  /// The one that was asked for last.
  public var askedVerification: AskedVerification? { state.withLock { $0.asked } }

  /// Rebuilds and compares as soon as no other topology is being checked; `askedVerification` says how it goes.
  ///
  /// - `start`, `end`: buckets to compare; milliseconds; nil is open.
  /// - Errors: `.invalid` while the one before goes on.
  public func askToVerify(start: Int64?, end: Int64?) throws(Failure) -> AskedVerification {
    try checkHasAll(live)
    let (asked, isNew) = state.withLock { state in
      if let before = state.asked, !before.isOver { return (before, false) }
      var comparing = Verification.Options()
      (comparing.start, comparing.end) = (start, end)
      let asked = AskedVerification(id: (state.asked?.id ?? 0) + 1, comparing: comparing)
      state.asked = asked
      return (asked, true)
    }
    if isNew { return asked }
    throw .invalid("'\(name)' is being verified already (\(asked.id)): wait until that is done")
  }

  /// Does what was asked for. Returns when that is done, or when `isStopping`.
  func verifyIfAsked(isStopping: @Sendable () -> Bool) {
    guard let asked = askedVerification, !asked.isOver else { return }
    let last: AskedVerification.State
    do throws(Failure) {
      setState(.running(done: 0, total: nil))
      let result = try rebuild(asked.comparing, isStopping: isStopping) {
        self.setState(.running(done: $0, total: $1))
      }
      settings.report(ServedTopology.certificate(name, result))
      last = .finished(result)
    } catch { last = .failed(error) }
    setState(last)
  }

  private func setState(_ new: AskedVerification.State) { state.withLock { $0.asked?.state = new } }

  /// Rebuilds all of what is served and compares every cell; what came of it is reported. Returns when that is done, or when
  /// `isStopping`.
  func verify(isStopping: @Sendable () -> Bool) {
    // What another instance has, only that one can compare.
    guard live.statuses.allSatisfy(\.isHere) else { return }
    do throws(Failure) {
      let result = try rebuild(Verification.Options(), isStopping: isStopping) { _, _ in }
      settings.report(ServedTopology.certificate(name, result))
    } catch {
      if isStopping() { return }
      settings.report("'\(name)' was not verified: \(error.message)")
    }
  }

  /// From the log, in a scratch generation and at low priority.
  private func rebuild(
    _ comparing: Verification.Options, isStopping: @Sendable () -> Bool, progress: (Int64, Int64?) -> Void
  ) throws(Failure) -> RebuildCheck.Result {
    LowPriority.apply()
    var comparing = comparing
    comparing.byteLimit = max(16 << 20, settings.memory / 16)
    let result = try RebuildCheck(of: live).run(
      generations.data, input: try settings.input(live.generation.topology.source),
      options: BoundedRun.Options(memory: settings.memory / 8, threads: 1), comparing: comparing
    ) { (run) throws(Failure) in
      run.topology.start()
      while run.topology.statuses.contains(where: { $0.state == .running }), !isStopping() {
        let (done, total) = run.progress()
        progress(done, total)
        usleep(100_000)
      }
      run.topology.stop()
      run.topology.wait()
      if let stopped = run.topology.statuses.first(where: { $0.failure != nil }) { throw stopped.failure! }
      if isStopping() { throw .unavailable("the server is being stopped") }
    }
    // Of some buckets it says nothing about the others.
    if comparing.start == nil, comparing.end == nil {
      state.withLock { $0.verification = ServedVerification(finishedAt: wallMilliseconds(), result: result) }
    }
    return result
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
