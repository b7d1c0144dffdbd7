import Basics
import Testing
import Workload

/// Goal: the options alone decide the bytes. Method: digests that are fixed here, so that they also hold between
/// machines and builds; they change only with the meaning of the workload.
@Suite struct RepeatableTests {
  private let options = WorkloadOptions(seed: 4_711, events: 5_000, users: 500, hostileShare: 0.02)

  @Test func sameOptionsMakeTheseBytes() throws {
    #expect(try MadeLines(options).digest == 0xd683_4d87_9f92_465c)
    var lean = options
    lean.recordBytes = 300
    #expect(try MadeLines(lean).digest == 0x6361_2605_eeae_f1c2)
  }

  @Test func anotherSeedMakesOtherBytes() throws {
    var other = options
    other.seed += 1
    let (made, otherMade) = (try MadeLines(options), try MadeLines(other))
    #expect(made.lines.first != otherMade.lines.first)
    #expect(made.digest != otherMade.digest)
  }

  @Test func impossibleOptionsAreRefused() {
    func refused(_ change: (inout WorkloadOptions) -> Void) {
      var options = WorkloadOptions()
      change(&options)
      #expect { try Workload(options) } throws: { ($0 as? Failure)?.kind == .invalid }
    }
    refused { $0.events = -1 }
    refused { $0.users = 0 }
    refused { $0.end = $0.start }
    refused { $0.start = -1 }
    refused { $0.recordBytes = 100 }
    refused { $0.recordBytes = 60_000 }
    refused { $0.duplicateShare = 0.6 }
    refused { $0.hostileShare = .nan }
    refused { ($0.lateShare, $0.veryLateShare) = (0.9, 0.2) }
  }
}
