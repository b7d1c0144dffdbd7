import Basics

/// One verb.
struct Command {
  let syntax: CommandSyntax
  /// Returns the exit code: 0 done. Failures thrown become 1 (the caller) or 2 (time, an operator).
  let run: (Arguments) throws(Failure) -> Int32

  init(_ syntax: CommandSyntax, _ run: @escaping (Arguments) throws(Failure) -> Int32) {
    self.syntax = syntax
    self.run = run
  }
}
