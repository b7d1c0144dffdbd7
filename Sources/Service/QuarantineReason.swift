import Dataflow

/// Names of why records are quarantined, for machines, by their place in a ledger. They are `Rejection`'s codes, which this
/// module may not see; its numbers are stored and never change.
enum QuarantineReason {
  static let codes = [
    "too_large", "invalid_utf8", "invalid_json", "not_an_object", "too_deep", "repeated_field", "missing_event_id",
    "event_id_too_long", "missing_event_type", "missing_user", "missing_timestamp", "wrong_type", "invalid_timestamp",
    "misplaced", "future",
  ]

  /// Every reason there is, and those a newer program has counted.
  static func counts(_ ledger: Ledger) -> [(reason: String, count: Int64)] {
    ledger.quarantined.indices.dropFirst().compactMap { index in
      let count = ledger.quarantined[index]
      if index <= codes.count { return (codes[index - 1], count) }
      return count == 0 ? nil : ("reason_\(index)", count)
    }
  }
}
