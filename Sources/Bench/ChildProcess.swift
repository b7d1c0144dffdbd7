import Basics
import Foundation
import Synchronization

/// A process that is measured from its start to its exit.
///
/// The largest resident size Linux reports of a process is never below its parent's at the start, so whoever measures must
/// stay small.
public struct ChildProcess {
  public struct Usage: Sendable {
    public var code: Int32 = 0
    /// By the monotonic clock, nanoseconds.
    public var startedAt: Int64 = 0
    public var endedAt: Int64 = 0
    /// User and system time of all threads, nanoseconds.
    public var cpuNanoseconds: Int64 = 0
    public var peakResidentBytes: Int64 = 0
    /// Bytes the process caused to be sent to the disk; 0 where the system does not say.
    public var bytesWritten: Int64 = 0

    public init(startedAt: Int64 = 0) { self.startedAt = startedAt }

    public var nanoseconds: Int64 { endedAt - startedAt }
  }

  private let identifier: pid_t
  private let startedAt: Int64

  /// Those that run now, to end with us.
  private static let running = Mutex<Set<pid_t>>([])

  public static func killAll() { running.withLock { for identifier in $0 { kill(identifier, SIGKILL) } } }

  /// - `input`: a file to read standard input from; nil reads nothing. `output`: where standard output goes. Standard error is
  ///   ours, or a file.
  public init(
    _ program: String, _ arguments: [String], input: Int32? = nil, output: String, errors: String? = nil
  ) throws(Failure) {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if let input {
      posix_spawn_file_actions_adddup2(&actions, input, 0)
    } else {
      posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    }
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    if let errors { posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o644) }
    // Settings in the environment would change what is measured.
    let environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("MILLRACE_") }
    var words = ([program] + arguments).map { strdup($0) } + [nil]
    var settings = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in words + settings { free(text) } }
    var identifier: pid_t = 0
    startedAt = ChildProcess.now()
    let code = ChildProcess.running.withLock { running in
      let code = posix_spawnp(&identifier, program, &actions, nil, &words, &settings)
      if code == 0 { running.insert(identifier) }
      return code
    }
    guard code == 0 else { throw .invalid("cannot start \(program): \(String(cString: strerror(code)))") }
    self.identifier = identifier
  }

  public func signal(_ number: Int32) { kill(identifier, number) }

  public var isRunning: Bool {
    var information = siginfo_t()
    return waitid(P_PID, id_t(identifier), &information, WEXITED | WNOHANG | WNOWAIT) == 0 && information.si_signo == 0
  }

  /// User and system time of all threads so far, nanoseconds, to the clock tick.
  public var cpuNanoseconds: Int64 {
    let text = (try? String(contentsOfFile: "/proc/\(identifier)/stat", encoding: .utf8)) ?? ""
    // The name, in parentheses, may hold anything; fields are counted behind it.
    let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
    guard fields.count > 12, let user = Int64(fields[11]), let system = Int64(fields[12]) else { return 0 }
    return (user + system) * (1_000_000_000 / Int64(sysconf(Int32(_SC_CLK_TCK))))
  }

  public var residentBytes: Int64 {
    let text = (try? String(contentsOfFile: "/proc/\(identifier)/statm", encoding: .utf8)) ?? ""
    let pages = text.split(separator: " ").dropFirst().first.flatMap { Int64($0) } ?? 0
    return pages * Int64(sysconf(Int32(_SC_PAGESIZE)))
  }

  public func wait() -> Usage {
    var usage = Usage(startedAt: startedAt)
    // Not reaped yet: what it wrote is known until then.
    var information = siginfo_t()
    while waitid(P_PID, id_t(identifier), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
    usage.endedAt = ChildProcess.now()
    usage.bytesWritten = ChildProcess.bytesWritten(of: "\(identifier)")
    var status: Int32 = 0
    var resources = rusage()
    _ = ChildProcess.running.withLock { $0.remove(identifier) }
    while wait4(identifier, &status, 0, &resources) < 0, errno == EINTR {}
    let signal = status & 0x7f
    usage.code = signal == 0 ? status >> 8 & 0xff : 128 + signal
    usage.cpuNanoseconds = ChildProcess.nanoseconds(resources.ru_utime) + ChildProcess.nanoseconds(resources.ru_stime)
    usage.peakResidentBytes = Int64(resources.ru_maxrss) * 1_024
    return usage
  }

  /// - `process`: a number, or `self`.
  public static func bytesWritten(of process: String) -> Int64 {
    let text = (try? String(contentsOfFile: "/proc/\(process)/io", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("write_bytes: ") }
    return line.flatMap { Int64($0.dropFirst("write_bytes: ".count)) } ?? 0
  }

  public static func nanoseconds(_ time: timeval) -> Int64 {
    Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_usec) * 1_000
  }

  public static func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
