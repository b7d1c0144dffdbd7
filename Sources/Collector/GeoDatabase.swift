import Basics
import CMaxMind

/// Owns an `MMDB_s`: where addresses are, by a database file of MaxMind's format.
///
/// `@unchecked Sendable`: the library only reads the database once it is open.
public final class GeoDatabase: @unchecked Sendable {
  private let handle: UnsafeMutablePointer<MMDB_s>

  /// - Errors: `.invalid` for a file that is not there or not of the format.
  public init(_ path: String) throws(Failure) {
    let opened = UnsafeMutablePointer<MMDB_s>.allocate(capacity: 1)
    // Mapped: the file is read where it is asked.
    let code = MMDB_open(path, UInt32(MMDB_MODE_MMAP), opened)
    guard code == MMDB_SUCCESS else {
      // Before it is ours, so that `deinit` does not close what never was open.
      opened.deallocate()
      throw .invalid("\(path) cannot be used as a database of addresses: \(String(cString: MMDB_strerror(code)))")
    }
    handle = opened
  }

  deinit {
    MMDB_close(handle)
    handle.deallocate()
  }

  /// Nil for an address that is none or not in it. City databases know all three, country databases the first.
  public func place(_ address: String) -> Visitor.Place? {
    var (inputError, databaseError): (Int32, Int32) = (0, 0)
    var found = MMDB_lookup_string(handle, address, &inputError, &databaseError)
    guard inputError == 0, databaseError == MMDB_SUCCESS, found.found_entry,
      let country = text(&found.entry, ["country", "iso_code"])
    else { return nil }
    return Visitor.Place(
      country: country, region: text(&found.entry, ["subdivisions", "0", "iso_code"]),
      city: text(&found.entry, ["city", "names", "en"]))
  }

  private func text(_ entry: inout MMDB_entry_s, _ path: [StaticString]) -> String? {
    var data = MMDB_entry_data_s()
    var steps = path.map { UnsafeRawPointer($0.utf8Start).assumingMemoryBound(to: CChar.self) as UnsafePointer<CChar>? }
    steps.append(nil)
    guard MMDB_aget_value(&entry, &data, &steps) == MMDB_SUCCESS, data.has_data,
      data.type == UInt32(MMDB_DATA_TYPE_UTF8_STRING), let start = data.utf8_string
    else { return nil }
    return String(decoding: UnsafeRawBufferPointer(start: start, count: Int(data.data_size)), as: UTF8.self)
  }
}
