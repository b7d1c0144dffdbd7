import Basics

// Short constant keys are arrays; `span.withUnsafeBytes` keeps typed throws.

extension Transaction {
  public func put(_ key: [UInt8], _ value: UnsafeRawBufferPointer) { key.span.withUnsafeBytes { put($0, value) } }

  public func deleteRange(_ start: UnsafeRawBufferPointer, _ end: [UInt8]) {
    end.span.withUnsafeBytes { deleteRange(start, $0) }
  }
}

extension Store {
  /// The value's bytes, copied.
  public func get(_ key: [UInt8]) throws(Failure) -> [UInt8]? {
    let value = try key.span.withUnsafeBytes { (key) throws(Failure) in try get(key) }
    guard let value else { return nil }
    return Array(value.bytes)
  }
}

extension Snapshot {
  /// The value's bytes, copied.
  public func get(_ key: [UInt8]) throws(Failure) -> [UInt8]? {
    let value = try key.span.withUnsafeBytes { (key) throws(Failure) in try get(key) }
    guard let value else { return nil }
    return Array(value.bytes)
  }

  public func scan(
    from start: [UInt8], to end: [UInt8],
    _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws(Failure) -> Bool
  ) throws(Failure) {
    try start.span.withUnsafeBytes { (start) throws(Failure) in
      try end.span.withUnsafeBytes { (end) throws(Failure) in try scan(from: start, to: end, body) }
    }
  }
}
