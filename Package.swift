// swift-tools-version: 6.2
import PackageDescription

// Exclusivity is still checked by the compiler; only the run-time bookkeeping is off, in the modules whose
// loops run once per event. Preconditions stay (see docs/DECISIONS.md).
let hot: [SwiftSetting] = [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]

let package = Package(
  name: "millrace",
  products: [
    .executable(name: "millrace", targets: ["millrace"]),
    // For programs that send events: needs Foundation and, on Linux, libcurl.
    .library(name: "MillraceClient", targets: ["MillraceClient"]),
  ],
  targets: [
    // C libraries, each mentioned by one Swift module only.
    .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CMaxMind", pkgConfig: "libmaxminddb", providers: [.apt(["libmaxminddb-dev"])]),
    .systemLibrary(name: "CRdKafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
    .systemLibrary(name: "CMicroHTTPD", pkgConfig: "libmicrohttpd", providers: [.apt(["libmicrohttpd-dev"])]),
    // Hashes and chance for API keys; libmicrohttpd brings it along for TLS.
    .systemLibrary(name: "CGnuTLS", pkgConfig: "gnutls", providers: [.apt(["libgnutls28-dev"])]),
    .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .target(name: "CSimdJSON", cxxSettings: [.unsafeFlags(["-O3"])], linkerSettings: [.linkedLibrary("simdjson")]),
    .target(name: "CRocksDB", linkerSettings: [.linkedLibrary("rocksdb")]),
    .target(name: "CChecksum", cSettings: [.unsafeFlags(["-O2"])]),

    // What a browser is given, as part of the program: no path to get wrong where it is deployed.
    .target(name: "CWebFiles", exclude: ["files"], cSettings: [.unsafeFlags(["-Wno-c23-extensions"])]),
    .target(name: "CMemory", cSettings: [.unsafeFlags(["-O2"])]),

    .target(name: "Basics", dependencies: ["CMemory"], swiftSettings: hot),
    .target(name: "Settings", dependencies: ["Basics", "CYAML"]),
    .target(name: "Events", dependencies: ["Basics", "CSimdJSON"], swiftSettings: hot),
    .target(name: "Logs", dependencies: ["Basics", "CChecksum", "CZstd", "CZlib", "CRdKafka"], swiftSettings: hot),
    .target(name: "Stores", dependencies: ["Basics", "CRocksDB"], swiftSettings: hot),
    .target(name: "Dataflow", dependencies: ["Basics", "Settings", "Events", "Stores"], swiftSettings: hot),
    .target(
      name: "Runtime", dependencies: ["Basics", "Settings", "Events", "Logs", "Stores", "Dataflow"],
      swiftSettings: hot),
    // Events from whoever sends them into the log: how they are sent, and when they are taken.
    .target(name: "Collector", dependencies: ["Basics", "Events", "Logs", "CMaxMind"], swiftSettings: hot),
    .target(
      name: "Service",
      dependencies: [
        "Basics", "Settings", "Dataflow", "Runtime", "Collector", "Requests", "CMicroHTTPD", "CGnuTLS", "CWebFiles",
      ]),
    // What can be wrong with a setup, as rules over a description of it.
    .target(name: "Doctor", dependencies: ["Settings", "Logs"]),
    .target(name: "Workload", dependencies: ["Basics"], swiftSettings: hot),
    // Measures the program as it is shipped, from outside; what it expects shares no code with what computes it.
    .target(name: "Bench", dependencies: ["Basics", "Events", "Workload"], swiftSettings: hot),
    .executableTarget(
      name: "millrace",
      dependencies: [
        "Basics", "Settings", "Events", "Logs", "Dataflow", "Runtime", "Collector", "Service", "Workload", "Bench",
        "Doctor", "Requests",
      ],
      // The program's malloc (see docs/DECISIONS.md).
      linkerSettings: [.linkedLibrary("tcmalloc_minimal")]),

    .target(name: "MillraceClient", dependencies: ["Requests"]),
    .target(name: "Requests", dependencies: [.target(name: "CCurl", condition: .when(platforms: [.linux]))]),

    .testTarget(name: "ClientTests", dependencies: ["MillraceClient", "Service"]),
    .testTarget(name: "RequestsTests", dependencies: ["Requests"]),
    .testTarget(name: "BasicsTests", dependencies: ["Seeded", "Basics"]),
    .testTarget(
      name: "SettingsTests", dependencies: ["Seeded", "Settings", "Dataflow", "Basics"], exclude: ["Scripts"]),
    .testTarget(name: "StoresTests", dependencies: ["Seeded", "Stores", "Basics"]),
    .testTarget(name: "EventsTests", dependencies: ["Seeded", "Events", "Basics"]),
    // What others compress, by the libraries alone.
    .target(name: "Compressed", dependencies: ["CZstd", "CZlib"], path: "Tests/Compressed"),
    .testTarget(name: "LogsTests", dependencies: ["Seeded", "Compressed", "Logs", "Basics", "CChecksum"]),
    // Kafka, as far as librdkafka's mock cluster is one.
    .testTarget(name: "KafkaTests", dependencies: ["Seeded", "Logs", "Basics", "CRdKafka"]),
    // The naive judge: Dataflow for the model (topologies, shapes of answers) and none of its operators.
    .target(name: "Seeded", path: "Tests/Seeded"),
    .target(name: "Oracle", dependencies: ["Seeded", "Basics", "Dataflow"], path: "Tests/Oracle"),
    .testTarget(name: "OracleTests", dependencies: ["Oracle", "Dataflow", "Basics"]),
    .testTarget(name: "DataflowTests", dependencies: ["Seeded", "Oracle", "Dataflow", "Events", "Stores", "Basics"]),
    .testTarget(
      name: "RuntimeTests",
      dependencies: [
        "Seeded", "Oracle", "Runtime", "Dataflow", "Events", "Logs", "Stores", "Workload", "Basics", "CRdKafka",
      ]),
    .testTarget(
      name: "CollectorTests", dependencies: ["Seeded", "Compressed", "Collector", "Events", "Logs", "Basics"]),
    .testTarget(
      name: "ServiceTests",
      dependencies: ["Seeded", "Compressed", "Service", "Collector", "Runtime", "Dataflow", "Logs", "Basics"]),
    .testTarget(
      name: "DoctorTests", dependencies: ["Doctor", "Logs", "Settings", "Basics"], exclude: ["Scripts"]),
    .testTarget(name: "WorkloadTests", dependencies: ["Workload", "Basics"]),
    .testTarget(name: "BenchTests", dependencies: ["Bench", "Basics"]),
    // The shipped program as a process: built separately, so that it is killed and restarted as it is shipped.
    .testTarget(name: "CommandTests", dependencies: ["Seeded", "Requests", "CRdKafka", "CZstd"], exclude: ["Python"]),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx17
)
