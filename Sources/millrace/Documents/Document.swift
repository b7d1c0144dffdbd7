import Basics
import Foundation

/// A JSON document that a command prints with `--json`, made here or by a server: what people see is made from it, so both
/// look alike.
protocol Document: Decodable {}

extension Document {
  init(json text: String) throws(Failure) {
    do { self = try JSONDecoder().decode(Self.self, from: Data(text.utf8)) } catch {
      throw .unavailable("the server's answer is not one that this program knows: \(error)")
    }
  }
}

/// A row's dimensions, in the order of their names; null is missing.
struct NamedDimensions: Decodable {
  private let values: [String: String?]

  init(from decoder: any Decoder) throws {
    values = try decoder.singleValueContainer().decode([String: String?].self)
  }

  /// `geo.country=DE device.type=-`, in the order given; names that are not among those come last.
  func text(_ order: [String] = []) -> String {
    let rank = { (name: String) in order.firstIndex(of: name) ?? order.count }
    return values.sorted { (rank($0.key), $0.key) < (rank($1.key), $1.key) }
      .map { "\($0.key)=\($0.value ?? "-")" }.joined(separator: " ")
  }
}
