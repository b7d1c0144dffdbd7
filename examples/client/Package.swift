// swift-tools-version: 6.2
import PackageDescription

// In a package of your own: .package(url: "<this repository>", branch: "main").
let package = Package(
  name: "client",
  dependencies: [.package(name: "millrace", path: "../..")],
  targets: [
    .executableTarget(name: "client", dependencies: [.product(name: "MillraceClient", package: "millrace")])
  ],
  swiftLanguageModes: [.v6]
)
