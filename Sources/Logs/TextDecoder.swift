/// Turns compressed bytes into text, piece by piece. Owned by one thread at a time.
protocol TextDecoder: AnyObject {
  /// Whether the input may end here: between two members or frames.
  var isComplete: Bool { get }

  /// Consumes some input and produces some output. `damage` says what is wrong with the input behind what was consumed;
  /// what was produced is good all the same. Nothing consumed and nothing produced means: more input, please.
  func decode(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) -> (consumed: Int, produced: Int, damage: String?)
}
