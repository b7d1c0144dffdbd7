/// Columns of one batch between decoding and the views. Reused; grows to the largest batch.
struct BatchScratch: ~Copyable {
  private var capacity = 0
  private var columns = 0
  /// Usable rows, in log order.
  private(set) var candidates = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
  var candidateCount = 0
  /// Counted rows, in log order.
  private(set) var selection = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
  var selectedCount = 0
  private(set) var time = UnsafeMutablePointer<Int64>.allocate(capacity: 1)
  private(set) var user = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
  private(set) var slots = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
  /// Codes by column of the projection.
  private(set) var texts: [UnsafeMutablePointer<UInt32>] = []
  /// Stands where a column is not of numbers; never read.
  let noNumbers = UnsafeMutablePointer<Int128>.allocate(capacity: 1)

  deinit {
    candidates.deallocate()
    selection.deallocate()
    time.deallocate()
    user.deallocate()
    slots.deallocate()
    for column in texts { column.deallocate() }
    noNumbers.deallocate()
  }

  mutating func reserve(_ rows: Int, columns: Int) {
    guard rows > capacity || columns != self.columns else { return }
    capacity = max(rows, 1_024)
    self.columns = columns
    let capacity = capacity
    func renewed<T>(_ old: UnsafeMutablePointer<T>) -> UnsafeMutablePointer<T> {
      old.deallocate()
      return .allocate(capacity: capacity)
    }
    candidates = renewed(candidates)
    selection = renewed(selection)
    time = renewed(time)
    user = renewed(user)
    slots = renewed(slots)
    for column in texts { column.deallocate() }
    texts = (0..<columns).map { _ in .allocate(capacity: capacity) }
  }
}
