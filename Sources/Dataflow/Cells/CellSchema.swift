/// What a cell holds besides its bucket: the parts from which measures are computed. Each part is a commutative monoid.
struct CellSchema: Equatable, Sendable {
  enum Part: UInt8, Sendable {
    /// Int64, added.
    case count = 0
    /// Int128, added: 2^63 events of 10^15 at scale 9 do not overflow it.
    case sum = 1
    /// Int128; `Int128.max` / `.min` when nothing was seen. Cannot be retracted.
    case minimum = 2
    case maximum = 3
    /// Users, united. Cannot be retracted.
    case set = 4
    /// Users with a count each, added: a distinct count that can be retracted.
    case bag = 5
    /// Histogram buckets with a count each, added.
    case histogram = 6
  }

  var dimensions: Int
  var parts: [Part]
}
