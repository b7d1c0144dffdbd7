/// An amount of memory or disk, absolute or as a part of what there is.
public enum Size: Sendable, Hashable, CustomStringConvertible {
  case bytes(Int64)
  /// 1 to 100, of whatever the key is about.
  case percent(Int)

  private static let units: [(name: String, bytes: Int64)] = [
    ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1_000),
  ]

  /// An integer and one of `KiB MiB GiB KB MB GB`, or `1%` to `100%`; nil when it is neither.
  public init?(_ text: String) {
    let digits = text.utf8.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    guard let count = Int64(Substring(digits)) else { return nil }
    let unit = text.dropFirst(digits.count)
    if unit == "%" {
      guard (1...100).contains(count) else { return nil }
      self = .percent(Int(count))
      return
    }
    guard let bytes = Size.units.first(where: { $0.name == unit })?.bytes else { return nil }
    let (product, overflow) = count.multipliedReportingOverflow(by: bytes)
    guard !overflow else { return nil }
    self = .bytes(product)
  }

  /// The bytes this is of a whole.
  public func bytes(of whole: Int64) -> Int64 {
    switch self {
    case .bytes(let count): count
    case .percent(let percent): whole / 100 * Int64(percent) + whole % 100 * Int64(percent) / 100
    }
  }

  public var description: String {
    switch self {
    case .percent(let percent): return "\(percent)%"
    case .bytes(let count):
      guard count > 0, let unit = Size.units.first(where: { count % $0.bytes == 0 }) else { return "\(count) bytes" }
      return "\(count / unit.bytes)\(unit.name)"
    }
  }
}
