import Dataflow
import Seeded

/// Random expressions from a seed, always the same ones.
extension SeededRandom {
  mutating func field() -> Field {
    let names = [
      "event_type", "geo.country", "properties.a-b", "properties.$x.2", "Wörter._", "events", "nothing", "exists.x",
    ]
    return Field(names[below(names.count)])
  }

  mutating func literal(isOrdered: Bool) -> Literal {
    switch below(isOrdered ? 2 : 3) {
    case 0:
      let texts = ["a", "it's", "''", "a, (b) and", "ü\n\t", " ", "\u{0}x", "e\u{301}"]
      return .text(texts[below(texts.count)])
    case 1:
      let digits = below(34)
      var number = Int128(0)
      for _ in 0..<digits { number = number * 10 + Int128(below(10)) }
      number %= 1_000_000_000_000_000_000_000_000_000_000_000
      return .number(number * (below(2) == 0 ? 2 : -2))
    default: return .boolean(below(2) == 0)
    }
  }

  mutating func predicate(depth: Int) -> Predicate {
    switch below(depth > 0 ? 7 : 3) {
    case 0:
      let comparisons: [Predicate.Comparison] = [.equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual]
      let index = below(comparisons.count)
      return .compare(field(), comparisons[index], literal(isOrdered: index > 1))
    case 1:
      var literals: [Literal] = []
      for _ in 0...below(3) { literals.append(literal(isOrdered: false)) }
      return .isIn(field(), literals)
    case 2: return .exists(field())
    case 3: return .not(predicate(depth: depth - 1))
    case 4: return .and(predicate(depth: depth - 1), predicate(depth: depth - 1))
    default: return .or(predicate(depth: depth - 1), predicate(depth: depth - 1))
    }
  }

  mutating func measure() -> Measure {
    let scale = below(2) == 0 ? nil : below(10)
    let filter = below(2) == 0 ? nil : predicate(depth: 3)
    let field = field()
    switch below(7) {
    case 0: return Measure(name: "m", function: .count, filter: filter)
    case 1: return Measure(name: "m", function: .sum(field), scale: scale, filter: filter)
    case 2: return Measure(name: "m", function: .avg(field), filter: filter)
    case 3: return Measure(name: "m", function: .min(field), scale: scale, filter: filter)
    case 4: return Measure(name: "m", function: .max(field), scale: scale, filter: filter)
    case 5: return Measure(name: "m", function: .distinct, filter: filter)
    default:
      return Measure(name: "m", function: .quantile(field, millionths: 1 + below(999_999)), filter: filter)
    }
  }
}
