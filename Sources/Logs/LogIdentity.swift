import Basics
import Glibc

/// What a log directory says about itself: `log.json`, `{"format": 1, "partitions": 4}`.
struct LogIdentity: Equatable {
  static let format = 1

  var partitions: Int

  /// Nil when the directory holds no log yet.
  /// - Errors: `.invalid` for a format newer than ours, `.corrupt` for a file that says nothing.
  static func read(directory: String) throws(Failure) -> LogIdentity? {
    let path = "\(directory)/log.json"
    guard Directory.exists(path) else { return nil }
    let text = try OpenFile(path, flags: O_RDONLY).text()
    guard let found = number("format", in: text) else {
      throw .corrupt("\(path): names no format; restore it from a copy")
    }
    guard found <= format else {
      throw .invalid("\(path): the log has format \(found), this program knows \(format); use a newer millrace")
    }
    guard let partitions = number("partitions", in: text), partitions > 0 else {
      throw .corrupt("\(path): names no partition count; restore it from a copy")
    }
    return LogIdentity(partitions: partitions)
  }

  /// Written beside and renamed, so that no power cut leaves half of it.
  func write(directory: String) throws(Failure) {
    let path = "\(directory)/log.json"
    let text = "{\"format\": \(LogIdentity.format), \"partitions\": \(partitions)}\n"
    let file = try OpenFile("\(path).new", flags: O_WRONLY | O_CREAT | O_TRUNC)
    let bytes = Array(text.utf8)
    guard Glibc.write(file.descriptor, bytes, bytes.count) == bytes.count else {
      throw OpenFile.failure(path, "cannot be written")
    }
    try file.sync()
    guard rename("\(path).new", path) == 0 else { throw OpenFile.failure(path, "cannot be renamed into place") }
    try Directory.sync(directory)
  }

  /// The whole number behind `"name":`. Two numbers do not need a JSON parser.
  private static func number(_ name: String, in text: String) -> Int? {
    let key = Array("\"\(name)\"".utf8)
    let bytes = Array(text.utf8)
    guard bytes.count > key.count else { return nil }
    guard let start = (0..<(bytes.count - key.count)).first(where: { bytes[$0..<$0 + key.count].elementsEqual(key) })
    else { return nil }
    let rest = bytes[(start + key.count)...].drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: ":") }
    return Int(String(decoding: rest.prefix { $0 >= 48 && $0 <= 57 }, as: UTF8.self))
  }
}
