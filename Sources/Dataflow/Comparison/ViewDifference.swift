/// What differs between two definitions' answers for one view.
public struct ViewDifference: Sendable {
  /// One measure of one row that is not the same on both sides.
  public struct Mover: Sendable, Equatable {
    /// `minute`, `hour`, `day`; `quarter_hour` for a funnel's entries.
    public var grain: String
    /// Milliseconds of the bucket's start.
    public var bucket: Int64
    /// Names and values; "" is missing.
    public var dimensions: [NamedDimension]
    public var measure: String
    /// Nil: no such row, or nothing to measure in it.
    public var a: MeasureValue?
    public var b: MeasureValue?

    /// b - a, in units of one, as far as a Double goes: only for finding the largest.
    var distance: Double { ViewDifference.number(b) - ViewDifference.number(a) }
    /// The distance as a part of what a has; 0 where it has nothing: that is no part of anything.
    var relativeDistance: Double {
      let before = abs(ViewDifference.number(a))
      return before == 0 || b?.units == nil ? 0 : distance / before
    }
  }

  public struct NamedDimension: Sendable, Equatable {
    public var name: String
    public var value: String
  }

  /// Rows of fewer dimensions than the cells have: what became of a bucket's total, or of a single value's.
  public struct Totals: Sendable {
    /// The dimension kept; nil is none.
    public var by: String?
    public var grain: String
    public var equal: Int64 = 0
    public var different: Int64 = 0
    public var largest: [Mover] = []
  }

  public var view: String
  /// Cells, of all compared grains.
  public var equal: Int64 = 0
  public var changed: Int64 = 0
  public var added: Int64 = 0
  public var removed: Int64 = 0
  /// Cells of buckets that one side's log no longer held all of: not compared.
  public var notRebuilt: Int64 = 0
  /// The largest movers, by their distance; and by their distance relative to the value.
  public var largest: [Mover] = []
  public var largestRelative: [Mover] = []
  public var totals: [Totals] = []
  /// Sentences on what could not be compared cell by cell, and how it was compared instead.
  public var notes: [String] = []
  public var comparedDimensions: [String] = []
  public var onlyInA = Only()
  public var onlyInB = Only()

  public struct Only: Sendable, Equatable {
    public var dimensions: [String] = []
    public var measures: [String] = []
    public var grains: [String] = []
  }

  public var differs: Bool { changed + added + removed > 0 }

  init(view: String) { self.view = view }

  private static func number(_ value: MeasureValue?) -> Double {
    guard let value, let units = value.units else { return 0 }
    var number = Double(units)
    for _ in 0..<value.scale { number /= 10 }
    return number
  }
}
