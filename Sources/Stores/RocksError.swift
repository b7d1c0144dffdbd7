import Basics
import CRocksDB

/// Runs a C call that reports through `char **errptr`, and turns what it says into a `Failure`.
///
/// RocksDB prefixes the text with its status: `Corruption:` is an operator's matter, `IO error:` and a full disk pass.
@inline(__always)
func checked<R>(
  _ name: String, _ body: (_ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> R
) throws(Failure) -> R {
  var error: UnsafeMutablePointer<CChar>? = nil
  let result = body(&error)
  if let error { throw failure(name, error) }
  return result
}

@inline(never)
func failure(_ name: String, _ error: UnsafeMutablePointer<CChar>) -> Failure {
  let text = String(cString: error)
  rocksdb_free(error)
  let message = "store \(name): \(text)"
  if text.hasPrefix("Corruption") || text.contains("checksum mismatch") { return .corrupt(message) }
  if text.hasPrefix("Invalid argument") || text.hasPrefix("NotFound") { return .invalid(message) }
  return .unavailable(message)
}
