/// Bytes of a segment that were written but not yet synced.
struct PendingSync {
  var file: OpenFile
  var segment: Segment
  /// Bytes of the file that the sync will cover, and the offset after the last record in them.
  var byteCount: Int
  var offset: Int64
}
