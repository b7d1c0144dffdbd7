import Basics
import Events

/// Retracted and asserted sessions as columns, in the order they were emitted. Reused from batch to batch.
final class SessionRows {
  private let columns: SessionColumns
  /// By column, what a session's own value is multiplied by.
  private let factors: [Int128]
  private(set) var count = 0
  private var capacity = 1024
  private var time: UnsafeMutablePointer<Int64>
  private var user: UnsafeMutablePointer<UInt32>
  private var weight: UnsafeMutablePointer<Int8>
  private var selection: UnsafeMutablePointer<Int32>
  private var texts: [UnsafeMutablePointer<UInt32>]
  private var numbers: [UnsafeMutablePointer<Int128>]

  init(columns: SessionColumns) {
    self.columns = columns
    factors = columns.sources.map { source in
      guard case .own(_, let kind) = source else { return 0 }
      return switch kind {
      case .scaled(let scale): powerOfTen(scale)
      case .exact: 2 * powerOfTen(18)
      case .text: 0
      }
    }
    let capacity = capacity
    time = .allocate(capacity: capacity)
    user = .allocate(capacity: capacity)
    weight = .allocate(capacity: capacity)
    selection = .allocate(capacity: capacity)
    for index in 0..<capacity { selection[index] = Int32(index) }
    texts = columns.sources.map { _ in .allocate(capacity: capacity) }
    numbers = columns.sources.map { _ in .allocate(capacity: capacity) }
  }

  deinit {
    time.deallocate()
    user.deallocate()
    weight.deallocate()
    selection.deallocate()
    for column in texts { column.deallocate() }
    for column in numbers { column.deallocate() }
  }

  func clear() { count = 0 }

  var rows: Rows {
    Rows(
      selection: selection, selected: count, time: time, user: user, weight: weight, texts: texts, numbers: numbers)
  }

  func append(_ session: UnsafeMutableRawPointer, _ layout: SessionLayout, _ number: UInt32, _ sign: Int8) {
    if count == capacity { grow() }
    let start = layout.start(session)
    time[count] = start
    user[count] = number
    weight[count] = sign
    for index in columns.sources.indices {
      switch columns.sources[index] {
      case .text(let text): texts[index][count] = layout.text(session, text)
      case .number(let number): numbers[index][count] = layout.number(session, number)
      case .own(let own, let kind):
        if case .text = kind {
          texts[index][count] = 0
          continue
        }
        let value: Int64 =
          switch own {
          case .start: start
          case .duration: layout.end(session) - start
          case .events: layout.events(session)
          }
        numbers[index][count] = Int128(value) * factors[index]
      }
    }
    count += 1
  }

  private func grow() {
    let larger = capacity * 2
    func moved<T>(_ old: UnsafeMutablePointer<T>) -> UnsafeMutablePointer<T> {
      let new = UnsafeMutablePointer<T>.allocate(capacity: larger)
      new.update(from: old, count: count)
      old.deallocate()
      return new
    }
    time = moved(time)
    user = moved(user)
    weight = moved(weight)
    selection.deallocate()
    selection = .allocate(capacity: larger)
    for index in 0..<larger { selection[index] = Int32(index) }
    texts = texts.map(moved)
    numbers = numbers.map(moved)
    capacity = larger
  }
}

func powerOfTen(_ exponent: Int) -> Int128 {
  var power: Int128 = 1
  for _ in 0..<exponent { power *= 10 }
  return power
}
