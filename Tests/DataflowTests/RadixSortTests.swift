import Seeded
import Testing

@testable import Dataflow

/// Goal: what is sorted is in order, equal keys as they came, each with its value. Method: the standard library sorts the same.
@Suite struct RadixSortTests {
  @Test(arguments: [1, 2, 3] as [UInt64])
  func inOrder(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let sorter = RadixSort()
    for _ in 0..<300 {
      let groups = 1 + random.below(random.below(2) == 0 ? 5 : 2_000)
      let members = 1 + random.below(random.below(2) == 0 ? 4 : 1 << 20)
      let count = random.below(random.below(4) == 0 ? 5_000 : 80)
      var group = 0
      let keys = (0..<count).map { _ in
        // Mostly in order, as cells come.
        group = random.below(8) == 0 ? random.below(groups) : min(group + random.below(2), groups - 1)
        return UInt64(group) << 32 | UInt64(random.below(members))
      }
      let expected = keys.enumerated().sorted { ($0.element, $0.offset) < ($1.element, $1.offset) }
      for isGrouped in [false, true] {
        for hasValues in [false, true] {
          var (sorted, values) = (keys, (0..<count).map { Int64($0) })
          sorted.withUnsafeMutableBufferPointer { sorted in
            values.withUnsafeMutableBufferPointer { values in
              guard let keys = sorted.baseAddress, let values = values.baseAddress else { return }
              if isGrouped {
                sorter.sort(keys, hasValues ? values : nil, count: count, groups: groups)
              } else {
                sorter.sort(keys, hasValues ? values : nil, count: count)
              }
            }
          }
          #expect(sorted == expected.map(\.element), "seed \(seed), \(count) keys")
          if hasValues { #expect(values == expected.map { Int64($0.offset) }, "seed \(seed), \(count) keys") }
        }
      }
    }
  }
}
