import Basics
import Seeded
import Testing

/// Goal: whatever is taken, grown and given back, nobody else's memory is touched, and what should be zero is. Method: a seed does
/// all three with sizes around those at which memory is mapped and given on; each piece is filled with its own number, which it must
/// still have when it is looked at.
@Suite struct MemoryTests {
  private struct Piece {
    var memory: UnsafeMutablePointer<UInt32>
    var count: Int
    var number: UInt32
  }

  @Test(arguments: [1, 2, 3] as [UInt64])
  func piecesAreTheirOwners(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var pieces: [Piece] = []
    let megabyte = (1 << 20) / MemoryLayout<UInt32>.stride
    func count() -> Int {
      switch random.below(4) {
      case 0: megabyte * (1 + random.below(8))
      case 1: megabyte * (1 + random.below(8)) + random.below(3) - 1
      case 2: megabyte + random.below(5 * megabyte)
      default: 1 + random.below(megabyte)
      }
    }
    func fill(_ piece: Piece, from first: Int = 0) {
      (piece.memory + first).update(repeating: piece.number, count: piece.count - first)
    }
    func isWhole(_ piece: Piece, _ count: Int) -> Bool {
      UnsafeBufferPointer(start: piece.memory, count: count).allSatisfy { $0 == piece.number }
    }
    for number in 1...120 as ClosedRange<UInt32> {
      switch random.below(pieces.count > 12 ? 2 : 4) {
      case 0 where !pieces.isEmpty:
        let piece = pieces.remove(at: random.below(pieces.count))
        #expect(isWhole(piece, piece.count), "seed \(seed), \(number)")
        Memory.deallocate(piece.memory, piece.count)
      case 1 where !pieces.isEmpty:
        let index = random.below(pieces.count)
        let (before, after) = (pieces[index].count, count())
        Memory.resize(&pieces[index].memory, from: before, to: after)
        pieces[index].count = after
        #expect(isWhole(pieces[index], min(before, after)), "seed \(seed), \(number)")
        if after > before { fill(pieces[index], from: before) }
      default:
        let (count, isZeroed) = (count(), random.below(2) == 0)
        let memory: UnsafeMutablePointer<UInt32> = Memory.allocate(
          count, zeroed: isZeroed, sparse: random.below(4) == 0)
        let piece = Piece(memory: memory, count: count, number: number)
        if isZeroed {
          let isZero = UnsafeBufferPointer(start: piece.memory, count: count).allSatisfy { $0 == 0 }
          #expect(isZero, "seed \(seed), \(number)")
        }
        fill(piece)
        pieces.append(piece)
      }
    }
    for piece in pieces {
      #expect(isWhole(piece, piece.count), "seed \(seed)")
      Memory.deallocate(piece.memory, piece.count)
    }
  }
}
