import Basics
import Glibc
import Settings

@main
enum Millrace {
  static let version = "0.1.0"

  static var commands: [Command] {
    [
      Command(Demo.syntax, Demo.run), Command(Serve.syntax, Serve.run), Command(Run.syntax, Run.run),
      Command(ImportFiles.syntax, ImportFiles.run),
      Command(Validate.syntax, Validate.run), Command(PlanCommand.syntax, PlanCommand.run),
      Command(Deploy.syntax, Deploy.run), Command(Replay.syntax, Replay.run), Command(Diff.syntax, Diff.run),
      Command(Promote.syntax, Promote.run), Command(Rollback.syntax, Rollback.run), Command(Drop.syntax, Drop.run),
      Command(Verify.syntax, Verify.run), Command(CheckpointCommand.syntax, CheckpointCommand.run),
      Command(Status.syntax, Status.run), Command(Query.syntax, Query.run),
      Command(Funnel.syntax, Funnel.run), Command(UserCommand.syntax, UserCommand.run),
      Command(Export.syntax, Export.run),
      Command(Quarantine.syntax, Quarantine.run), Command(LogCommand.syntax, LogCommand.run),
      Command(DoctorCommand.syntax, DoctorCommand.run),
      Command(DashboardsCommand.syntax, DashboardsCommand.run), Command(Keys.syntax, Keys.run),
      Command(Generate.syntax, Generate.run), Command(Benchmark.syntax, Benchmark.run),
    ]
  }

  static func main() {
    signal(SIGPIPE, SIG_IGN)
    // Writing past a limit on file sizes is an error to be reported like a full disk, not the end of the process.
    signal(SIGXFSZ, SIG_IGN)
    raiseOpenFiles()
    // Not exit(3): it takes RocksDB's globals down while a thread that just ended may still be closing its store. Everything
    // committed and printed is with the system by now.
    _exit(run(Array(CommandLine.arguments.dropFirst())))
  }

  /// A store per partition has many files; the soft limit is often 1,024 where far more is allowed.
  private static func raiseOpenFiles() {
    var limit = rlimit()
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard getrlimit(resource, &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    setrlimit(resource, &limit)
  }

  private static func run(_ words: [String]) -> Int32 {
    guard let verb = words.first else {
      Console.write(2, help)
      return 1
    }
    if verb == "--help" || verb == "-h" || verb == "help" {
      if words.count > 1, let command = commands.first(where: { $0.syntax.verb == words[1] }) {
        Console.write(1, command.syntax.help)
        return 0
      }
      Console.write(1, help)
      return 0
    }
    if verb == "--version" {
      Console.print("millrace \(version)")
      return 0
    }
    guard let command = commands.first(where: { $0.syntax.verb == verb }) else {
      Console.error(
        "unknown verb '\(verb)'\(Suggestion.hint(for: verb, among: commands.map(\.syntax.verb))); see 'millrace --help'"
      )
      return 1
    }
    do throws(Failure) {
      let isOpen = command.syntax.positional.last?.hasSuffix("...") ?? false
      let arguments = try Arguments(
        Array(words.dropFirst()), command.syntax, positionalLimit: isOpen ? .max : nil)
      if arguments.wantsHelp {
        Console.write(1, command.syntax.help)
        return 0
      }
      if let level = arguments.text("log-level") { try setLevel(level) }
      return try command.run(arguments)
    } catch {
      Console.error(error.message)
      return error.kind == .invalid && !command.syntax.failureIsTwo ? 1 : 2
    }
  }

  private static func setLevel(_ name: String) throws(Failure) {
    guard let level = Console.Level(rawValue: name) else {
      throw .invalid(
        "--log-level takes \(Console.Level.allCases.map(\.rawValue).joined(separator: ", ")), not '\(name)'")
    }
    Console.level.withLock { $0 = level }
  }

  private static var help: String {
    let width = (commands.map(\.syntax.verb.count).max() ?? 0) + 2
    let verbs = commands.map { command in
      let verb = command.syntax.verb
      return "  \(verb)\(String(repeating: " ", count: width - verb.count))\(command.syntax.summary)"
    }
    return """
      millrace: live and historical product analytics from one log

      Verbs:
      \(verbs.joined(separator: "\n"))

      millrace VERB --help shows a verb's options and an example.
      First steps: millrace demo

      """
  }
}
