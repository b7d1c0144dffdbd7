import Basics
import CSimdJSON

/// The events of some records as columns, one row per record in the order of the ranges, unusable ones included.
///
/// Whether a record is usable, and why not, is a function of its bytes alone: neither the projection nor its neighbours
/// matter. When several things are wrong, the `Rejection` of the smallest raw value is reported; it names the first
/// field concerned. All memory is kept from batch to batch. Texts live, and pointers are valid, until the next `decode`.
public final class EventBatch {
  public let projection: Projection
  /// How many rows the last `decode` made.
  public private(set) var count = 0

  /// 0 for a usable event, else the raw value of its `Rejection`; callers write their own verdicts here.
  public private(set) var status: UnsafeMutablePointer<UInt8>
  /// The `EventField` a rejection is about, or 0.
  public private(set) var detail: UnsafeMutablePointer<UInt8>
  /// The client's time in milliseconds since 1970 UTC, floored; 0 unless usable.
  public private(set) var time: UnsafeMutablePointer<Int64>
  /// 128 bits that stand for the user; 0 unless usable.
  public private(set) var userKey: UnsafeMutablePointer<Key128>
  /// 128 bits that stand for (user, event_id); 0 unless usable.
  public private(set) var eventKey: UnsafeMutablePointer<Key128>
  /// A hash of (event_type, time), to tell a resend from another event of the same key.
  public private(set) var check: UnsafeMutablePointer<UInt32>
  /// Kafka's murmur2 of the user without the sign bit: modulo the number of partitions it is the user's partition.
  public private(set) var partitionHash: UnsafeMutablePointer<UInt32>
  /// These three are filled in for unusable events too where the document is readable and has the text.
  public private(set) var eventID: UnsafeMutablePointer<TextRef>
  /// The user: `user_id`, or `anonymous_id` where that is missing.
  public private(set) var user: UnsafeMutablePointer<TextRef>
  public private(set) var eventType: UnsafeMutablePointer<TextRef>

  @usableFromInline let values: UnsafeMutablePointer<UnsafeMutableRawPointer>
  @usableFromInline let unusableCounts: UnsafeMutablePointer<Int64>
  @usableFromInline let isText: [Bool]
  private let decoder: OpaquePointer
  private var capacity = 0

  /// A precondition: paths are not empty and scales are 0 to 9.
  public init(projection: Projection) {
    checkLayouts()
    self.projection = projection
    isText = projection.columns.map { $0.kind == .text }
    decoder = decoder_create()
    for column in projection.columns { addColumn(column, to: decoder) }
    status = .allocate(capacity: 0)
    detail = .allocate(capacity: 0)
    time = .allocate(capacity: 0)
    userKey = .allocate(capacity: 0)
    eventKey = .allocate(capacity: 0)
    check = .allocate(capacity: 0)
    partitionHash = .allocate(capacity: 0)
    eventID = .allocate(capacity: 0)
    user = .allocate(capacity: 0)
    eventType = .allocate(capacity: 0)
    values = .allocate(capacity: isText.count)
    unusableCounts = .allocate(capacity: isText.count)
    unusableCounts.initialize(repeating: 0, count: isText.count)
    for index in isText.indices { values[index] = allocateValues(isText[index], capacity: 0) }
  }

  deinit {
    deallocateRows()
    values.deallocate()
    unusableCounts.deallocate()
    decoder_destroy(decoder)
  }

  /// Decodes `count` records of the buffer `bytes`. Reads no byte outside the ranges.
  public func decode(_ bytes: UnsafePointer<UInt8>, ranges: UnsafePointer<ByteRange>, count: Int) {
    precondition(count >= 0, "a batch of \(count) records")
    if count > capacity { reallocateRows(max(count, capacity * 2)) }
    self.count = count
    var columns = DecoderColumns(
      status: status, detail: detail, time: time, userKey: twin(userKey), eventKey: twin(eventKey), check: check,
      partitionHash: partitionHash, eventID: twin(eventID), user: twin(user), eventType: twin(eventType),
      values: values, unusable: unusableCounts)
    let ranges = UnsafeRawPointer(ranges).assumingMemoryBound(to: DecoderRange.self)
    decoder_decode(decoder, bytes, ranges, count, &columns)
  }

  /// The rows of a text column of the projection; length 0 where the value is missing.
  @inlinable public func texts(_ column: Int) -> UnsafeMutablePointer<TextRef> {
    precondition(isText[column], "column \(column) is not text")
    return values[column].assumingMemoryBound(to: TextRef.self)
  }

