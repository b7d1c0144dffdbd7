import Basics
import Dataflow

/// Some rows of an answer, from where the page before ended.
public struct QueryPage: Sendable {
  public let answer: QueryAnswer
  public let rows: ArraySlice<QueryAnswer.Row>
  /// Where the next page starts; nil when this is the last.
  public let next: Cursor?

  public init(_ answer: QueryAnswer, name: AnswerName, offset: Int, limit: Int) {
    self.answer = answer
    rows = answer.rows.dropFirst(offset).prefix(limit)
    next = rows.endIndex < answer.rows.count ? Cursor(name, offset: rows.endIndex) : nil
  }

  /// Whether rows say if they stand for the rest.
  var hasOther: Bool { rows.contains { $0.isOther } }
}
