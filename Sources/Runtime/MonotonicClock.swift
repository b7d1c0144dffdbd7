import Foundation
import Glibc

/// Milliseconds of the machine's monotonic clock: for pacing and speed, never for results.
public func monotonicMilliseconds() -> Int64 { monotonicMicroseconds() / 1_000 }

/// As `monotonicMilliseconds`, for what takes less than one.
public func monotonicMicroseconds() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
}

/// Milliseconds since 1970 by the machine's clock: for stamping appends and for saying how fresh an answer is.
public func wallMilliseconds() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_REALTIME, &time)
  return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
}

/// The largest resident size the process has had, bytes.
public func peakResidentBytes() -> Int64 {
  // What `getrusage` says begins with the peak of whoever started the program.
  let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
  if let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
    let kibibytes = Int64(line.filter(\.isNumber))
  {
    return kibibytes * 1_024
  }
  var usage = rusage()
  getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
  return Int64(usage.ru_maxrss) * 1_024
}
