/// The largest of many movers, a fixed number of each measure, so that a sum of money does not crowd out the users.
struct LargestMovers {
  /// Up to twice as many as are kept: cutting back then costs each mover no more than a few steps of a sort.
  private struct Kept {
    var movers: [(mover: ViewDifference.Mover, size: Double, number: Int)] = []
    /// What is not larger is not among the largest any more.
    var floor = -Double.infinity

    mutating func cut(to limit: Int) {
      // Of equal ones the first stays.
      movers.sort { $0.size == $1.size ? $0.number < $1.number : $0.size > $1.size }
      guard movers.count >= limit, let last = movers.prefix(limit).last else { return }
      movers.removeLast(movers.count - limit)
      floor = last.size
    }
  }

  private let limit: Int
  private let size: (ViewDifference.Mover) -> Double
  private var byMeasure: [String: Kept] = [:]
  private var count = 0

  init(limit: Int, size: @escaping (ViewDifference.Mover) -> Double) {
    self.limit = limit
    self.size = size
  }

  mutating func add(_ mover: ViewDifference.Mover) {
    let size = abs(size(mover))
    count += 1
    guard size > byMeasure[mover.measure]?.floor ?? -.infinity else { return }
    // In place: a copy of the list for each mover would make long lists quadratic.
    byMeasure[mover.measure, default: Kept()].movers.append((mover, size, count))
    if byMeasure[mover.measure]!.movers.count >= 2 * limit { byMeasure[mover.measure]!.cut(to: limit) }
  }

  /// The largest first.
  var sorted: [ViewDifference.Mover] {
    var all: [(mover: ViewDifference.Mover, size: Double, number: Int)] = []
    for measure in byMeasure.keys.sorted() {
      var kept = byMeasure[measure]!
      kept.cut(to: limit)
      all += kept.movers
    }
    return all.enumerated().sorted {
      $0.element.size == $1.element.size ? $0.offset < $1.offset : $0.element.size > $1.element.size
    }.map(\.element.mover)
  }
}
