import Basics
import Events

/// Adds what is known of the visitor to a record that does not say it itself. What was sent is never changed: a device that has
/// a type keeps it, and a place that names its country is left alone.
struct VisitorWriter {
  private let parts = BodyParts(limit: 1)
  private let inside = BodyParts(limit: 1)

  /// - `record`: one JSON object, whole, without white space around it.
  /// - Returns: whether `output` has it with more members; if not, nothing was written there.
  func write(_ record: UnsafeRawBufferPointer, _ visitor: VisitorMembers, to output: inout ByteWriter) -> Bool {
    guard parts.open(record) == .whole else { return false }
    var device, geo: BodyParts.Member?
    for member in parts.members {
      if member.isNamed("device") { device = member }
      if member.isNamed("geo") { geo = member }
    }
    var insertions = [
      insertion("device", device, visitor.device, into: record),
      knowsCountry(geo) ? nil : insertion("geo", geo, visitor.geo, into: record),
    ].compactMap { $0 }
    guard !insertions.isEmpty else { return false }
    insertions.sort { $0.at < $1.at }
    var done = 0
    for insertion in insertions {
      output.raw(UnsafeRawBufferPointer(rebasing: record[done..<insertion.at]))
      insertion.bytes.withUnsafeBytes { output.raw($0) }
      done = insertion.at + insertion.length
    }
    output.raw(UnsafeRawBufferPointer(rebasing: record[done...]))
    return true
  }

  private struct Insertion {
    var at: Int
    /// Of what it stands for.
    var length = 0
    var bytes: [UInt8]
  }

  private func knowsCountry(_ geo: BodyParts.Member?) -> Bool {
    guard let geo, geo.kind == UInt8(ascii: "{"), inside.open(geo.value) == .whole else { return false }
    return !(inside.member("country")?.isMissing ?? true)
  }

  /// Members of `more` that the object does not have; the object itself when there is none.
  private func insertion(
    _ name: String, _ object: BodyParts.Member?, _ more: [VisitorMembers.Member], into record: UnsafeRawBufferPointer
  ) -> Insertion? {
    guard !more.isEmpty else { return nil }
    let whole = more.map { "\"\($0.name)\":\($0.json)" }.joined(separator: ",")
    guard let object else { return Insertion(at: record.count - 1, bytes: Array(",\"\(name)\":{\(whole)}".utf8)) }
    let at = object.value.baseAddress! - record.baseAddress!
    if object.isMissing { return Insertion(at: at, length: object.value.count, bytes: Array("{\(whole)}".utf8)) }
    guard object.kind == UInt8(ascii: "{"), inside.open(object.value) == .whole else { return nil }
    let names = Set(inside.members.map { String(decoding: $0.name, as: UTF8.self) })
    let missing = more.filter { !names.contains($0.name) }.map { "\"\($0.name)\":\($0.json)" }.joined(separator: ",")
    guard !missing.isEmpty else { return nil }
    return Insertion(
      at: at + object.value.count - 1, bytes: Array(((names.isEmpty ? "" : ",") + missing).utf8))
  }
}
