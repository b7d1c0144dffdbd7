/// Puts libyaml's complaints into words that say what to change.
enum YAMLSyntax {
  static func message(problem: String, context: String, began: YAMLEvents.Mark?, at mark: YAMLEvents.Mark) -> String {
    var message = "not YAML: \(problem)"
    if !context.isEmpty {
      message += " \(context)"
      if let began, began != mark { message += " that began at \(began.line):\(began.column)" }
    }
    return hint(problem, context).map { "\(message); \($0)" } ?? message
  }

  private static func hint(_ problem: String, _ context: String) -> String? {
    if context.contains("flow") {
      return "a value with a comma, colon or quote inside { } or [ ] needs quotes around all of it: "
        + "{where: \"event_type in ('a', 'b')\"}"
    }
    if problem.contains("mapping values are not allowed") {
      return "a value with ': ' in it needs quotes around all of it, and keys of one mapping the same indentation"
    }
    if problem.contains("unexpected end of stream") { return "is a quote not closed?" }
    if problem.contains("cannot start any token") {
      return "indent with spaces, not tabs; a value that begins with a special character needs quotes"
    }
    if problem.contains("expected ':'") { return "a line of a mapping is 'key: value'" }
    if problem.contains("did not find expected") {
      return "is it indented like its neighbours? A value that begins with a quote ends with it"
    }
    if problem.contains("control characters") { return "is it a text file?" }
    return nil
  }
}
