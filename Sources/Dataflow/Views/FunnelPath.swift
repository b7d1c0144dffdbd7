import Basics

/// One user's way through a funnel, computed from their step times.
///
/// For an entry e, T(0) = e and T(k) is the earliest step-k time not before T(k-1) (`strict`: after it). The entry reaches
/// step k when T(k) <= e + within. T(k) never falls as e rises; everything here rests on that.
struct FunnelPath {
  let lanes: UnsafeMutablePointer<StepLane>
  let steps: Int
  let within: Int64
  let strict: Bool

  private static let never = Int64.max

  /// The earliest time of `step` that may follow `time`.
  @inline(__always) private func next(_ step: Int, after time: Int64) -> Int64 {
    let lane = lanes[step]
    let index = lane.firstIndex(atOrAfter: strict ? time + 1 : time)
    return index < Int(lane.count) ? lane.steps![index].time : FunnelPath.never
  }

  /// T(step) of an entry, whether within or not.
  private func arrival(_ entry: Int64, at step: Int) -> Int64 {
    var time = entry
    for step in 1..<step + 1 {
      time = next(step, after: time)
      if time == FunnelPath.never { return time }
    }
    return time
  }

  /// The level an entry at `entry` has, whether it is stored yet or not.
  func level(of entry: Int64) -> Int {
    var time = entry
    for step in 1..<steps {
      time = next(step, after: time)
      if time == FunnelPath.never || time - entry > within { return step }
    }
    return steps
  }

  /// Indices of entries whose T(step) a new event of `step` (from 1) at `time` brings forward, within reach; nil for none.
  ///
  /// Those for which T(step-1) <= time, and no earlier event of the step already served.
  func entriesChanged(by step: Int, at time: Int64) -> Range<Int>? {
    let entries = lanes[0]
    let low = entries.firstIndex(atOrAfter: time - within)
    let high = entries.firstIndex(atOrAfter: strict ? time : time + 1)
    guard low < high else { return nil }
    let lane = lanes[step]
    let index = lane.firstIndex(atOrAfter: time)
    // The event is there already: nothing can change.
    if index < Int(lane.count), lane.steps![index].time == time { return nil }
    let previous: Int64? = index > 0 ? lane.steps![index - 1].time : nil
    func isServed(_ entry: Int64) -> Bool {
      guard let previous else { return false }
      let arrival = step == 1 ? entry : self.arrival(entry, at: step - 1)
      return strict ? arrival < previous : arrival <= previous
    }
    func canUse(_ entry: Int64) -> Bool {
      let arrival = step == 1 ? entry : self.arrival(entry, at: step - 1)
      return strict ? arrival < time : arrival <= time
    }
    // Both hold for a prefix of the entries.
    let first = boundary(low, high) { isServed(entries.steps![$0].time) }
    let end = boundary(first, high) { canUse(entries.steps![$0].time) }
    return first < end ? first..<end : nil
  }

  /// The first index in low..<high for which the condition, true on a prefix, is false.
  private func boundary(_ low: Int, _ high: Int, _ holds: (Int) -> Bool) -> Int {
    var low = low
    var high = high
    while low < high {
      let middle = (low + high) >> 1
      if holds(middle) { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// What a user's entries of a bucket, and of one value of `by` if given, come to: the best level, 0 without entries.
  ///
  /// `samples[k]` becomes the milliseconds from step k-1 to step k (from 0) of the last entry that reaches step k, or -1.
  /// Entries are walked from the last to the first; those that cannot do better than a later one are leapt over.
  func summary(bucket: Int64, by: UInt32?, samples: UnsafeMutablePointer<Int64>) -> Int {
    samples.initialize(repeating: -1, count: steps)
    var best = 0
    let entries = lanes[0]
    let first = entries.firstIndex(atOrAfter: bucket)
    var index = entries.firstIndex(atOrAfter: bucket + BucketClock.quarter) - 1
    while index >= first {
      let entry = entries.steps![index]
      if let by, entry.by != by {
        index -= 1
        continue
      }
      best = max(best, follow(entry.time, samples))
      if best == steps { break }
      index = min(index - 1, lastEntry(before: arrival(entry.time, at: best), at: best))
    }
    return best
  }

  /// Walks one entry; fills the samples that no later entry has filled.
  private func follow(_ entry: Int64, _ samples: UnsafeMutablePointer<Int64>) -> Int {
    var time = entry
    for step in 1..<steps {
      let arrival = next(step, after: time)
      if arrival == FunnelPath.never || arrival - entry > within { return step }
      if samples[step] < 0 { samples[step] = arrival - time }
      time = arrival
    }
    return steps
  }

  /// The index of the last entry whose T(step) is before `time`: back from the last event of the step before it.
  private func lastEntry(before time: Int64, at step: Int) -> Int {
    var limit = time
    var exclusive = true
    for step in stride(from: step, through: 0, by: -1) {
      let lane = lanes[step]
      let index =
        (limit == FunnelPath.never ? Int(lane.count) : lane.firstIndex(atOrAfter: exclusive ? limit : limit + 1)) - 1
      guard index >= 0 else { return -1 }
      if step == 0 { return index }
      limit = lane.steps![index].time
      exclusive = strict
    }
    return -1
  }
}
