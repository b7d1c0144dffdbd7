import Basics
import Settings
import Testing

/// Goal: one file, every key with a default and a variable that wins. Method: load texts with made-up environments.
@Suite struct ConfigurationLoads {
  private func load(_ text: String, _ environment: [String: String] = [:]) throws(Failure) -> Configuration {
    try Configuration.load(text: text, file: "c.yaml", environment: environment)
  }

  @Test func nothingGivenIsTheDefaults() throws {
    let configuration = try Configuration.load(path: nil)
    #expect(configuration == Configuration())
    #expect(configuration.logPath == "./data/log")
    #expect(configuration.memory == .percent(25))
    #expect(configuration.listen.description == "127.0.0.1:8080")
    #expect(configuration.log.partitions == 4)
  }

  @Test func everyKeyIsRead() throws {
    let configuration = try load(
      """
      data: /var/lib/millrace
      listen: "[::]:80"
      advertise: 10.0.0.5:80
      memory: 2GiB
      log:
        embedded: { path: /log, partitions: 16, reserve: 10GB, segment_size: 1GiB, retention: { age: 30d, size: 50% } }
      topologies: [a.yaml, b.yaml]
      generations: { keep: 0, age: forever }
      http: { threads: 8, connections: 5 }
      """)
    var expected = Configuration()
    expected.data = "/var/lib/millrace"
    expected.listen = Address(host: "::", port: 80)
    expected.advertise = Address(host: "10.0.0.5", port: 80)
    expected.memory = .bytes(2 << 30)
    expected.log.path = "/log"
    expected.log.partitions = 16
    expected.log.reserve = .bytes(10_000_000_000)
    expected.log.segmentBytes = 1 << 30
    expected.log.retentionAge = .milliseconds(30 * Timestamp.day)
    expected.log.retentionSize = .percent(50)
    expected.topologies = ["a.yaml", "b.yaml"]
    expected.generations.keep = 0
    expected.generations.age = .forever
    expected.http.threads = 8
    expected.http.connections = 5
    #expect(configuration == expected)
  }

  @Test func logFollowsTheDataDirectory() throws {
    #expect(try load("data: /d").logPath == "/d/log")
    #expect(try load("data: /d/").logPath == "/d/log")
    #expect(try load("topologies: one.yaml").topologies == ["one.yaml"])
    #expect(try load("log:\nhttp:\n  # threads: 2\n") == Configuration())
  }

  @Test func variablesWin() throws {
    let configuration = try load(
      "data: file\nlog: {embedded: {partitions: 8}}",
      [
        "MILLRACE_DATA": "variable", "MILLRACE_LOG_EMBEDDED_PARTITIONS": "16",
        "MILLRACE_LOG_EMBEDDED_RETENTION_AGE": "1d",
        "MILLRACE_TOPOLOGIES": "a.yaml, b.yaml", "MILLRACE_LISTEN": "0.0.0.0:1", "PATH": "/bin",
      ])
    #expect(configuration.data == "variable")
    #expect(configuration.log.partitions == 16)
    #expect(configuration.log.retentionAge == .milliseconds(Timestamp.day))
    #expect(configuration.topologies == ["a.yaml", "b.yaml"])
    #expect(configuration.listen.port == 1)
    #expect(configuration.warnings == [])
  }

  @Test func unknownVariablesAreWarnings() throws {
    let configuration = try load("{}", ["MILLRACE_LISTN": "x", "MILLRACE_NOTHING_SUCH": "", "MILLRACE_LOG": "x"])
    #expect(
      configuration.warnings == [
        "MILLRACE_LISTN: no such setting; did you mean 'MILLRACE_LISTEN'?", "MILLRACE_LOG: no such setting",
        "MILLRACE_NOTHING_SUCH: no such setting",
      ])
  }

  @Test func everythingWrongIsSaidAtOnce() {
    let failure = #expect(throws: Failure.self) {
      try load(
        """
        dta: x
        listen: 8080
        memory: 25
        log:
          embeded: {}
          embedded: { partitions: 0, segment_size: 10%, reserve: [1%], retention: { age: 30 days, sise: 1GB } }
        http: { threads: many }
        """, ["MILLRACE_HTTP_CONNECTIONS": "none"])
    }
    #expect(
      failure?.message == """
        c.yaml:1:1: unknown key 'dta'; did you mean 'data'?
        c.yaml:2:9: 'listen' is an address and a port such as 127.0.0.1:8080, not '8080'
        c.yaml:3:9: 'memory' is a size such as 64MiB or 2GB (KiB MiB GiB KB MB GB), or 25%, not '25'
        c.yaml:5:3: unknown key 'embeded' in 'log'; did you mean 'embedded'?
        c.yaml:6:27: 'partitions' is a whole number from 1 to 1024, not '0'
        c.yaml:6:44: 'segment_size' is from 64KiB to 4GiB
        c.yaml:6:58: 'reserve' is one value, not a list
        c.yaml:6:82: 'age' is a duration such as 7d, 90d or 3y (units ms s m h d w y), or forever, not '30 days'
        c.yaml:6:91: unknown key 'sise' in 'retention'; did you mean 'size'?
        c.yaml:7:18: 'threads' is a whole number from 1 to 64, not 'many'
        MILLRACE_HTTP_CONNECTIONS: 'connections' is a whole number from 1 to 100000, not 'none'
        """)
  }

  @Test func aMissingFileIsTheCallers() {
    #expect(throws: Failure.invalid("/nowhere/c.yaml: No such file or directory")) {
      try Configuration.load(path: "/nowhere/c.yaml")
    }
    #expect(throws: Failure.invalid("/tmp: Is a directory")) { try Configuration.load(path: "/tmp") }
  }
}
