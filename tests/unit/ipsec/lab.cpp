// SPDX-License-Identifier: BSD-3-Clause
#include "lab.h"

#include "support/frames.h"

#include <cstring>
#include <numeric>
#include <stdexcept>

#include <rte_mempool.h>

namespace sallyport::testing {

namespace {

net::IpAddress address(IpFamily family, unsigned n) {
    return *net::IpAddress::parse((family == IpFamily::ipv4 ? "192.0.2." : "2001:db8::")
                                  + std::to_string(n));
}

} // namespace

CryptoDevices& crypto() {
    start_eal();
    static std::unique_ptr<CryptoDevices> devices = [] {
        auto opened = CryptoDevices::open({.workers = 1, .sessions = 128});
        if (!opened) throw std::runtime_error(opened.error().message());
        return std::move(*opened);
    }();
    return *devices;
}

rte_mempool* buffers() {
    crypto();
    static rte_mempool* const pool =
        rte_pktmbuf_pool_create("ipsec_test", 1023, 0, 0, 10000, SOCKET_ID_ANY);
    if (pool == nullptr) throw std::runtime_error("no memory for buffers");
    return pool;
}

std::string SaOptions::name() const {
    return std::string(to_string(algorithm)) + " " + std::string(to_string(mode)) + " "
           + std::string(net::to_string(outer)) + " over " + std::string(net::to_string(inner))
           + (udp ? " udp" : "") + (esn ? " esn" : "");
}

std::vector<SaOptions> all_shapes() {
    std::vector<SaOptions> shapes;
    for (const AlgorithmInfo& suite : algorithms())
        for (const IpFamily outer : {IpFamily::ipv4, IpFamily::ipv6})
            for (const bool udp : {false, true})
                for (const bool esn : {false, true}) {
                    SaOptions options{suite.algorithm, Mode::transport, outer, outer, udp, esn};
                    shapes.push_back(options);
                    options.mode = Mode::tunnel;
                    shapes.push_back(options);
                    options.inner = outer == IpFamily::ipv4 ? IpFamily::ipv6 : IpFamily::ipv4;
                    shapes.push_back(options);
                }
    return shapes;
}

SaSettings sa_settings(const SaOptions& options, Direction direction) {
    const bool outbound = direction == Direction::outbound;
    SaSettings settings;
    settings.name = "test";
    settings.spi = 0x12345678;
    settings.direction = direction;
    settings.algorithm = options.algorithm;
    settings.key = Secret(info(options.algorithm).key_material());
    std::iota(settings.key.octets().begin(), settings.key.octets().end(), std::uint8_t{0x40});
    settings.mode = options.mode;
    settings.local = address(options.outer, outbound ? 1 : 2);
    settings.remote = address(options.outer, outbound ? 2 : 1);
    settings.inner_family = options.inner;
    if (options.udp) settings.udp = UdpEncapsulation{};
    settings.esn = options.esn;
    settings.replay_window = options.window;
    settings.first_sequence = options.first;
    return settings;
}

std::unique_ptr<SaSession> session(SaSettings settings) {
    if (auto valid = validate(settings); !valid) throw std::runtime_error(valid.error().message());
    const OutboundHeaders headers(settings, scratch_of(info(settings.algorithm)));
    auto engine = make_cpu_engine(settings, crypto(), &headers);
    if (!engine) throw std::runtime_error(engine.error().message());
    return std::make_unique<SaSession>(std::move(settings), std::move(*engine));
}

std::unique_ptr<SaSession> session(const SaOptions& options, Direction direction) {
    return session(sa_settings(options, direction));
}

Octets clear_frame(IpFamily family, std::size_t ip_length, std::uint8_t seed,
                   std::uint8_t traffic_class) {
    InnerFrame inner;
    inner.destination = mac(2);
    inner.source = mac(1);
    inner.traffic_class = traffic_class;
    inner.source_ip = address(family, 1);
    inner.destination_ip = address(family, 2);
    inner.payload = ip_length - 8 - (family == IpFamily::ipv4 ? 20 : 40);
    Octets frame = make_frame(inner);
    for (std::size_t i = frame.size() - inner.payload; i < frame.size(); ++i)
        frame[i] = static_cast<std::uint8_t>(i * 31 + seed);
    return frame;
}

rte_mbuf* make_packet(const Octets& frame) {
    rte_mbuf* const packet = rte_pktmbuf_alloc(buffers());
    if (packet == nullptr) throw std::runtime_error("out of test buffers");
    char* const room = rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size()));
    if (room == nullptr) throw std::runtime_error("frame does not fit a buffer");
    std::memcpy(room, frame.data(), frame.size());
    return packet;
}

Octets octets_of_packet(const rte_mbuf* packet) {
    const auto* const data = rte_pktmbuf_mtod(packet, const std::uint8_t*);
    return {data, data + packet->data_len};
}

Outcome run(SaSession& session, const std::vector<Octets>& frames) {
    std::vector<rte_mbuf*> packets;
    for (const Octets& frame : frames)
        packets.push_back(make_packet(frame));
    std::vector<PacketFault> faults(frames.size());
    const auto count = static_cast<std::uint16_t>(frames.size());
    const bool outbound = session.settings().direction == Direction::outbound;
    const BurstResult result = outbound
                                   ? session.protect(packets.data(), faults.data(), count, l2)
                                   : session.unprotect(packets.data(), faults.data(), count, l2);
    Outcome outcome;
    for (std::uint16_t i = 0; i < result.good; ++i) {
        EXPECT_EQ(packets[i]->pkt_len, packets[i]->data_len);
        outcome.good.push_back(octets_of_packet(packets[i]));
    }
    for (std::uint16_t i = result.good; i < result.good + result.refused; ++i)
        ++outcome.faults[std::string(name(faults[i]))];
    rte_pktmbuf_free_bulk(packets.data(), result.good + result.refused);
    return outcome;
}

Octets run_one(SaSession& session, const Octets& frame) {
    Outcome outcome = run(session, {frame});
    return outcome.good.empty() ? Octets{} : std::move(outcome.good.front());
}

std::string fault_of(SaSession& session, const Octets& frame) {
    const Outcome outcome = run(session, {frame});
    return outcome.faults.empty() ? "" : outcome.faults.begin()->first;
}

IpsecTest::IpsecTest() : before_(rte_mempool_avail_count(buffers())) {}

void IpsecTest::TearDown() {
    EXPECT_EQ(rte_mempool_avail_count(buffers()), before_) << "buffers are lost";
}

} // namespace sallyport::testing
