import CRdKafka

/// Something that goes wrong at the brokers and passes: told to librdkafka's mock cluster of three.
enum KafkaFault: String, CaseIterable {
  case allBrokersDown, oneBrokerDown, slowBrokers, leadersMove, coordinatorMoves
  case fetchErrors, storageErrors, produceErrors, listOffsetsErrors, metadataErrors
  case commitErrors, joinErrors, syncErrors, heartbeatErrors, memberForgotten, coordinatorAway, offsetFetchErrors

  /// Whether members look for their coordinator again. When one does while its request to join waits for the others, it joins a
  /// second time, which librdkafka's mock (2.0.2) takes for impossible: it ends the process. So nobody may be joining then.
  var concernsCoordinator: Bool {
    switch self {
    case .coordinatorMoves, .commitErrors, .joinErrors, .syncErrors, .heartbeatErrors, .coordinatorAway,
      .offsetFetchErrors:
      true
    default: false
    }
  }

  private enum Request: Int16 {
    case produce = 0, fetch = 1, listOffsets = 2, metadata = 3, offsetCommit = 8, offsetFetch = 9, findCoordinator = 10
    case joinGroup = 11, heartbeat = 12, syncGroup = 14
  }

  /// - `draw`: which broker, and so on.
  func begin(_ mock: OpaquePointer, topic: String, partitions: Int32, group: String, draw: Int) {
    let broker = Int32(draw % 3 + 1)
    func fail(_ request: Request, _ errors: [rd_kafka_resp_err_t]) {
      // Requests of several connections take them in turn.
      let all = Array((0..<4).map { _ in errors }.joined())
      rd_kafka_mock_push_request_errors_array(mock, request.rawValue, all.count, all)
    }
    switch self {
    case .allBrokersDown: rd_kafka_mock_broker_set_down(mock, -1)
    case .oneBrokerDown: rd_kafka_mock_broker_set_down(mock, broker)
    case .slowBrokers: rd_kafka_mock_broker_set_rtt(mock, -1, 300)
    case .leadersMove:
      for partition in 0..<partitions {
        rd_kafka_mock_partition_set_leader(mock, topic, partition, (partition + broker) % 3 + 1)
      }
    case .coordinatorMoves: rd_kafka_mock_coordinator_set(mock, "group", group, broker)
    case .fetchErrors:
      fail(.fetch, [RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_UNKNOWN])
    case .storageErrors:
      fail(.fetch, [RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, RD_KAFKA_RESP_ERR__TRANSPORT])
    case .produceErrors:
      fail(.produce, [RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT])
    case .listOffsetsErrors:
      fail(.listOffsets, [RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR__TRANSPORT])
      fail(.heartbeat, [RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID])
    case .metadataErrors: fail(.metadata, [RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE])
    case .commitErrors:
      fail(
        .offsetCommit,
        [
          RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
          RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
        ])
    case .joinErrors:
      fail(.heartbeat, [RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID])
      fail(.joinGroup, [RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE])
    case .syncErrors:
      fail(.heartbeat, [RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS])
      fail(.syncGroup, [RD_KAFKA_RESP_ERR_NOT_COORDINATOR])
    case .heartbeatErrors:
      fail(.heartbeat, [RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NOT_COORDINATOR])
    case .memberForgotten: fail(.heartbeat, [RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID])
    case .coordinatorAway:
      fail(.heartbeat, [RD_KAFKA_RESP_ERR_NOT_COORDINATOR])
      fail(.findCoordinator, [RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE])
    case .offsetFetchErrors:
      fail(.heartbeat, [RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION])
      fail(.offsetFetch, [RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS])
    }
  }

  func end(_ mock: OpaquePointer) {
    for request in [0, 1, 2, 3, 8, 9, 10, 11, 12, 14] as [Int16] { rd_kafka_mock_clear_request_errors(mock, request) }
    switch self {
    case .allBrokersDown, .oneBrokerDown: rd_kafka_mock_broker_set_up(mock, -1)
    case .slowBrokers: rd_kafka_mock_broker_set_rtt(mock, -1, 0)
    default: break
    }
  }
}
