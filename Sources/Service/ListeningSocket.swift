import Basics
import Glibc

/// A TCP socket that listens. Made by us and not by the HTTP library, which cannot say why it failed.
struct ListeningSocket {
  let descriptor: Int32
  /// The one asked for, or the one the system chose.
  let port: UInt16

  /// - `isPublic`: whether other machines may reach it.
  /// - Errors: `.invalid` for a host that is unknown or not of this machine alone; `.unavailable` for an address in use.
  init(host: String, port: UInt16, isPublic: Bool) throws(Failure) {
    var hints = addrinfo()
    hints.ai_flags = AI_NUMERICSERV
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, String(port), &hints, &found)
    guard code == 0, let address = found?.pointee, let name = address.ai_addr else {
      throw .invalid("listen: '\(host)' is not an address of this machine: \(String(cString: gai_strerror(code)))")
    }
    defer { freeaddrinfo(found) }
    // Without API keys whoever reaches the port may read everything.
    guard isPublic || ListeningSocket.isLoopback(name) else {
      throw .invalid(
        "listen: '\(host)' can be reached from other machines; without API keys only 127.0.0.1 or ::1 may be used: make "
          + "some with 'millrace keys create', or say --insecure")
    }
    let place = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    let descriptor = socket(
      address.ai_family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    guard descriptor >= 0 else { throw ListeningSocket.failed("socket", place) }
    // Connections of a server that ran before, waiting out their last minute, do not keep the port.
    var on: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
    guard bind(descriptor, name, address.ai_addrlen) == 0, listen(descriptor, 1_024) == 0 else {
      let failure = ListeningSocket.failed("listen", place)
      close(descriptor)
      throw failure
    }
    self.descriptor = descriptor
    self.port = ListeningSocket.port(of: descriptor)
  }

  private static func isLoopback(_ name: UnsafePointer<sockaddr>) -> Bool {
    switch Int32(name.pointee.sa_family) {
    case AF_INET:
      name.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
        UInt32(bigEndian: $0.pointee.sin_addr.s_addr) >> 24 == 127
      }
    case AF_INET6:
      name.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
        withUnsafeBytes(of: $0.pointee.sin6_addr) { $0.elementsEqual([UInt8](repeating: 0, count: 15) + [1]) }
      }
    default: false
    }
  }

  private static func port(of descriptor: Int32) -> UInt16 {
    var name = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutableBytes(of: &name) { bytes in
      getsockname(descriptor, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), &length)
      // The port is at the same place in the addresses of both families.
      return UInt16(bigEndian: bytes.load(fromByteOffset: 2, as: UInt16.self))
    }
  }

  private static func failed(_ call: String, _ address: String) -> Failure {
    let code = errno
    switch code {
    case EADDRINUSE: return .unavailable("\(address) is in use by another process: stop it, or listen on another port")
    case EACCES: return .invalid("\(address): this user may not listen on that port; take one above 1023")
    default: return .unavailable("\(address): \(call): \(String(cString: strerror(code)))")
    }
  }
}
