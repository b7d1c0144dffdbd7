/// Where a value was written: what a message about it begins with.
public enum Place: Hashable, Sendable {
  /// Counted from 1; columns are Unicode code points, a tab is one.
  case file(line: Int, column: Int)
  /// An environment variable.
  case variable(String)
}
