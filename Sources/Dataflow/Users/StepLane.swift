/// When a user did a step, and for entries the value of `by`.
struct StepTime: BitwiseCopyable {
  var time: Int64
  /// Dictionary code; 0 for steps other than the first, and when the funnel has no `by`.
  var by: UInt32
}

/// A set of step times of one user and one step, sorted by time, then by when it came.
///
/// Two events of a step at the same time and with the same `by` are one: neither levels nor times between steps can tell.
struct StepLane: BitwiseCopyable {
  var steps: UnsafeMutablePointer<StepTime>?
  var count: Int32
  var capacity: Int32

  /// The first index with time >= `time`.
  @inline(__always) func firstIndex(atOrAfter time: Int64) -> Int {
    // Events mostly come in order, so the end is looked at first.
    if count == 0 || steps![Int(count) - 1].time < time { return Int(count) }
    var low = 0
    var high = Int(count)
    while low < high {
      let middle = (low + high) >> 1
      if steps![middle].time < time { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// False when it was there already.
  mutating func insert(_ step: StepTime, _ pool: ListPool) -> Bool {
    var index = firstIndex(atOrAfter: step.time)
    while index < Int(count), steps![index].time == step.time {
      if steps![index].by == step.by { return false }
      index += 1
    }
    if count == capacity {
      let larger = max(2, Int(capacity) * 2)
      let stride = MemoryLayout<StepTime>.stride
      let moved = pool.grow(
        steps.map { UnsafeMutableRawPointer($0) }, from: Int(capacity) * stride, to: larger * stride,
        keeping: Int(count) * stride)
      steps = moved.bindMemory(to: StepTime.self, capacity: larger)
      capacity = Int32(larger)
    }
    if index < Int(count) { (steps! + index + 1).update(from: steps! + index, count: Int(count) - index) }
    steps![index] = step
    count += 1
    return true
  }

  /// Copies the steps; the old ones go with their pool.
  mutating func move(to pool: ListPool) {
    guard let old = steps else { return }
    let stride = MemoryLayout<StepTime>.stride
    let moved = pool.allocate(Int(capacity) * stride)
    moved.copyMemory(from: old, byteCount: Int(count) * stride)
    steps = moved.bindMemory(to: StepTime.self, capacity: Int(capacity))
  }

  /// Forgets steps before `time`.
  mutating func removeBefore(_ time: Int64) {
    guard count > 0, steps![0].time < time else { return }
    let index = firstIndex(atOrAfter: time)
    steps!.update(from: steps! + index, count: Int(count) - index)
    count -= Int32(index)
  }
}
