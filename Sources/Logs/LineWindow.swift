/// The part of a slice's buffer that a `FileReader` is cutting into lines. Indices into the buffer, in this order:
/// `digested` <= `lineStart` <= `searched` <= `end`.
struct LineWindow {
  let slice: LogSlice
  /// Bytes before it were counted as read.
  var digested = 0
  /// Where the line in hand begins.
  var lineStart = 0
  /// No line ends between `lineStart` and here.
  var searched = 0
  /// End of the text.
  var end = 0

  init(slice: LogSlice) { self.slice = slice }

  /// Text that is not part of a record yet.
  var rest: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: slice.bytes + lineStart, count: end - lineStart)
  }

  mutating func dropRest() { end = lineStart }

  /// Goes on with empty text at `index`; what stood behind it was counted as read.
  mutating func restart(at index: Int) {
    digested = index
    lineStart = index
    searched = index
    end = index
  }

  static func isBlank(_ bytes: UnsafeRawBufferPointer) -> Bool {
    for byte in bytes where byte != 32 && !(9...13).contains(byte) { return false }
    return true
  }
}
