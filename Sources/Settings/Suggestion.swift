/// The name somebody most likely meant.
public enum Suggestion {
  /// The candidate with the fewest typing errors, when they are few for its length; the first of equals.
  public static func closest(to written: String, among candidates: [String]) -> String? {
    let word = Array(written.lowercased().unicodeScalars.prefix(80))
    let allowed = max(1, word.count / 3)
    var best: (distance: Int, name: String)?
    for name in candidates {
      let other = Array(name.lowercased().unicodeScalars)
      guard abs(other.count - word.count) <= allowed else { continue }
      let distance = distance(word, other)
      if distance <= allowed, distance < best?.distance ?? .max { best = (distance, name) }
    }
    return best?.name
  }

  /// `; did you mean 'x'?`, or else `; expected one of x, y`.
  public static func hint(for written: String, among candidates: [String]) -> String {
    if let name = closest(to: written, among: candidates) { return "; did you mean '\(name)'?" }
    switch candidates.count {
    case 0: return ""
    case 1: return "; expected \(candidates[0])"
    case ...20: return "; expected one of \(candidates.joined(separator: ", "))"
    default: return ""
    }
  }

  /// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
  private static func distance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...b.count)
    for i in a.indices {
      var row = [i + 1]
      for j in b.indices {
        var cost = min(row[j] + 1, last[j + 1] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforeLast[j - 1] + 1) }
        row.append(cost)
      }
      beforeLast = last
      last = row
    }
    return last[b.count]
  }
}
