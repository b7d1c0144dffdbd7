import Basics
import Dataflow

/// What conditions, dimensions and measures look at: an event or a session.
protocol Subject {
  var user: [UInt8] { get }
  /// What its bucket is made of.
  var time: Int64 { get }
  /// Nil where missing; never empty.
  func text(_ field: Field) -> [UInt8]?
  func number(_ field: Field) -> SlowDecimal?
}

extension OracleEvent: Subject {
  private func value(_ field: Field) -> JSON? {
    if field.path == ["user_id"] { return .text(user) }
    return field.path.reduce(document) { (value: JSON?, name) in value?.member(name) }
  }

  func text(_ field: Field) -> [UInt8]? {
    switch value(field) {
    case .text(let text): text.isEmpty ? nil : text
    case .number(let token): Array(token.utf8)
    case .boolean(let value): Array((value ? "true" : "false").utf8)
    default: nil
    }
  }

  func number(_ field: Field) -> SlowDecimal? {
    guard case .number(let token) = value(field) else { return nil }
    let number = SlowDecimal(token)
    return number.isUsable ? number : nil
  }
}

struct OracleSession: Subject {
  /// Sorted by time, then id.
  var events: [OracleEvent]

  var user: [UInt8] { events[0].user }
  var time: Int64 { events[0].time }

  private func own(_ field: Field) -> Int64? {
    switch field.path {
    case ["start"]: time
    case ["duration"]: events.last!.time - time
    case ["events"]: Int64(events.count)
    default: nil
    }
  }

  func text(_ field: Field) -> [UInt8]? { own(field).map { Array(String($0).utf8) } ?? events[0].text(field) }

  func number(_ field: Field) -> SlowDecimal? {
    own(field).map { SlowDecimal(units: Int128($0), scale: 0) } ?? events[0].number(field)
  }
}

extension Predicate {
  /// SQL's three values; nil is unknown.
  func holds(for subject: some Subject) -> Bool? {
    switch self {
    case .compare(let field, let comparison, let literal):
      switch literal {
      case .text(let text): return comparison.holds(subject.text(field), Array(text.utf8), <)
      case .boolean(let value): return comparison.holds(subject.text(field), Array((value ? "true" : "false").utf8), <)
      case .number(let number):
        // A literal is twice the number in units of 10^-18.
        return comparison.holds(subject.number(field), SlowDecimal(units: number / 2, scale: 18), <)
      }
    case .isIn(let field, let literals):
      let comparisons = literals.map { Predicate.compare(field, .equal, $0) }
      return comparisons.dropFirst().reduce(comparisons[0]) { .or($0, $1) }.holds(for: subject)
    case .exists(let field): return subject.text(field) != nil
    case .not(let inner): return inner.holds(for: subject).map { !$0 }
    case .and(let a, let b):
      let (a, b) = (a.holds(for: subject), b.holds(for: subject))
      if a == false || b == false { return false }
      return a == true && b == true ? true : nil
    case .or(let a, let b):
      let (a, b) = (a.holds(for: subject), b.holds(for: subject))
      if a == true || b == true { return true }
      return a == false && b == false ? false : nil
    }
  }
}

extension Predicate.Comparison {
  fileprivate func holds<Value: Equatable>(_ value: Value?, _ literal: Value, _ precedes: (Value, Value) -> Bool)
    -> Bool?
  {
    // "" is the missing value, in the data and in the condition alike.
    guard let value, (literal as? [UInt8]) != [] else { return nil }
    switch self {
    case .equal: return value == literal
    case .notEqual: return value != literal
    case .less: return precedes(value, literal)
    case .lessOrEqual: return !precedes(literal, value)
    case .greater: return precedes(literal, value)
    case .greaterOrEqual: return !precedes(value, literal)
    }
  }
}

func < (a: [UInt8], b: [UInt8]) -> Bool { a.lexicographicallyPrecedes(b) }
