/// Which values of an event become columns. Everything else stays in the log and is never decoded.
public struct Projection: Hashable, Sendable {
  public enum Kind: Hashable, Sendable {
    /// Text; a number or boolean is taken as its JSON token. Arrays and objects are unusable.
    case text
    /// A decimal number as an integer in units of 10^-scale, rounded half away from zero. Scale 0 to 9.
    /// Anything but a JSON number, and |x| >= 10^15, is unusable.
    case scaled(Int)
    /// A decimal number for comparisons: twice the number in units of 10^-18 (digits beyond are cut towards zero), plus
    /// (or, when negative, minus) one when digits other than zero were cut. Order and equality with a literal of at most
    /// 18 fraction digits are then those of the exact decimals.
    case exact
  }

  public struct Column: Hashable, Sendable {
    /// Names from the top of the document: `["geo", "country"]`.
    public var path: [String]
    public var kind: Kind

    public init(path: [String], kind: Kind) {
      self.path = path
      self.kind = kind
    }

    // Names are bytes: String's own equality takes é written in two ways for one name.
    public static func == (a: Column, b: Column) -> Bool {
      a.kind == b.kind && a.path.map { Array($0.utf8) } == b.path.map { Array($0.utf8) }
    }

    public func hash(into hasher: inout Hasher) {
      hasher.combine(kind)
      for name in path { hasher.combine(Array(name.utf8)) }
    }
  }

  public private(set) var columns: [Column] = []

  public init() {}

  /// The index of the column, added when it is new. Text and number columns are numbered together.
  public mutating func add(_ column: Column) -> Int {
    if let index = columns.firstIndex(of: column) { return index }
    columns.append(column)
    return columns.count - 1
  }
}
