/// A batch as the views see it: columns by row, and which rows count. Events and sessions look the same from here.
///
/// Pointers are valid for one `apply`. Columns of the other kind at an index are dangling and never read.
struct Rows {
  /// Row numbers that count, ascending in log order.
  var selection: UnsafePointer<Int32>
  var selected: Int
  /// What buckets are made of: the event's time, or the session's start. Milliseconds.
  var time: UnsafePointer<Int64>
  /// Partition-local user numbers.
  var user: UnsafePointer<UInt32>
  /// +1 asserted, -1 retracted; nil when all are +1.
  var weight: UnsafePointer<Int8>?
  /// Dictionary codes; 0 is missing.
  var texts: [UnsafeMutablePointer<UInt32>]
  /// `missingNumber` is missing.
  var numbers: [UnsafeMutablePointer<Int128>]
}

let missingNumber = Int128.min
