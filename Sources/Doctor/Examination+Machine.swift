import Settings

extension Examination {
  mutating func configuration() {
    let configuration = setup.configuration
    let place = "configuration"
    guard configuration.problems.isEmpty else {
      for problem in configuration.problems {
        fail(.configuration, place, problem, fix: "correct it; nothing else is looked at until then")
      }
      return
    }
    for warning in configuration.warnings {
      warn(.configuration, "environment", warning, fix: "unset it, or give it the name that was meant")
    }
    if configuration.warnings.isEmpty {
      ok(
        .configuration, place, configuration.file.map { "\($0) can be read" } ?? "none given: every key has its default"
      )
    }
  }

  mutating func machine() {
    data()
    memory()
    openFiles()
    checkpoints()
  }

  private mutating func data() {
    let data = setup.data
    if let failure = data.failure {
      fail(.data, data.path, failure, fix: "name the data directory with --data DIR, or repair what the message names")
    } else if !data.isThere {
      ok(.data, data.path, "not there yet: 'millrace serve' or 'millrace run' makes it")
    } else if let process = data.inUseBy {
      skip(
        .data, data.path, "in use by process \(process): offsets and states are not looked at",
        fix: "millrace status --server URL asks the process; or stop it, and look again")
    } else {
      ok(.data, data.path, "can be read, and no process has it open")
    }
    guard let disk = data.disk else { return }
    if disk.freeBytes < 64 << 20 {
      fail(
        .disk, data.path, "\(Wording.size(disk.freeBytes)) are free: partitions stop before a commit that may not fit",
        fix: "free at least 64 MiB under \(data.path)")
    } else if disk.freeBytes < disk.usedBytes {
      warn(
        .disk, data.path,
        "\(Wording.size(disk.freeBytes)) are free and the state has \(Wording.size(disk.usedBytes)): no room to build it a "
          + "second time beside the first", fix: "free space under \(data.path), or build into another --data DIR")
    } else {
      room(disk, data.path, holds: "state")
    }
  }

  /// Of a disk that has what it must have.
  mutating func room(_ disk: SetupDescription.Disk, _ path: String, holds: String) {
    let reserve = disk.reserveBytes > 0 ? ", reserve \(Wording.size(disk.reserveBytes))" : ""
    let text =
      "\(Wording.size(disk.freeBytes)) of \(Wording.size(disk.totalBytes)) are free\(reserve), \(holds) "
      + Wording.size(disk.usedBytes)
    if disk.freeBytes < disk.totalBytes / 10 || disk.freeBytes < 2 * disk.reserveBytes {
      warn(.disk, path, "nearly full: \(text)", fix: "free space under \(path)")
    } else {
      ok(.disk, path, text)
    }
  }

  private mutating func memory() {
    let machine = setup.machine
    let stores = storeCount
    let budget = max(machine.budgetBytes, 64 << 20)
    let total = Wording.size(machine.memoryBytes)
    let fetched = machine.fetchBytesPerPartition * Int64(stores)
    if budget + fetched > machine.memoryBytes / 10 * 9 {
      let beside = fetched > 0 ? ", and the log's client takes up to \(Wording.size(fetched))" : ""
      fail(
        .memory, "machine",
        "`memory` is \(Wording.size(budget)) of \(total)\(beside): the system ends the process when it is used",
        fix: fetched > machine.memoryBytes / 4
          ? "lower `log.kafka.properties: {queued.max.messages.kbytes: ...}`, or run fewer partitions here"
          : "set `memory: 25%`, and not more than 75%")
      return
    }
    guard stores > 0 else {
      ok(.memory, "machine", "`memory` is \(Wording.size(budget)) of \(total)")
      return
    }
    // Half of the budget is the operators'; every store has two write buffers of at least 1 MiB.
    let share = budget / 2 / Int64(stores)
    let text =
      "`memory` is \(Wording.size(budget)) of \(total): \(Wording.size(share)) for ids, users and cells of each of \(stores) partitions"
    if share < 2 << 20 {
      fail(
        .memory, "machine", "\(text), which is less than their write buffers",
        fix: "set `memory: \(Wording.setting(Int64(stores) * (16 << 20)))`, or run fewer topologies in this process")
    } else if share < 8 << 20 {
      warn(
        .memory, "machine", "\(text): they will look up on disk what could be in memory",
        fix: "set `memory: \(Wording.setting(Int64(stores) * (32 << 20)))`")
    } else {
      ok(.memory, "machine", text)
    }
  }

  private mutating func openFiles() {
    let limit = setup.machine.openFiles
    let stores = Int64(storeCount)
    // RocksDB gets half of the limit, and at least 32 files of a store stay open whatever it is.
    let least = 2 * 32 * stores + Int64(setup.configuration.connections) + 64
    let advice =
      "ulimit -Hn \(roundUp(least * 4)) in the shell, or LimitNOFILE=\(roundUp(least * 4)) of the systemd service"
    let text =
      "a process may open \(limit) files here; \(stores) stores and \(setup.configuration.connections) connections"
    if limit < least {
      fail(.openFiles, "machine", "\(text) need \(least)", fix: advice)
    } else if limit < 2 * least {
      warn(.openFiles, "machine", "\(text) need \(least), and more as the state grows", fix: advice)
    } else {
      ok(.openFiles, "machine", "\(text) need \(least)")
    }
  }

  private func roundUp(_ number: Int64) -> Int64 {
    var power: Int64 = 1_024
    while power < number { power *= 2 }
    return power
  }

  private mutating func checkpoints() {
    guard let checkpoints = setup.configuration.checkpoints else { return }
    let path = checkpoints.path
    if !checkpoints.isThere {
      fail(
        .checkpoints, path,
        "the directory for checkpoints is not there: it would be made on this machine, where no other instance sees it",
        fix: "mount there what all instances share; if it is mounted above: mkdir -p \(path)")
    } else if !checkpoints.isWritable {
      fail(
        .checkpoints, path, "the directory for checkpoints cannot be written to",
        fix: "chown the directory to the user that runs millrace, or mount it writable")
    } else {
      ok(.checkpoints, path, "there, and can be written to")
    }
  }
}
