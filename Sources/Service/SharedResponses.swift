import Basics
import Runtime
import Synchronization

/// Answers of the last moment, for whoever asks the same: a dashboard is open on many screens, and each asks for all of its
/// panels again. What is shared says how fresh it is like any other answer, and is a fraction of a second older than it could be.
final class SharedResponses: Sendable {
  private struct Entry {
    var response: Response
    /// Before anything of it was read.
    var madeAt: Int64
  }

  private let entries = Mutex<(byQuestion: [String: Entry], bytes: Int)>(([:], 0))
  private let bytes: Int
  private let now: @Sendable () -> Int64

  init(bytes: Int = 32 << 20, now: @escaping @Sendable () -> Int64 = { monotonicMilliseconds() }) {
    self.bytes = bytes
    self.now = now
  }

  /// - `question`: all that the answer depends on but time.
  /// - `milliseconds`: how old what is shared may be; 0: nothing is.
  func response(
    to question: @autoclosure () -> String, within milliseconds: Int64, _ make: () throws(Failure) -> Response
  ) throws(Failure) -> Response {
    guard milliseconds > 0 else { return try make() }
    let (question, madeAt) = (question(), now())
    let known = entries.withLock { $0.byQuestion[question] }
    if let known, madeAt - known.madeAt <= milliseconds { return known.response }
    let response = try make()
    if response.status == 200 { keep(Entry(response: response, madeAt: madeAt), question, milliseconds) }
    return response
  }

  private func keep(_ entry: Entry, _ question: String, _ milliseconds: Int64) {
    entries.withLock { entries in
      let former = entries.byQuestion.updateValue(entry, forKey: question)
      entries.bytes += entry.response.bytes.count - (former?.response.bytes.count ?? 0)
      guard entries.bytes > bytes || entries.byQuestion.count > 1_024 else { return }
      // Nearly all are too old by now; when they are not, nothing is lost but work.
      entries.byQuestion = entries.byQuestion.filter { entry.madeAt - $0.value.madeAt <= milliseconds }
      entries.bytes = entries.byQuestion.values.reduce(0) { $0 + $1.response.bytes.count }
      if entries.bytes > bytes { entries = ([:], 0) }
    }
  }
}

extension API {
  /// What is asked, of which generations. Instances of a group are asked anew each time: partitions may have moved.
  func shared(_ request: Request, _ make: () throws(Failure) -> Response) throws(Failure) -> Response {
    let topologies = node.topologies
    let isPlain = request.headers["if-none-match"] == nil && topologies.allSatisfy { $0.ownership == nil }
    return try shared.response(
      to: ([request.path, request.headers["accept"] ?? ""] + request.query.flatMap { [$0.name, $0.value] }
        + topologies.flatMap { ["\($0.generation.number)", $0.generation.digest] }).joined(separator: "\u{0}"),
      within: isPlain ? sharedMilliseconds : 0, make)
  }
}
