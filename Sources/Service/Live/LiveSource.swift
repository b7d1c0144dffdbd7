import Basics
import Runtime

/// Whom the feed asks.
protocol LiveSource: Sendable {
  /// What an answer would be made of; the answer changes only when this does.
  ///
  /// - Errors: `.invalid` when there is nothing any more to ask.
  func mark(_ question: LiveQuestion) throws(Failure) -> LiveMark
  func answer(_ question: LiveQuestion) throws(Failure) -> LiveRows.Answer
  func reading(_ question: LiveQuestion) throws(Failure) -> Reading
}

/// How far a topology's numbers are.
struct LiveMark: Equatable, Sendable {
  var generation: Int
  /// By partition: the offset of its last commit, and whether it goes on.
  var offsets: [Int64]
  var arePartitionsWhole: [Bool]
  /// Where others have partitions too, whose commits cannot be seen from here: the second, so that they are asked in each.
  var second: Int64?
}