  /// The rows of a number column of the projection, in the units of its kind; `Int128.min` where the value is missing.
  @inlinable public func numbers(_ column: Int) -> UnsafeMutablePointer<Int128> {
    precondition(!isText[column], "column \(column) is text")
    return values[column].assumingMemoryBound(to: Int128.self)
  }

  /// In how many usable events of the last `decode` the column had a value that could not be used.
  @inlinable public func unusable(_ column: Int) -> Int64 {
    precondition(isText.indices.contains(column), "column \(column) of \(isText.count)")
    return unusableCounts[column]
  }

  private func reallocateRows(_ capacity: Int) {
    deallocateRows()
    self.capacity = capacity
    status = .allocate(capacity: capacity)
    detail = .allocate(capacity: capacity)
    time = .allocate(capacity: capacity)
    userKey = .allocate(capacity: capacity)
    eventKey = .allocate(capacity: capacity)
    check = .allocate(capacity: capacity)
    partitionHash = .allocate(capacity: capacity)
    eventID = .allocate(capacity: capacity)
    user = .allocate(capacity: capacity)
    eventType = .allocate(capacity: capacity)
    for index in isText.indices { values[index] = allocateValues(isText[index], capacity: capacity) }
  }

  private func deallocateRows() {
    status.deallocate()
    detail.deallocate()
    time.deallocate()
    userKey.deallocate()
    eventKey.deallocate()
    check.deallocate()
    partitionHash.deallocate()
    eventID.deallocate()
    user.deallocate()
    eventType.deallocate()
    for index in isText.indices { values[index].deallocate() }
  }
}

private func allocateValues(_ isText: Bool, capacity: Int) -> UnsafeMutableRawPointer {
  isText
    ? UnsafeMutableRawPointer(UnsafeMutablePointer<TextRef>.allocate(capacity: capacity))
    : UnsafeMutableRawPointer(UnsafeMutablePointer<Int128>.allocate(capacity: capacity))
}

private func addColumn(_ column: Projection.Column, to decoder: OpaquePointer) {
  precondition(!column.path.isEmpty, "a projected column without a name")
  let kind: (UInt32, UInt32)
  switch column.kind {
  case .text: kind = (UInt32(DECODER_TEXT), 0)
  case .scaled(let scale):
    precondition((0...9).contains(scale), "scale \(scale) of \(column.path) is not 0 to 9")
    kind = (UInt32(DECODER_SCALED), UInt32(scale))
  case .exact: kind = (UInt32(DECODER_EXACT), 0)
  }
  let names = column.path.flatMap { Array($0.utf8) }
  let lengths = column.path.map { UInt32($0.utf8.count) }
  decoder_add_column(decoder, names, lengths, UInt32(lengths.count), kind.0, kind.1)
}

private func twin(_ keys: UnsafeMutablePointer<Key128>) -> UnsafeMutablePointer<DecoderKey> {
  UnsafeMutableRawPointer(keys).assumingMemoryBound(to: DecoderKey.self)
}

private func twin(_ texts: UnsafeMutablePointer<TextRef>) -> UnsafeMutablePointer<DecoderText> {
  UnsafeMutableRawPointer(texts).assumingMemoryBound(to: DecoderText.self)
}

/// The C code writes these Swift values.
private func checkLayouts() {
  func check<A, B>(_: A.Type, _: B.Type) {
    precondition(
      MemoryLayout<A>.size == MemoryLayout<B>.size && MemoryLayout<A>.stride == MemoryLayout<B>.stride
        && MemoryLayout<A>.alignment == MemoryLayout<B>.alignment, "\(A.self) is not laid out like \(B.self)")
  }
  check(ByteRange.self, DecoderRange.self)
  check(Key128.self, DecoderKey.self)
  check(TextRef.self, DecoderText.self)
  precondition(MemoryLayout<ByteRange>.offset(of: \.fullLength) == MemoryLayout<DecoderRange>.offset(of: \.fullLength))
  precondition(MemoryLayout<Key128>.offset(of: \.low) == MemoryLayout<DecoderKey>.offset(of: \.low))
  precondition(MemoryLayout<TextRef>.offset(of: \.hash) == MemoryLayout<DecoderText>.offset(of: \.hash))
  precondition(MemoryLayout<Int128>.stride == 16 && MemoryLayout<Int128>.alignment == 16)
}
