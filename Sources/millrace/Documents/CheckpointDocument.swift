import Basics

/// One checkpoint and what was done with it: `millrace checkpoint create` and the like.
struct CheckpointDocument: Document {
  let topology: String
  let generation: Int
  let action: String
  let checkpoint: Int
  let offsets: [Int64?]

  /// - `rest`: what follows from it.
  func show(_ rest: String) {
    Console.print(
      "\(action) checkpoint \(checkpoint) of generation \(generation) of '\(topology)' at offsets "
        + CheckpointsDocument.text(offsets) + rest)
  }
}

/// `millrace checkpoint list`.
struct CheckpointsDocument: Document {
  struct Checkpoint: Decodable {
    let checkpoint: Int
    let createdAt: String
    let offsets: [Int64?]
    let bytes: Int64

    enum CodingKeys: String, CodingKey {
      case checkpoint, offsets, bytes
      case createdAt = "created_at"
    }
  }

  let checkpoints: [Checkpoint]

  func show() {
    Console.table(
      ["checkpoint", "made", "space", "offsets"],
      checkpoints.map { checkpoint in
        [
          "\(checkpoint.checkpoint)", checkpoint.createdAt, Console.size(checkpoint.bytes),
          CheckpointsDocument.text(checkpoint.offsets),
        ]
      }, right: [0, 2])
  }

  fileprivate static func text(_ offsets: [Int64?]) -> String {
    offsets.map { $0.map { "\($0)" } ?? "-" }.joined(separator: " ")
  }
}
