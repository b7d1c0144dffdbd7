import Basics

/// Where the next page of an answer starts, as text that nobody needs to understand: the answer, and how many of its rows have
/// been given.
///
/// An answer is named by what it is a function of: the question, the generation, and how far each partition was. So a page comes
/// from the same answer as the one before, or from none.
public struct Cursor: Equatable, Sendable {
  var answer: AnswerName
  public var offset: Int

  var text: String { "\(String(offset, radix: 36)).\(answer.text)" }

  public func isOf(_ answer: AnswerName) -> Bool { answer == self.answer }

  init(_ answer: AnswerName, offset: Int) {
    self.answer = answer
    self.offset = offset
  }

  /// Nil for what is no cursor.
  init?(_ text: String) {
    guard let point = text.firstIndex(of: "."), let offset = Int(text[..<point], radix: 36), offset >= 0,
      let answer = AnswerName(String(text[text.index(after: point)...]))
    else { return nil }
    self.init(answer, offset: offset)
    guard self.text == text else { return nil }
  }
}
