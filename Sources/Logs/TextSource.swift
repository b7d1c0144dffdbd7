import Basics
import Glibc

/// The uncompressed text of one file, or of standard input for `-`, from its beginning.
final class TextSource {
  private static let inputBytes = 256 << 10
  private static let gzipMagic: [UInt8] = [0x1f, 0x8b]
  private static let zstdMagic: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd]

  let path: String
  private let descriptor: Int32
  private let owned: OpenFile?
  private let progress: ReadProgress
  private var decoder: (any TextDecoder)?
  private let input: UnsafeMutableRawBufferPointer
  private var inputNext = 0
  private var inputEnd = 0
  /// Stored bytes consumed, for messages.
  private var storedByte = 0
  private var damage: Failure?

  /// - Errors: `.invalid` when the file cannot be opened, `.corrupt` when it is not what its name says.
  init(_ path: String, progress: ReadProgress) throws(Failure) {
    self.path = path
    self.progress = progress
    owned = path == "-" ? nil : try OpenFile(path, flags: O_RDONLY)
    descriptor = owned?.descriptor ?? STDIN_FILENO
    posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
    input = .allocate(byteCount: TextSource.inputBytes, alignment: 16)
    while inputEnd < 4 {
      let count = try receive(UnsafeMutableRawBufferPointer(rebasing: input[inputEnd...]))
      if count == 0 { break }
      inputEnd += count
    }
    decoder = try chooseDecoder()
  }

  deinit { input.deallocate() }

  /// The first bytes decide. A name that promises compression must be right, or a damaged file would pass for text.
  private func chooseDecoder() throws(Failure) -> (any TextDecoder)? {
    let head = input[..<inputEnd]
    if head.starts(with: TextSource.gzipMagic) { return GzipStream() }
    if head.starts(with: TextSource.zstdMagic) { return ZstdStream() }
    // A skippable frame, which pzstd and others put first: 0x184D2A50 to 0x184D2A5F.
    if inputEnd >= 4, head[0] & 0xf0 == 0x50, head[1...].starts(with: [0x2a, 0x4d, 0x18]) { return ZstdStream() }
    for (suffix, name) in [(".gz", "gzip"), (".zst", "zstd")] where path.hasSuffix(suffix) {
      throw .corrupt(
        "\(path): does not begin as \(name) does (byte 0\(inputEnd == 0 ? ", the file is empty" : "")); get the file again, or "
          + "rename it if it is plain text")
    }
    return nil
  }

  /// The next bytes of text; 0 at the end, or the end for now.
  /// - Errors: `.corrupt` for damaged or truncated compressed data, after everything before it was delivered; also on
  ///   every later call.
  func read(into output: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
    guard let decoder else { return try readPlain(into: output) }
    while true {
      if let damage { throw damage }
      let available = UnsafeRawBufferPointer(rebasing: input[inputNext..<inputEnd])
      let result = decoder.decode(available, into: output)
      inputNext += result.consumed
      storedByte += result.consumed
      if let what = result.damage { damage = corrupt(what) }
      if result.produced > 0 { return result.produced }
      if damage != nil { continue }
      if inputNext < inputEnd {
        if result.consumed == 0 { damage = corrupt("it cannot be decompressed any further") }
        continue
      }
      inputNext = 0
      inputEnd = try receive(input)
      if inputEnd == 0 {
        if decoder.isComplete { return 0 }
        let failure = corrupt("it ends in the middle")
        damage = failure
        throw failure
      }
    }
  }

  private func readPlain(into output: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
    guard inputNext < inputEnd else { return try receive(output) }
    let count = min(inputEnd - inputNext, output.count)
    output.copyMemory(from: UnsafeRawBufferPointer(rebasing: input[inputNext..<inputNext + count]))
    inputNext += count
    return count
  }

  private func receive(_ room: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
    while true {
      let count = Glibc.read(descriptor, room.baseAddress, room.count)
      if count >= 0 {
        progress.add(count)
        return count
      }
      if errno != EINTR { throw OpenFile.failure(path, "cannot be read") }
    }
  }

  private func corrupt(_ what: String) -> Failure {
    .corrupt("\(path): the compressed data is damaged near byte \(storedByte) of the file: \(what); get the file again")
  }
}
