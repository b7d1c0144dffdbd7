import Basics
import Foundation
import Runtime
import Synchronization

/// Tells streams what becomes of the answers to their questions. While there are streams, one thread looks for commits, asks each
/// question again whose answer they may have changed, and tells all who listen to it.
///
/// Never called with the lock held: what answers a question. What is told is handed over under it, so that who begins to listen
/// misses nothing.
final class LiveFeed: Sendable {
  struct Options: Sendable {
    var streams = 256
    var questions = 64
    /// That may wait to be read by one client.
    var bytes = 1 << 20
    /// Between two looks.
    var pauseMilliseconds: Int64 = 200
    /// After so long without a word, one is said.
    var heartbeatMilliseconds: Int64 = 15_000
  }

  /// Rows of one question.
  static let rowLimit = 2_000

  private struct Entry {
    var rows: LiveRows
    var mark: LiveMark
    var saidAt: Int64
    var listeners: [Int: Outflow] = [:]
  }

  private struct State {
    var entries: [LiveQuestion: Entry] = [:]
    /// Open or about to be.
    var streams = 0
    /// Of the next listener.
    var number = 0
    var isRunning = false
    var isStopped = false
  }

  private let options: Options
  private let state = Mutex(State())
  private let hurry = DispatchSemaphore(value: 0)
  private let ended = DispatchGroup()

  init(_ options: Options = Options()) { self.options = options }

  var streams: Int { state.withLock { $0.streams } }

  /// A stream that begins with all rows.
  ///
  /// - Errors: `.invalid` for a question that cannot be answered, `.unavailable` when there are as many streams as there may be.
  func listen(_ question: LiveQuestion, _ source: any LiveSource) throws(Failure) -> Outflow {
    let (number, isNew) = try state.withLock { (state) throws(Failure) in
      guard !state.isStopped else { throw .unavailable("the server is being stopped") }
      guard state.streams < options.streams else {
        throw .unavailable("\(options.streams) streams are open, and no more at once")
      }
      let isNew = state.entries[question] == nil
      guard !isNew || state.entries.count < options.questions else {
        throw .unavailable("\(options.questions) different questions are being followed, and no more at once")
      }
      state.streams += 1
      state.number += 1
      return (state.number, isNew)
    }
    let outflow = Outflow(limit: options.bytes) { [self] in leave(question, number) }
    do throws(Failure) {
      let first = isNew ? try begin(question, source) : nil
      try state.withLock { (state) throws(Failure) in
        guard !state.isStopped else { throw .unavailable("the server is being stopped") }
        if state.entries[question] == nil {
          // Those who listened have gone meanwhile.
          guard let first else { throw .unavailable("try again") }
          state.entries[question] = first
        }
        outflow.push(Array("retry: 2000\n\n\(state.entries[question]!.rows.snapshot)".utf8))
        state.entries[question]!.listeners[number] = outflow
        if !state.isRunning {
          state.isRunning = true
          run(source)
        }
      }
    } catch {
      outflow.close()
      throw error
    }
    return outflow
  }

  /// Ends all streams, and returns when the thread has ended.
  func stop() {
    state.withLock { state in
      state.isStopped = true
      for entry in state.entries.values { for outflow in entry.listeners.values { outflow.end() } }
      state.entries = [:]
    }
    hurry.signal()
    ended.wait()
  }

  private func begin(_ question: LiveQuestion, _ source: any LiveSource) throws(Failure) -> Entry {
    // Before the answer: what is committed meanwhile may be in it, and is asked for once more.
    let mark = try source.mark(question)
    let rows = LiveRows(try checked(try source.answer(question)))
    guard rows.snapshot.utf8.count <= options.bytes / 2 else { throw LiveFeed.tooMuch }
    return Entry(rows: rows, mark: mark, saidAt: monotonicMilliseconds())
  }

  private func checked(_ answer: LiveRows.Answer) throws(Failure) -> LiveRows.Answer {
    guard answer.answer.rows.count <= LiveFeed.rowLimit else { throw LiveFeed.tooMuch }
    return answer
  }

  private static let tooMuch = Failure.invalid(
    "these are more than \(rowLimit) rows, or too long ones, to be followed: ask for fewer buckets, or group by less")

  private func leave(_ question: LiveQuestion, _ number: Int) {
    state.withLock { state in
      state.streams -= 1
      guard state.entries[question]?.listeners.removeValue(forKey: number) != nil else { return }
      if state.entries[question]!.listeners.isEmpty { state.entries[question] = nil }
    }
  }

  private func run(_ source: any LiveSource) {
    ended.enter()
    let thread = Thread { [self] in
      var pause = options.pauseMilliseconds
      while true {
        _ = hurry.wait(timeout: .now() + .milliseconds(Int(pause)))
        let began = monotonicMilliseconds()
        let questions = state.withLock { state in
          state.isRunning = !state.entries.isEmpty
          return Array(state.entries.keys)
        }
        guard !questions.isEmpty else { break }
        for question in questions { look(question, source) }
        // However long answers take, most of the time is left to others.
        pause = max(options.pauseMilliseconds, 3 * (monotonicMilliseconds() - began))
      }
      ended.leave()
    }
    thread.name = "live"
    thread.start()
  }

  private func look(_ question: LiveQuestion, _ source: any LiveSource) {
    guard let known = state.withLock({ $0.entries[question].map { (mark: $0.mark, saidAt: $0.saidAt) } }) else {
      return
    }
    do throws(Failure) {
      let mark = try source.mark(question)
      if mark != known.mark {
        let answer = try checked(try source.answer(question))
        tell(question) { entry in
          entry.mark = mark
          return entry.rows.change(to: answer)
        }
      } else if monotonicMilliseconds() - known.saidAt >= options.heartbeatMilliseconds {
        let reading = try source.reading(question)
        tell(question) { ": still here\n\n" + $0.rows.unchanged(reading) }
      }
    } catch {
      // The next look may find it again.
      guard error.kind != .unavailable else { return }
      end(question, error)
    }
  }

  private func tell(_ question: LiveQuestion, _ make: (inout Entry) -> String?) {
    state.withLock { state in
      guard state.entries[question] != nil, let text = make(&state.entries[question]!) else { return }
      state.entries[question]!.saidAt = monotonicMilliseconds()
      let bytes = Array(text.utf8)
      for outflow in state.entries[question]!.listeners.values { outflow.push(bytes) }
    }
  }

  private func end(_ question: LiveQuestion, _ failure: Failure) {
    var json = JSONText()
    json.object { $0.field("detail", failure.message) }
    let bytes = Array("event: problem\ndata: \(json.text)\n\n".utf8)
    state.withLock { state in
      guard let entry = state.entries.removeValue(forKey: question) else { return }
      for outflow in entry.listeners.values {
        outflow.push(bytes)
        outflow.end()
      }
    }
  }
}
