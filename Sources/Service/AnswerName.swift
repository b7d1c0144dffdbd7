import Runtime

/// A digest of all that an answer is a function of: the question in one way of writing it, the generation's meaning, how far
/// each partition is, what is missing, and the newest stamp, by which buckets expire. Equal names are equal rows.
public struct AnswerName: Hashable, Sendable {
  let text: String

  public init(_ standing: Standing, _ question: String) {
    let offsets = standing.offsets.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value)" }
    let missing = standing.partial.map { "\($0.partition)" }
    self.init([
      standing.digest, "\(standing.generation)", offsets.joined(separator: ","), missing.joined(separator: ","),
      standing.newestStamp.map { "\($0)" } ?? "", question,
    ])
  }

  /// Of several texts that are told apart.
  init(_ texts: [String]) {
    let joined = texts.map { "\($0.utf8.count):\($0)" }.joined()
    text = APIKey.sha256(joined).prefix(16).map { byte in
      let digits = String(byte, radix: 16)
      return digits.count == 1 ? "0" + digits : digits
    }.joined()
  }

  /// Nil for what is no name.
  init?(_ text: String) {
    guard text.utf8.count == 32, text.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) }) else {
      return nil
    }
    self.text = text
  }
}
